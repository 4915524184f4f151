"""Prometheus and Alertmanager as evidence."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from math import isfinite, isnan
from typing import Any

from rollback.adapters.answers import (
    alerts_from,
    items_of,
    labels_of,
    mapping,
    moment,
    objects,
    point,
    points,
    text,
)
from rollback.adapters.http_source import Endpoint, HttpSource
from rollback.domain.alert import Alert
from rollback.domain.errors import Blind
from rollback.domain.ports import Active, Began, Fired, Rule, SourceState
from rollback.domain.stored import Quarantined

OURS = 'rollback=~"auto|propose"'
RANGE_POINTS = 500
SHORTEST_STEP = 1.0
PACE = timedelta(seconds=15)
READ = ("auto", "propose")
"""Values of the label `rollback` whose rules the daemon reads."""


class HttpMonitoring:
    """Asks the HTTP interfaces of both; raises Blind when one cannot be asked or says nonsense."""

    def __init__(
        self,
        prometheus: Callable[[], Endpoint],
        alertmanager: Callable[[], Endpoint],
        traffic_series: Callable[[], str],
        paging: Callable[[], list[str]],
        pace: Callable[[], timedelta] = lambda: PACE,
    ) -> None:
        self._prometheus = HttpSource("prometheus", prometheus)
        self._alertmanager = HttpSource("alertmanager", alertmanager)
        self._traffic_series, self._paging, self._pace = traffic_series, paging, pace

    def active(self) -> list[Active]:
        """Every alert that Prometheus has as pending or firing now, from its rule manager itself."""
        found = mapping(self._prometheus.get("/api/v1/alerts", {}), "data")
        return [
            Active(
                labels=labels_of(alert, "labels"),
                firing=alert.get("state") == "firing",
                since=moment(alert.get("activeAt")),
            )
            for alert in objects(found, "alerts")
        ]

    def began(self, name: str, since: datetime, until: datetime) -> list[Began]:
        """For each series of the alert that was active at *until*: since when, without an inactive moment.

        ALERTS_FOR_STATE holds the moment at which an alert became pending. A restart of Prometheus dates that
        anew, but leaves no gap; an alert that really ended does: its series is marked as stale or, where that
        was while Prometheus was away, not continued although the heartbeat is.
        """
        step = max((until - since).total_seconds() / RANGE_POINTS, SHORTEST_STEP)
        end = until + timedelta(milliseconds=1)
        start = end - timedelta(seconds=step) * (int((until - since).total_seconds() / step) + 1)
        params = {
            "query": _continued(name, self._pace().total_seconds()),
            "start": f"{start.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{step:.3f}",
        }
        found = []
        for series in self._query("/api/v1/query_range", params):
            row = _last_row(points(series, "values"), end, step)
            if row:
                earliest = min(value for _, value in row)
                found.append(Began(labels=_labels(series), since=moment(earliest)))
        return found

    def troubled(self, labels: dict[str, str], seconds: float) -> list[dict[str, str]]:
        """Alerts with these labels that were pending or firing within the last *seconds*."""
        chosen = ",".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
        query = f"count_over_time(ALERTS{{{chosen}}}[{_duration(seconds)}])"
        return [_labels(sample) for sample in self._query("/api/v1/query", {"query": query})]

    def firing(self) -> tuple[list[Alert], list[Quarantined]]:
        """The alerts for the daemon that are active now, and what of them is unreadable.

        Silenced ones too: a silence is for people's ears, and a person who wants no rollback freezes it.
        """
        if not self._alertmanager.configured:
            return [], []
        params = {"active": "true", "silenced": "true", "inhibited": "false", "unprocessed": "false"}
        found = self._alertmanager.get("/api/v2/alerts", {**params, "filter": OURS}, parse=items_of)
        return alerts_from(found)

    def fired_between(self, start: datetime, end: datetime) -> list[Fired]:
        """The alerts for the daemon that fired in the time, as far as Prometheus remembers."""
        step = max((end - start).total_seconds() / RANGE_POINTS, SHORTEST_STEP)
        params = {
            "query": f'ALERTS{{alertstate="firing",{OURS}}}',
            "start": str(start.timestamp()),
            "end": str(end.timestamp()),
            "step": f"{step:.3f}",
        }
        return [_fired(series) for series in self._query("/api/v1/query_range", params)]

    def number(self, expression: str, version: str | None = None) -> float | None:
        """The value of an instant expression, the lowest where there are several; None without a sample."""
        known = self._values(expression, version)
        return min((value for value in known if isfinite(value)), default=None)

    def measure(self, expression: str, version: str) -> bool | None:
        """What the verify expression says; where samples carry a version only the wanted one counts."""
        known = self._values(expression, version)
        return all(value == 1 for value in known) if known else None

    def proven(self, service: str, env: str, seconds: float) -> bool:
        """Whether the service had traffic for most of the last *seconds*, no page and no trigger."""
        key = f"service={json.dumps(service)},env={json.dumps(env)}"
        window, severities = _duration(seconds), json.dumps("|".join(self._paging()))
        found = [
            f'count_over_time(ALERTS{{alertstate="firing",{chosen},{key}}}[{window}])'
            for chosen in (f"severity=~{severities}", OURS)
        ]
        if self._query("/api/v1/query", {"query": " or ".join(found)}):
            return False
        busy = f"avg_over_time(({self._traffic_series()}{{{key}}} > bool 0)[{window}:])"
        share = self.number(f"min({busy})")
        return share is not None and share >= 0.5

    def rules(self, service: str, env: str) -> dict[str, Rule]:
        """The rules that may roll back or propose it, by name, filled in for the service."""
        found = mapping(self._prometheus.get("/api/v1/rules", {"type": "alert"}), "data")
        rules: dict[str, Rule] = {}
        for group in objects(found, "groups"):
            for rule in objects(group, "rules"):
                labels = labels_of(rule, "labels")
                if labels.get("rollback") in READ:
                    rules[text(rule.get("name"))] = _rule(rule, labels, service, env)
        return rules

    def sources(self) -> list[SourceState]:
        """How asking went lately."""
        return [self._prometheus.state, self._alertmanager.state]

    def _values(self, expression: str, version: str | None) -> list[float]:
        """The numbers of an instant expression; where samples carry a version only the wanted one counts."""
        found = [
            point(sample.get("value"))[1]
            for sample in self._query("/api/v1/query", {"query": expression})
            if version is None or _labels(sample).get("version", version) == version
        ]
        return [value for value in found if not isnan(value)]

    def _query(self, path: str, params: dict[str, str]) -> list[dict[str, Any]]:
        return objects(mapping(self._prometheus.get(path, params), "data"), "result")


def _rule(rule: dict[str, Any], labels: dict[str, str], service: str, env: str) -> Rule:
    """The rule with its expressions filled in; the two names are all that they may leave open.

    A label that is a template is of an alert, not of the rule: what it says depends on the series.
    """
    annotations = labels_of(rule, "annotations")

    def filled(name: str) -> str:
        text = annotations.get(name, "")
        for label, value in (("service", service), ("env", env)):
            quoted = json.dumps(value)[1:-1]
            text = text.replace(f"{{{{ $labels.{label} }}}}", quoted)
        return text

    return Rule(
        name=text(rule.get("name")),
        labels={label: value for label, value in labels.items() if "{{" not in value},
        evidence=filled("evidence"),
        verify=filled("verify"),
        measures=filled("measures"),
        annotations=annotations,
    )


def _labels(sample: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in labels_of(sample, "metric").items() if name != "__name__"}


def _fired(series: dict[str, Any]) -> Fired:
    moments = [moment(at) for at, _ in points(series, "values")]
    if not moments:
        raise Blind("Expected a series with samples from the monitoring, found one without.")
    return Fired(labels=_labels(series), first=moments[0], last=moments[-1])


def _continued(name: str, pace: float) -> str:
    """The alert's series while it was active; *pace* is the seconds between two evaluations.

    For minutes after its last sample Prometheus goes on telling a series that nothing marked as stale. That
    is right while Prometheus itself was away, and a little longer, until each rule was evaluated again; from
    then on samples are demanded. The last before an absence counts until its last heartbeat is out of sight.
    """
    series = f"ALERTS_FOR_STATE{{alertname={json.dumps(name)}}}"
    heartbeat = (
        f'ALERTS_FOR_STATE{{rollback="heartbeat"}}[{_duration(2 * pace)}] offset {_duration(4 * pace)}'
    )
    sampled = f"{series} and last_over_time({series}[{_duration(8 * pace)}])"
    return f"({sampled}) or ({series} unless on () last_over_time({heartbeat}))"


def _last_row(points: list[tuple[float, float]], end: datetime, step: float) -> list[tuple[float, float]]:
    """The points before *end* that follow each other without a gap; none when the last is not at *end*."""
    row: list[tuple[float, float]] = []
    expected = end.timestamp()
    for at, value in reversed(points):
        if expected - at > 1.5 * step:
            break
        row.append((at, value))
        expected = at
    return row


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
