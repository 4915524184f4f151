"""Why an alert reaches whom: its routes, what mutes them at a moment, and which alerts silence it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from closing.errors import ClosingError
from closing.quiet import covers
from devtools.errors import UserError
from monitoring.catalog import Alert
from monitoring.destinations import destinations, elsewhere, without_elsewhere
from monitoring.routing import Labels, routes_of, silencers

Config = Mapping[str, Any]
FROM_SERIES = ("service", "env", "host", "instance", "subject")


@dataclass(frozen=True)
class Reach:
    """One route that takes the alert."""

    receiver: str
    places: tuple[str, ...]
    grouped: str
    muted_by: str
    """The times that keep a message back at the moment asked about, or nothing."""
    other_times: str
    """The times that do so at other moments."""


def labels_of(alert: Alert, said: Labels) -> dict[str, str]:
    """The labels of an alert: what the rule and the caller say; what comes with its series has a stand-in."""
    fixed = {name: value for name, value in alert.labels.items() if "{{" not in value}
    stand_ins = {name: f"(its {name})" for name in (*FROM_SERIES, *(alert.labels.keys() - fixed.keys()))}
    return {**stand_ins, **fixed, "alertname": alert.name, **said}


def reached(config: Config, labels: Labels, at: datetime) -> Iterator[Reach]:
    """Every route that takes the alert, in the order of the file."""
    by_name = {receiver["name"]: receiver for receiver in config["receivers"]}
    for route in routes_of(config, labels):
        receiver = by_name.get(route.get("receiver", ""))
        if receiver is None:
            raise UserError(
                f"expected each route to have one of the receivers {', '.join(by_name)}, "
                f"found {route.get('receiver', 'none')}"
            )
        times = _kept_back(config, route, at)
        machines = [_shown(one.get("url")) for one in receiver.get("webhook_configs") or ()]
        places = [
            *map(str, destinations(without_elsewhere(receiver))),
            *(f"webhook {url}" for url in machines),
            *(f"{kind} of receiver {receiver['name']}" for kind in elsewhere(receiver)),
        ]
        grouped = f"grouped by {', '.join(route.get('group_by', ()))}; waits {route.get('group_wait', '30s')}"
        now, others = (
            ", ".join(name for name, held in times.items() if held is at_once) for at_once in (True, False)
        )
        yield Reach(receiver["name"], tuple(places), grouped, now, others)


def _shown(url: object) -> str:
    """An address without what may be secret in it: the user before its host, the question after its path."""
    if not url:
        return "a secret address"
    parts = urlsplit(str(url))
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def holds(config: Config, name: str, at: datetime) -> bool:
    """Whether a time interval holds at a moment."""
    known = {
        one["name"]: one["time_intervals"]
        for key in ("time_intervals", "mute_time_intervals")
        for one in config.get(key, ())
    }
    if name not in known:
        raise UserError(f"expected a time interval called {name}, found {', '.join(known) or 'none'}")
    try:
        return covers(known[name], at)
    except (ClosingError, ValueError, KeyError) as error:
        raise UserError(f"expected {name} as Alertmanager reads time intervals, found: {error}") from error


def _kept_back(config: Config, route: Mapping[str, Any], at: datetime) -> dict[str, bool]:
    """The times of a route, each with whether it keeps messages back at a moment."""
    active = list(route.get("active_time_intervals", ()))
    outside = bool(active) and not any(holds(config, name, at) for name in active)
    return {
        **{name: holds(config, name, at) for name in route.get("mute_time_intervals", ())},
        **{f"all but {name}": outside for name in active},
    }


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
