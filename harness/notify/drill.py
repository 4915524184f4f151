"""What a drill looks like: the labels that lead to a receiver, and the alert that says it is one. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from devtools.errors import UserError
from harness.notify.why import Config, Reach, reached
from monitoring.catalog import Alert
from monitoring.routing import MATCHER, Labels

LOUDNESS = ("info", "warning", "error", "critical", "none")
"""The severities of a drill in the order in which they are tried: the quietest that arrives is taken."""
DAEMON = "rollback"
"""The label by which alerts reach the rollback daemon and the dead-man switch. No drill carries it."""
LONGEST = timedelta(minutes=10)
"""A drill ends by itself after this, should nobody be left to end it."""
SUMMARY = "DRILL: nothing is wrong; somebody tests who is told"


def labels_for(config: Config, receiver: str, said: Labels, at: datetime) -> dict[str, str]:
    """The quietest labels that lead to a receiver, or a sentence on why there are none.

    UserError for a receiver that is unknown, that tells nobody, that no route reaches, that only the rollback
    daemon's label reaches, and that is muted at that moment.
    """
    _refuse_unknown(config, receiver)
    paths = list(_paths(config["route"], receiver, ()))
    tries = sorted((one for path in paths for one in _tries(path, said)), key=_loudness)
    ways = [[one for one in reached(config, labels, at) if one.receiver == receiver] for labels in tries]
    for labels, way in zip(tries, ways, strict=True):
        if any(not one.muted_by for one in way):
            return labels
    raise UserError(f"{receiver}: {_why_not(paths, {one.muted_by for way in ways for one in way})}")


def _why_not(paths: Sequence[Sequence[str]], muted: set[str]) -> str:
    """Why no drill arrives by these paths."""
    if muted:
        return (
            f"expected a receiver that is told now, found it muted by {', '.join(sorted(muted))}; "
            "try again when that is over, or another receiver"
        )
    if paths and all(any(_name(one) == DAEMON for one in path) for path in paths):
        return (
            f"only alerts with the label {DAEMON} reach it, and a drill with it would be a real alert to the "
            "rollback daemon or the dead-man switch; POST /api/admin/rollback/test asks the daemon what it "
            "would do"
        )
    conditions = "; ".join(", ".join(path) or "everything" for path in paths)
    why = f"; its routes ask for {conditions}, or stand behind one that takes the same" if paths else ""
    return f"expected a route to it, found none that a drill can take{why}"


def _loudness(labels: Labels) -> int:
    return LOUDNESS.index(labels["severity"]) if labels["severity"] in LOUDNESS else len(LOUDNESS)


def labels_of(alert: Alert, severity: str | None, said: Labels) -> dict[str, str]:
    """The labels of a drill of one alert: as the rule has them, about nothing real, unknown to the daemon."""
    fixed = {name: value for name, value in alert.labels.items() if "{{" not in value and name != DAEMON}
    kept = {name: value for name, value in fixed.items() if name not in ("rollback_trigger", "louder")}
    loud = {"severity": severity} if severity else {}
    return {**kept, "alertname": alert.name, **_about_nothing(), **loud, **said}


def drilled(labels: Labels, summary: str, now: datetime, *, ended: bool = False) -> dict[str, Any]:
    """The alert as Alertmanager is told of it."""
    return {
        "labels": {**labels},
        "annotations": {
            "summary": summary,
            "description": "This message is a drill. It is over within minutes, and nothing has to be done.",
        },
        "startsAt": now.astimezone(UTC).isoformat(),
        "endsAt": (now if ended else now + LONGEST).astimezone(UTC).isoformat(),
    }


def of_its_own(labels: Labels, now: datetime) -> dict[str, str]:
    """The labels of one drill among others: a group that is new is told at once, and joins no incident."""
    own = {"service": f"drill-{now:%H%M%S%f}"} if labels.get("service") == "drill" else {}
    return {**labels, **own}


def integrations(config: Config, reaches: Sequence[Reach]) -> dict[str, int]:
    """How many messages of each kind the routes that are not muted send, such as two by `slack`."""
    by_name: Mapping[str, Mapping[str, Any]] = {one["name"]: one for one in config["receivers"]}
    found: dict[str, int] = {}
    for receiver in (by_name[one.receiver] for one in reaches if not one.muted_by):
        for key, entries in receiver.items():
            if key.endswith("_configs") and entries:
                kind = key.removesuffix("_configs")
                found[kind] = found.get(kind, 0) + len(entries)
    return found


def _about_nothing() -> dict[str, str]:
    """Nothing real is the same as these, so that a loud drill silences no alert."""
    same = dict.fromkeys(("service", "subject", "host", "instance"), "drill")
    return {**same, "symptom": "test", "drill": "true"}


def _refuse_unknown(config: Config, receiver: str) -> None:
    known = {one["name"]: one for one in config["receivers"]}
    if receiver not in known:
        raise UserError(f"expected one of the receivers {', '.join(sorted(known))}, found {receiver!r}")
    if not any(key.endswith("_configs") and value for key, value in known[receiver].items()):
        raise UserError(f"{receiver}: expected a receiver that tells somebody, found no integration in it")


def _paths(route: Mapping[str, Any], receiver: str, above: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The matchers on the way to each route of the receiver, children before their parent."""
    path = (*above, *route.get("matchers", ()))
    for child in route.get("routes", ()):
        yield from _paths({"receiver": route.get("receiver"), **child}, receiver, path)
    if route.get("receiver") == receiver:
        yield path


def _tries(path: Sequence[str], said: Labels) -> Iterator[dict[str, str]]:
    """Labels that may go that way, the quietest first; the last has a severity that nobody knows."""
    wanted = dict(_wanted(path))
    if DAEMON in wanted:
        return
    severities = [wanted["severity"]] if "severity" in wanted else [*LOUDNESS, "unknown"]
    for severity in severities:
        plain = {"alertname": "MitaTestAlert", "component": "backend", **_about_nothing()}
        yield {**plain, "severity": severity, **wanted, **said}


def _wanted(path: Sequence[str]) -> Iterator[tuple[str, str]]:
    """A value for each label that must have one; of alternatives the first."""
    for matcher in path:
        parsed = MATCHER.fullmatch(matcher)
        if not parsed or parsed[2].startswith("!"):
            continue
        value = re.split(r"\|", parsed[3].strip("()^$"))[0]
        yield parsed[1], value


def _name(matcher: str) -> str:
    parsed = MATCHER.fullmatch(matcher)
    return parsed[1] if parsed and not parsed[2].startswith("!") else ""
