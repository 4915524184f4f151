"""Alerts come in by webhook or by reading Alertmanager; both end in the same inbox."""

from concurrent.futures import Future
from datetime import datetime

import structlog

from rollback.domain.alert import Alert, Source
from rollback.domain.errors import Blind
from rollback.domain.ports import Clock, Fired, Monitoring, Store
from rollback.domain.reasons import LedgerKind
from rollback.domain.stored import Batch, NewEntry, Quarantined, Receipt
from rollback.service.context import PolicySource

LOG = structlog.get_logger("rollback.intake")
ALIVE = "alive"


class Intake:
    """Puts alerts into the inbox; identity makes repeats and twins harmless."""

    def __init__(self, store: Store, clock: Clock, policy: PolicySource) -> None:
        self._store, self._clock, self._policy = store, clock, policy

    def receive(
        self,
        source: Source,
        alerts: tuple[Alert, ...],
        quarantined: tuple[Quarantined, ...] = (),
        receiver: str = "",
    ) -> Future[Receipt]:
        """Queue the alerts for the next commit; an always-firing heartbeat is only remembered."""
        now = self._clock.now()
        batch = Batch(
            at=now,
            source=source,
            alerts=tuple(alert for alert in alerts if not alert.is_heartbeat),
            retry_before=now - self._policy().reconcile_interval / 2,
            quarantined=quarantined,
            heartbeat=any(alert.is_heartbeat for alert in alerts),
            receiver=receiver,
        )
        return self._store.receive(batch)


class Reconciler:
    """Delivery alone loses alerts, so the daemon also looks for itself."""

    def __init__(
        self, store: Store, clock: Clock, monitoring: Monitoring, intake: Intake, policy: PolicySource
    ) -> None:
        self._store, self._clock, self._monitoring = store, clock, monitoring
        self._intake, self._policy = intake, policy
        self._blind_since: datetime | None = None

    def tick(self) -> Receipt | None:
        """Read Alertmanager once; None when it could not be asked, which is counted and never fatal.

        What is no alert's fault is raised when everything else is done.
        """
        try:
            receipt = self._read_alertmanager()
        finally:
            now = self._clock.now()
            try:
                self._store.wake_expired(now - self._policy().stale_after)
            finally:
                self._store.mark(ALIVE, now)
        return receipt

    def last_alive(self) -> datetime | None:
        """When a reconciler last read Alertmanager, also one of a former life; None when none ever did."""
        return self._store.marked(ALIVE)

    def catch_up(self, last: datetime | None) -> int:
        """Journal what Prometheus says fired since *last*, while the daemon was away; return how many."""
        now = self._clock.now()
        if last is None or now - last < 2 * self._policy().reconcile_interval:
            return 0
        return self._examine(last, now)

    def _examine(self, since: datetime, now: datetime) -> int:
        """Journal what fired while nobody told the daemon."""
        start = max(since, now - self._policy().stale_after)
        try:
            fired = self._monitoring.fired_between(start, now) if start < now else []
        except Blind as error:
            LOG.warning("outage_not_examined", since=start.isoformat(), error=str(error))
            return 0
        self._store.append(*(_seen(alert, now, since=since) for alert in fired))
        LOG.info("outage_examined", since=since.isoformat(), fired=len(fired))
        return len(fired)

    def _read_alertmanager(self) -> Receipt | None:
        try:
            alerts, unread = self._monitoring.firing()
        except Blind as error:
            if self._blind_since is None:
                LOG.warning("alertmanager_not_read", error=str(error))
                self._blind_since = self._clock.now()
            return None
        if self._blind_since:
            self._examine(self._blind_since, self._clock.now())
            self._blind_since = None
        receipt = self._intake.receive(Source.RECONCILE, tuple(alerts), tuple(unread)).result()
        if receipt.accepted:
            LOG.info("alerts_found", accepted=receipt.accepted, duplicates=receipt.duplicates)
        return receipt


def _seen(fired: Fired, now: datetime, since: datetime) -> NewEntry:
    data: dict[str, object] = {
        "source": "prometheus",
        "alertname": fired.labels.get("alertname", ""),
        "trigger": fired.labels.get("rollback_trigger", ""),
        "first_seen": fired.first,
        "last_seen": fired.last,
        "away_since": since,
    }
    service = fired.labels.get("service", "")
    return NewEntry(at=now, kind=LedgerKind.ALERT_SEEN, service=service, data=data)
