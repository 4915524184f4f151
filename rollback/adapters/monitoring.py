"""Prometheus and Alertmanager as evidence."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from rollback.adapters.http_source import Endpoint, HttpSource
from rollback.domain.alert import Alert, AlertStatus
from rollback.domain.errors import Blind
from rollback.domain.ports import Fired, SourceState

OURS = 'rollback="auto"'
EPOCH = datetime.fromtimestamp(0, tz=UTC)
RANGE_POINTS = 500
SHORTEST_STEP = 1.0


class HttpMonitoring:
    """Asks the HTTP interfaces of both; raises Blind when one cannot be asked or says nonsense."""

    def __init__(self, prometheus: Callable[[], Endpoint], alertmanager: Callable[[], Endpoint]) -> None:
        self._prometheus = HttpSource("prometheus", prometheus)
        self._alertmanager = HttpSource("alertmanager", alertmanager)

    def began(self, alert: Alert) -> datetime | None:
        """Since when the alert's condition has been true, read at the moment at which it began to fire.

        Prometheus keeps that as the value of ALERTS_FOR_STATE. Asking for the past moment gives the same
        answer however late the alert arrived.
        """
        if not self._prometheus.configured:
            return None
        query = f"ALERTS_FOR_STATE{{alertname={json.dumps(alert.name)}}}"
        moment = alert.starts_at + timedelta(milliseconds=1)
        since = [
            float(sample["value"][1])
            for sample in self._instant(query, moment)
            if _labels(sample).items() <= alert.labels.items()
        ]
        return datetime.fromtimestamp(min(since), tz=UTC) if since else None

    def firing(self) -> list[Alert]:
        """The alerts for the daemon that are active now; silenced ones are a person's choice and left out."""
        if not self._alertmanager.configured:
            return []
        params = {"active": "true", "silenced": "false", "inhibited": "false", "unprocessed": "false"}
        found = self._alertmanager.get("/api/v2/alerts", {**params, "filter": OURS})
        return [_alert(item) for item in _expect(found, list, "a list of alerts")]

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

    def measure(self, expression: str, version: str) -> bool | None:
        """What the verify expression says; where samples carry a version only the wanted one counts."""
        found = [
            sample
            for sample in self._query("/api/v1/query", {"query": expression})
            if _labels(sample).get("version", version) == version
        ]
        values = [float(sample["value"][1]) for sample in found]
        known = [value for value in values if value == value]
        return all(value == 1 for value in known) if known else None

    def labels_of(self, alertname: str) -> Alert | None:
        """The labels and annotations of a rule, as a firing alert; None when there is no such rule."""
        data = self._data(self._prometheus.get("/api/v1/rules", {"type": "alert"}))
        for group in _expect(data.get("groups"), list, "rule groups"):
            for rule in group.get("rules", []):
                if rule.get("name") == alertname:
                    labels = {"alertname": alertname, **rule.get("labels", {})}
                    return Alert(
                        fingerprint="",
                        starts_at=EPOCH,
                        status=AlertStatus.FIRING,
                        labels=labels,
                        annotations=rule.get("annotations", {}),
                    )
        return None

    def sources(self) -> list[SourceState]:
        """How asking went lately."""
        return [self._prometheus.state, self._alertmanager.state]

    def _instant(self, query: str, moment: datetime) -> list[dict[str, Any]]:
        return self._query("/api/v1/query", {"query": query, "time": f"{moment.timestamp():.3f}"})

    def _query(self, path: str, params: dict[str, str]) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = _expect(
            self._data(self._prometheus.get(path, params)).get("result"), list, "a result"
        )
        return result

    def _data(self, answer: Any) -> dict[str, Any]:
        data: dict[str, Any] = _expect(_expect(answer, dict, "an object").get("data"), dict, "data")
        return data


def _expect(value: Any, kind: type, what: str) -> Any:
    if not isinstance(value, kind):
        raise Blind(f"Expected {what} from the monitoring, found {type(value).__name__}.")
    return value


def _labels(sample: dict[str, Any]) -> dict[str, str]:
    return {name: value for name, value in sample["metric"].items() if name != "__name__"}


def _alert(item: dict[str, Any]) -> Alert:
    try:
        return Alert(
            fingerprint=item["fingerprint"],
            starts_at=datetime.fromisoformat(item["startsAt"]),
            status=AlertStatus.FIRING,
            labels=item["labels"],
            annotations=item.get("annotations", {}),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Blind(f"Alertmanager told of an alert that cannot be read: {error!r}") from error


def _fired(series: dict[str, Any]) -> Fired:
    moments = [datetime.fromtimestamp(float(at), tz=UTC) for at, _ in series["values"]]
    return Fired(labels=_labels(series), first=moments[0], last=moments[-1])
