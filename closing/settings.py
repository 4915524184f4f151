"""What the role writes: how Alertmanager is asked, and what in its configuration keeps a message back."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .errors import ClosingError
from .matching import Inhibition, Labels, Matcher, matches
from .quiet import Interval, covers

EVERY_LABEL = "..."


@dataclass(frozen=True, kw_only=True)
class Route:
    """It takes what all `matchers` hold for, but for what a child, each a list of matchers, takes instead."""

    receiver: str
    matchers: tuple[Matcher, ...] = ()
    children: tuple[tuple[Matcher, ...], ...] = ()

    def takes(self, labels: Labels) -> bool:
        """Tell whether an alert with these labels is told by this route, once it comes here."""
        inner = any(matches(child, labels) for child in self.children)
        return matches(self.matchers, labels) and not inner


@dataclass(frozen=True, kw_only=True)
class GroupedRoute(Route):
    """A route with the labels that make its groups."""

    by: tuple[str, ...]

    def group(self, labels: Labels) -> str:
        """Return the group of an alert, as the memory writes it."""
        names = labels if EVERY_LABEL in self.by else self.by
        own = {name: labels[name] for name in names if name in labels}
        return json.dumps([self.receiver, own], sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class TimedRoute(Route):
    """A route that tells its receiver only at times: not in `mute`, and where `active` is said only then."""

    mute: tuple[Interval, ...]
    active: tuple[Interval, ...] | None

    def is_mute(self, now: datetime) -> bool:
        """Tell whether it keeps its messages back at *now*."""
        return covers(self.mute, now) or (self.active is not None and not covers(self.active, now))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`patience_s` is how long an alert must be gone before that counts, `keep_s` how long it is owed.

    Alerts began together that began within `crowd_s`.
    `slower_s` has the patience of receivers whose groups speak more rarely, `digest` where the receivers with
    mute hours are told in the morning: the address of the queue, and the channel.
    """

    url: str
    username: str
    password: str
    ca_file: str
    patience_s: float
    keep_s: float
    crowd_s: float
    inhibitions: tuple[Inhibition, ...]
    timed: tuple[TimedRoute, ...]
    grouped: tuple[GroupedRoute, ...] = ()
    slower_s: Mapping[str, float] = field(default_factory=dict)
    digest: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)

    def mute(self, now: datetime) -> tuple[TimedRoute, ...]:
        """Return the routes that keep their messages back at *now*."""
        return tuple(one for one in self.timed if one.is_mute(now))

    def groups(self, labels: Labels, receivers: Collection[str]) -> frozenset[str]:
        """Return the groups of an alert that Alertmanager leads to these receivers, at least one for each."""
        routes = [one for one in self.grouped if one.receiver in receivers and one.takes(labels)]
        others = set(receivers).difference(one.receiver for one in routes)
        return frozenset(
            [*(one.group(labels) for one in routes), *(json.dumps([name, {}]) for name in others)]
        )

    def patience(self, receivers: Iterable[str]) -> float:
        """Return how long an alert of these receivers must be gone."""
        return max([self.patience_s, *(self.slower_s.get(one, 0.0) for one in receivers)])


def load(path: Path) -> Settings:
    """Read *path*, or raise ClosingError."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Settings(
            **values["alertmanager"],
            patience_s=float(values["patience_s"]),
            keep_s=float(values["keep_s"]),
            crowd_s=float(values["crowd_s"]),
            inhibitions=tuple(_inhibition(one) for one in values["inhibitions"]),
            timed=tuple(_timed(**one) for one in values["timed"]),
            grouped=tuple(_grouped(**one) for one in values["grouped"]),
            slower_s={str(name): float(value) for name, value in values["slower_s"].items()},
            digest={
                str(name): tuple((str(url), str(channel)) for url, channel in places)
                for name, places in values["digest"].items()
            },
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ClosingError(
            f"expected the settings that the role writes in {path}, found: {error!r}"
        ) from error


def _inhibition(rule: Any) -> Inhibition:
    source, target = (tuple(_matcher(*one) for one in rule[side]) for side in ("source", "target"))
    return Inhibition(source=source, target=target, equal=tuple(rule["equal"]))


def _timed(mute: list[Interval], active: list[Interval] | None, **route: Any) -> TimedRoute:
    return TimedRoute(mute=tuple(mute), active=None if active is None else tuple(active), **_taking(**route))


def _grouped(by: list[str], **route: Any) -> GroupedRoute:
    return GroupedRoute(by=tuple(by), **_taking(**route))


def _taking(receiver: str, matchers: list[list[str]], children: list[list[list[str]]]) -> dict[str, Any]:
    return {
        "receiver": receiver,
        "matchers": tuple(_matcher(*one) for one in matchers),
        "children": tuple(tuple(_matcher(*one) for one in child) for child in children),
    }


def _matcher(name: str, operator: str, value: str) -> Matcher:
    return name, operator, value
