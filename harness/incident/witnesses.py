"""The five witnesses of an incident, asked again and again for what is new."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from harness import clients
from harness.incident.patience import routing
from harness.incident.story import (
    Moment,
    Stage,
    Story,
    first_bad,
    first_good_after_last_bad,
    from_alertmanager,
    from_alerts,
    from_ledger,
    from_records,
)
from harness.lab import addresses
from harness.load.run import Running
from monitoring.catalog import Alert

QUIET_S = 4.0  # seconds without a bad answer after which the last one was the last one


@dataclass
class Witnesses:
    """Asks daemon, Prometheus, Alertmanager, receivers and load for the moments of one alert."""

    story: Story
    alert: Alert
    service: str
    load: Running
    daemon: clients.Daemon = field(default_factory=addresses.daemon)
    prometheus: clients.Prometheus = field(default_factory=addresses.prometheus)
    alertmanager: clients.Alertmanager = field(default_factory=addresses.alertmanager)
    receivers: clients.Receivers = field(default_factory=addresses.receivers)
    ledger_after: str | int = 0
    records_after: int = 0
    routing: dict[str, Any] = field(default_factory=routing)

    def news(self) -> list[Moment]:
        """Return what happened since the last call. Who does not answer now is asked again later."""
        found: list[Moment | None] = []
        for ask in (self._ledger, self._alerts, self._load, self._records):
            try:
                found += ask()
            except clients.ClientError:
                continue
        return self.story.add(found)

    def _ledger(self) -> Iterable[Moment]:
        entries = self.daemon.ledger(after=self.ledger_after)
        if entries:
            self.ledger_after = entries[-1]["id"]
        return from_ledger(entries, self.service, self.alert.name)

    def _alerts(self) -> Iterable[Moment]:
        active = self.prometheus.alerts(alertname=self.alert.name)
        moments = from_alerts(active, self.alert.name)
        moments += from_alertmanager(self.alertmanager.alerts(), self.alert.name)
        ended = self.story.at(Stage.FIRING) and not any(a["state"] == "firing" for a in active)
        if ended and self.story.at(Stage.RESOLVED) is None:
            moments += self._resolution()
        return moments

    def _resolution(self) -> list[Moment]:
        """Return when the alert stopped: one evaluation after the last one at which it fired."""
        series = (
            f'last_over_time(timestamp(ALERTS{{alertname="{self.alert.name}",alertstate="firing"}})[5m:1s])'
        )
        last = self.prometheus.value(f"max({series})")
        fired = self.story.at(Stage.FIRING) or 0.0
        return [Moment(at=max(last or 0.0, fired), stage=Stage.RESOLVED, detail=self.alert.name)]

    def _load(self) -> Iterable[Moment | None]:
        seconds: list[dict[str, Any]] = self.load.seconds()
        moments = [first_bad(seconds, self.story.begin)]
        if self.story.at(Stage.RESTORED) is not None:
            moments.append(first_good_after_last_bad(seconds, self.story.begin, QUIET_S))
        return moments

    def _records(self) -> Iterable[Moment]:
        records = self.receivers.requests(after=self.records_after)
        if records:
            self.records_after = records[-1]["seq"]
        return from_records(records, self.alert.name)
