"""Who is called when nobody acknowledges a page, and whether what is promised can be kept. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from monitoring.detection import EVALUATION_MS, SCRAPE_MS
from monitoring.durations import parse_duration
from monitoring.errors import CatalogError
from monitoring.routing import routes_of
from monitoring.rule_files import Alert
from monitoring.yaml_text import read_yaml

SOURCE = Path(__file__).with_name("escalation.yml")
MINUTE_MS = 60_000
DEFAULT_WAIT = 30.0
NEVER = float("inf")


@dataclass(frozen=True)
class Level:
    """One level, and after how many minutes without an answer it is called.

    `calls` are schedules by their name and users by their mail address, as PagerDuty knows them.
    """

    name: str
    after: float
    calls: Sequence[str] = ()


@dataclass(frozen=True)
class Promise:
    """The means, in minutes, that the alerts of one severity stay under."""

    acknowledged: float
    resolved: float


@dataclass(frozen=True)
class Escalation:
    """The data of escalation.yml."""

    policy: str
    levels: Sequence[Level]
    promised: Mapping[str, Promise]
    answers_in: float


@dataclass(frozen=True)
class Paged:
    """An alert that pages: minutes from the beginning of the fault to the page, at best and at worst."""

    name: str
    severity: str
    soonest: float
    latest: float
    muted: bool


def read(text: str) -> Escalation:
    """Read escalation.yml; raises CatalogError where the levels are not called one after the other."""
    try:
        data = read_yaml(text)
        found = Escalation(
            str(data["policy"]),
            [Level(str(one["level"]), float(one["after"]), _calls(one)) for one in data["levels"]],
            {
                name: Promise(float(one["acknowledged"]), float(one["resolved"]))
                for name, one in data["promised"].items()
            },
            float(data["answers_in"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
        raise CatalogError(
            f"escalation: expected policy, levels, promised and answers_in, found: {error!r}"
        ) from error
    _refuse_order(found.levels)
    return found


def _calls(level: Mapping[str, Any]) -> Sequence[str]:
    found = level.get("calls", [])
    if not isinstance(found, list) or not all(isinstance(one, str) and one.strip() for one in found):
        raise CatalogError(
            f"escalation: expected calls of {level['level']} to be a list of schedules and mail addresses, "
            f"found {found!r}"
        )
    return [one.strip() for one in found]


def steps(escalation: Escalation) -> list[dict[str, Any]]:
    """Return whom PagerDuty calls one after the other, and how many minutes each may take to answer.

    The last ones have as long as those before them. Raises CatalogError where a level calls nobody, and for a
    part of a minute.
    """
    levels = escalation.levels
    if nobody := [one.name for one in levels if not one.calls]:
        raise CatalogError(
            f"escalation: expected calls for each level, found none for {', '.join(nobody)}; "
            'write them as calls: ["a schedule", "a.user@example.org"]'
        )
    waits = [later.after - one.after for one, later in pairwise(levels)] or [DEFAULT_WAIT]
    if odd := [f"{wait:g}" for wait in waits if wait != int(wait)]:
        raise CatalogError(f"escalation: expected whole minutes between levels, found {', '.join(odd)}")
    return [
        {"level": one.name, "minutes": int(wait), "calls": [*one.calls]}
        for one, wait in zip(levels, [*waits, waits[-1]], strict=False)
    ]


def _refuse_order(levels: Sequence[Level]) -> None:
    said = ", ".join(f"{one.name} after {one.after:g}" for one in levels) or "none"
    in_order = all(one.after < other.after for one, other in pairwise(levels))
    if not levels or levels[0].after != 0 or not in_order or len({one.name for one in levels}) < len(levels):
        raise CatalogError(
            "escalation: expected levels of different names, the first after 0 and each later than the one "
            f"before, found {said}"
        )


def paged(alerts: Sequence[Alert], config: Mapping[str, Any]) -> Iterator[Paged]:
    """Yield each alert that PagerDuty is told of, and how soon.

    That is its `for` and its group's wait, at worst one scrape and one evaluation more. A window that has to
    fill is not in it: how long that takes depends on how bad the fault is.
    """
    pagers = {one["name"] for one in config["receivers"] if one.get("pagerduty_configs")}
    for alert in alerts:
        routes = [
            route
            for route in routes_of(config, {**alert.labels, "alertname": alert.name})
            if route["receiver"] in pagers
        ]
        if routes:
            wait = min(parse_duration(str(route.get("group_wait", "30s"))) for route in routes)
            soonest = alert.for_ms + wait
            latest = soonest + SCRAPE_MS + EVALUATION_MS
            muted = all(route.get("mute_time_intervals") for route in routes)
            yield Paged(alert.name, alert.severity, soonest / MINUTE_MS, latest / MINUTE_MS, muted)


def needed_share(escalation: Escalation, promise: Promise) -> float:
    """Return which share of pages the first level must answer itself to keep the mean; over 1 is never.

    What it does not answer the second level answers, so the mean is that of both.
    """
    answers = escalation.answers_in
    if answers >= promise.acknowledged:
        return NEVER
    second = escalation.levels[1].after if len(escalation.levels) > 1 else NEVER
    return max(0.0, 1 - (promise.acknowledged - answers) / second)


def late(escalation: Escalation, promise: Promise, one: Paged) -> bool:
    """Tell whether even who mends it the moment that they answer the first call is too late."""
    return one.soonest + escalation.answers_in >= promise.resolved
