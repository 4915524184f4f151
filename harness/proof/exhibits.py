"""What a reader is shown beside a verdict: what the alert measured, what was sent, what its hosts logged."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from devtools.errors import UserError
from harness.clients import ClientError, Prometheus
from harness.incident.receipts import at, destination, names
from harness.lab import containers, engine
from harness.proof.runbook import printable, readable
from monitoring.errors import CatalogError
from monitoring.promql_parse import parse
from monitoring.routing import Labels
from monitoring.thresholds import comparison, threshold

BEFORE_S = 15.0
"""How much is shown of the time before the fault."""
MOST_POINTS, MOST_CURVES, MOST_LINES = 200, 6, 60
CHATTY = "prometheus-blackbox-exporter["
"""It says several lines for each of its probes, also where all is well."""
SECRET = frozenset({"routing_key", "token"})
HIDDEN = "(hidden)"


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One series of what an alert measures: moments in seconds since the epoch, and values."""

    labels: Labels
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Message:
    """What one receiver was sent, without the keys in it."""

    at: float
    place: str
    body: str


@dataclass(frozen=True, kw_only=True)
class Exhibits:
    """What is shown of one alert."""

    measured: str = ""
    """The expression that its rule compares, as it is installed."""
    limit: float | None = None
    curves: tuple[Curve, ...] = ()
    messages: tuple[Message, ...] = ()
    journal: Mapping[str, str] = field(default_factory=dict)
    """{host: the last lines of its journal while the fault was there}."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Where and when an alert is looked at."""

    hosts: tuple[str, ...]
    """Those of its fault."""
    span: tuple[float, float]
    """From the fault to the alert's end, in seconds since the epoch."""


def gathered(
    scenes: Mapping[str, Scene], prometheus: Prometheus, records: Sequence[Mapping[str, Any]]
) -> dict[str, Exhibits]:
    """What there is to see of each alert in its scene.

    What cannot be had is not shown: no verdict is lost for a picture.
    """
    installed: Mapping[str, Mapping[str, Any]] = {}
    with suppress(ClientError):
        installed = {rule["name"]: rule for rule in prometheus.alerting_rules()}
    asked = {(host, scene.span) for scene in scenes.values() for host in scene.hosts}
    journals = {(host, span): journal(host, *span) for host, span in asked}
    found = {}
    for alert, scene in scenes.items():
        heard = [one for one in records if scene.span[0] <= at(one) <= scene.span[1]]
        measured, limit = _measured(installed[alert]["query"]) if alert in installed else ("", None)
        found[alert] = Exhibits(
            measured=measured,
            limit=limit,
            curves=curves(prometheus, measured, *scene.span) if measured else (),
            messages=tuple(messages(heard, alert)),
            journal={host: journals[host, scene.span] for host in scene.hosts},
        )
    return found


def _measured(query: str) -> tuple[str, float | None]:
    """What is compared, and with which number; the whole condition where it is no such comparison."""
    try:
        tree = parse(query)
    except CatalogError:  # of a newer Prometheus than the parser
        return query, None
    compared = comparison(tree)
    return (str(compared.lhs), threshold(tree)) if compared else (query, None)


def curves(prometheus: Prometheus, measured: str, since: float, until: float) -> tuple[Curve, ...]:
    """What was measured; the series that moved most come first. A query that fails shows nothing."""
    step = max(1.0, (until - since + BEFORE_S) / MOST_POINTS)
    try:
        series = prometheus.query_range(measured, since - BEFORE_S, until, step)
    except ClientError:
        return ()
    found = [
        Curve(
            labels={name: value for name, value in one["metric"].items() if name != "__name__"},
            points=tuple(
                (float(at), float(value))
                for at, value in one["values"]
                if value not in ("NaN", "+Inf", "-Inf")
            ),
        )
        for one in series
    ]
    with_points = [one for one in found if one.points]
    return tuple(sorted(with_points, key=_swing, reverse=True)[:MOST_CURVES])


def _swing(curve: Curve) -> float:
    values = [value for _, value in curve.points]
    return max(values) - min(values)


def messages(records: Sequence[Mapping[str, Any]], alert: str) -> Iterable[Message]:
    """What was sent about the alert, in the order in which it arrived."""
    for record in records:
        if names(record, alert):
            body = json.dumps(_without_keys(record["body"]), indent=2, ensure_ascii=False)
            yield Message(at=at(record), place=str(destination(record)), body=printable(body))


def _without_keys(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: HIDDEN if key in SECRET else _without_keys(each) for key, each in value.items()}
    return [_without_keys(each) for each in value] if isinstance(value, list) else value


def journal(host: str, since: float, until: float) -> str:
    """The last lines of a host's journal in that time; where it cannot be asked, why."""
    argv = ["journalctl", "--no-pager", "-q", "-o", "short"]
    try:
        with engine.explained():
            done = containers.get(host).exec_run([*argv, f"--since=@{since:.0f}", f"--until=@{until:.0f}"])
    except UserError as error:
        return str(error)
    lines = readable(done.output or b"").splitlines()
    return "\n".join([line for line in lines if CHATTY not in line][-MOST_LINES:])
