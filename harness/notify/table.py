"""Who is told of each alert by day and at night: every alert of the rules, as the routes lead it. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from harness.notify.sent import ZONE
from harness.notify.why import Config, labels_of, reached
from monitoring.catalog import Alert
from monitoring.destinations import destinations
from monitoring.routing import MATCHER, Labels, matchers_of

NOON, NIGHT = ((2026, 3, 4, hour) for hour in (12, 3))
"""A Wednesday, which is no holiday of anybody's."""
NOBODY = "nobody"
"""The receiver of what is told to no person by this route; another may tell one."""
WORDS = {"pagerduty": "PagerDuty {}", "slack": "{}", "smtp": "mail"}
HEADING = """# Who is told

Every alert, whom it reaches at noon and whom at three in the night, as `monitoring/alertmanager.yml` leads
it. `harness notify table` writes this page, and `harness notify why ALERT` says why, and what silences it.
A site's own channels, hours and routes are in a table of its own: `harness notify table --config FILE` with a
host's alertmanager.yml.

`rollback` and `rollback-heartbeat` are the rollback daemon, `dead-man` is the switch outside. A line with a
label is about alerts that have it from their series.

| alert | severity | at noon | at night |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One alert, or one with a label of its series that leads it elsewhere."""

    alert: Alert
    series: Mapping[str, str]
    noon: tuple[str, ...]
    night: tuple[str, ...]

    @property
    def labels(self) -> dict[str, str]:
        """The labels that it fires with; what no route asks about is a stand-in."""
        return labels_of(self.alert, self.series)


def rows(config: Config, alerts: Sequence[Alert]) -> Iterator[Row]:
    """Every alert, and after it the same one with each label of its series that leads it elsewhere."""
    noon, night = (datetime(*moment, tzinfo=ZoneInfo(_zone(config))) for moment in (NOON, NIGHT))
    asked = _asked(config["route"])
    by_rules = {name for alert in alerts for name, value in alert.labels.items() if "{{" not in value}
    for alert in alerts:
        free = [name for name in sorted(asked.keys() - by_rules) if not _pinned(alert, name)]
        found: list[Row] = []
        for series in ({}, *({name: value} for name in free for value in asked[name])):
            labels = labels_of(alert, series)
            at_noon, at_night = (places(config, labels, moment) for moment in (noon, night))
            found.append(Row(alert=alert, series=series, noon=at_noon, night=at_night))
        plain = found[0]
        yield from (
            row for row in found if row is plain or (row.noon, row.night) != (plain.noon, plain.night)
        )


def _zone(config: Config) -> str:
    """Return the zone in which the mute hours are told, which is where people sleep."""
    times = [one for named in config.get("time_intervals", ()) for one in named["time_intervals"]]
    return next((str(one["location"]) for one in times if "location" in one), ZONE)


def _pinned(alert: Alert, name: str) -> bool:
    """Tell whether the series of an alert all have the same value of a label."""
    return re.search(rf'\b{name}="', alert.expr) is not None


def places(config: Config, labels: Labels, at: datetime) -> tuple[str, ...]:
    """Where an alert arrives at a moment; a receiver that tells no person stands there by its name."""
    by_name = {receiver["name"]: receiver for receiver in config["receivers"]}
    found: dict[str, None] = {}
    for reach in reached(config, labels, at):
        if not reach.muted_by:
            people = [WORDS[one.service].format(one.place) for one in destinations(by_name[reach.receiver])]
            found |= dict.fromkeys(people or [reach.receiver])
    return tuple(place for place in found if place != NOBODY or len(found) == 1)


def page(shown: Sequence[Row]) -> str:
    """The table as a page of the documentation; labels that lead to the same places share a line."""
    lines: dict[tuple[str, ...], list[str]] = {}
    for row in sorted(shown, key=lambda row: row.alert.name):
        night = "the same" if row.night == row.noon else ", ".join(row.night) or "nobody until the morning"
        key = (row.alert.name, *row.series, row.alert.severity, ", ".join(row.noon), night)
        lines.setdefault(key, []).extend(f"`{name}={value}`" for name, value in row.series.items())
    return HEADING + "".join(
        f"| {name}{' with ' if series else ''}{' or '.join(series)} | {' | '.join(rest[-3:])} |\n"
        for (name, *rest), series in lines.items()
    )


def _asked(route: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values of each label that routes ask for, of this route and all below it."""
    found: dict[str, list[str]] = {}
    for matcher in matchers_of(route):
        if (parsed := MATCHER.fullmatch(matcher)) and parsed[2] in ("=", "=~"):
            found.setdefault(parsed[1], []).extend(parsed[3].split("|"))
    for child in route.get("routes", ()):
        for name, values in _asked(child).items():
            found[name] = list(dict.fromkeys((*found.get(name, ()), *values)))
    return found
