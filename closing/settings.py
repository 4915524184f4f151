"""What the role writes: how Alertmanager is asked, and what in its configuration keeps a message back."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from .errors import ClosingError
from .matching import Inhibition, Matcher
from .quiet import Interval, covers


@dataclass(frozen=True, kw_only=True)
class TimedRoute:
    """A route that tells its receiver only at times: not in `mute`, and where `active` is said only then."""

    receiver: str
    mute: tuple[Interval, ...]
    active: tuple[Interval, ...] | None

    def is_mute(self, now: datetime) -> bool:
        """Tell whether it keeps its messages back at *now*."""
        return covers(self.mute, now) or (self.active is not None and not covers(self.active, now))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """`patience_s` is how long an alert must be gone before that counts, `keep_s` how long it is owed."""

    url: str
    username: str
    password: str
    ca_file: str
    patience_s: float
    keep_s: float
    inhibitions: tuple[Inhibition, ...]
    timed: tuple[TimedRoute, ...]

    def mute(self, now: datetime) -> frozenset[str]:
        """Return the receivers of which some route keeps its messages back at *now*."""
        return frozenset(one.receiver for one in self.timed if one.is_mute(now))


def load(path: Path) -> Settings:
    """Read *path*, or raise ClosingError."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return Settings(
            **values["alertmanager"],
            patience_s=float(values["patience_s"]),
            keep_s=float(values["keep_s"]),
            inhibitions=tuple(_inhibition(one) for one in values["inhibitions"]),
            timed=tuple(_timed(**one) for one in values["timed"]),
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ClosingError(
            f"expected the settings that the role writes in {path}, found: {error!r}"
        ) from error


def _inhibition(rule: Any) -> Inhibition:
    source, target = (tuple(_matcher(*one) for one in rule[side]) for side in ("source", "target"))
    return Inhibition(source=source, target=target, equal=tuple(rule["equal"]))


def _timed(receiver: str, mute: list[Interval], active: list[Interval] | None) -> TimedRoute:
    return TimedRoute(receiver=receiver, mute=tuple(mute), active=None if active is None else tuple(active))


def _matcher(name: str, operator: str, value: str) -> Matcher:
    return name, operator, value
