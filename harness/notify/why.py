"""Why an alert reaches whom: its routes, what mutes them at a moment, and which alerts silence it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from devtools.errors import UserError
from monitoring.catalog import Alert
from monitoring.destinations import destinations
from monitoring.routing import Labels, routes_of, silencers

Config = Mapping[str, Any]
FROM_SERIES = ("service", "env", "host", "instance", "subject")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
READ = {"times", "weekdays", "location"}


@dataclass(frozen=True)
class Reach:
    """One route that takes the alert."""

    receiver: str
    places: tuple[str, ...]
    grouped: str
    muted_by: str
    """The mute time that holds at the moment asked about, or nothing."""
    other_times: str
    """The mute times that hold at other moments."""


def labels_of(alert: Alert, said: Labels) -> dict[str, str]:
    """The labels of an alert: what the rule and the caller say; what comes with its series has a stand-in."""
    fixed = {name: value for name, value in alert.labels.items() if "{{" not in value}
    stand_ins = {name: f"(its {name})" for name in (*FROM_SERIES, *(alert.labels.keys() - fixed.keys()))}
    return {**stand_ins, **fixed, "alertname": alert.name, **said}


def reached(config: Config, labels: Labels, at: datetime) -> Iterator[Reach]:
    """Every route that takes the alert, in the order of the file."""
    by_name = {receiver["name"]: receiver for receiver in config["receivers"]}
    for route in routes_of(config, labels):
        receiver = by_name[route["receiver"]]
        names = list(route.get("mute_time_intervals", ()))
        now = [name for name in names if holds(config, name, at)]
        machines = [one.get("url", "a secret address") for one in receiver.get("webhook_configs", ())]
        places = [*map(str, destinations(receiver)), *(f"webhook {url}" for url in machines)]
        grouped = f"grouped by {', '.join(route.get('group_by', ()))}; waits {route.get('group_wait', '30s')}"
        others = ", ".join(name for name in names if name not in now)
        yield Reach(receiver["name"], tuple(places), grouped, ", ".join(now), others)


def holds(config: Config, name: str, at: datetime) -> bool:
    """Whether a mute time holds at a moment."""
    known = {one["name"]: one["time_intervals"] for one in config.get("time_intervals", ())}
    if name not in known:
        raise UserError(f"expected a time interval called {name}, found {', '.join(known) or 'none'}")
    return any(_within(interval, at) for interval in known[name])


def _within(interval: Mapping[str, Any], at: datetime) -> bool:
    if unread := interval.keys() - READ:
        raise UserError(f"expected a mute time of {', '.join(sorted(READ))}, found {', '.join(unread)}")
    local = at.astimezone(ZoneInfo(interval.get("location", "UTC")))
    days, times = interval.get("weekdays"), interval.get("times")
    return (days is None or any(_on(day, local) for day in days)) and (
        times is None or any(_at(one, local.time()) for one in times)
    )


def _on(days: str, moment: datetime) -> bool:
    """Alertmanager's week begins on Sunday; a range may be written sunday:saturday."""
    order = (DAYS[-1], *DAYS[:-1])
    first, _, last = days.lower().partition(":")
    return order.index(first) <= order.index(DAYS[moment.weekday()]) <= order.index(last or first)


def _at(times: Mapping[str, str], moment: time) -> bool:
    start, end = times["start_time"], times["end_time"]
    return time.fromisoformat(start) <= moment and (end == "24:00" or moment < time.fromisoformat(end))


def silenced(config: Config, labels: Labels, alerts: Sequence[Alert]) -> dict[str, str]:
    """The alerts that silence this one while they fire, and which labels must be the same in both."""
    others = {alert.name: labels_of(alert, {}) for alert in alerts if alert.name != labels["alertname"]}
    found: dict[str, str] = {}
    for other, equal in silencers(config, labels, list(others.values())):
        if all(_may_be_same(labels.get(name, ""), other.get(name, "")) for name in equal):
            found.setdefault(other["alertname"], ", ".join(equal))
    return found


def _may_be_same(one: str, another: str) -> bool:
    return one == another or "(its " in one[:5] or "(its " in another[:5]
