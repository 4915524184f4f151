"""Alerts and decisions in memory."""

from concurrent.futures import Future
from dataclasses import replace
from datetime import datetime

from rollback.adapters.codec import plain
from rollback.adapters.memory.state import Row, State, by_id
from rollback.domain.alert import Alert, AlertStatus, Source
from rollback.domain.decision import Decision
from rollback.domain.errors import (
    ConcurrentChange,
    ShuttingDown,
)
from rollback.domain.reasons import DECIDED_AGAIN, LedgerKind, Verdict
from rollback.domain.records import (
    Batch,
    DecisionRecord,
    InboxItem,
    NewEntry,
    Notice,
    Receipt,
)
from rollback.domain.rollback import Rollback


class Alerts(State):
    """The inbox and decision part of the store."""

    def receive(self, batch: Batch) -> Future[Receipt]:
        """Store the batch at once."""
        if self.closed:
            raise ShuttingDown
        with self.lock:
            fresh = [alert for alert in batch.alerts if self._insert(alert, batch)]
            self.quarantined += len(batch.quarantined)
            if batch.heartbeat:
                self.marks["heartbeat"] = batch.at
            receipt = Receipt(
                accepted=len(fresh),
                duplicates=len(batch.alerts) - len(fresh),
                quarantined=len(batch.quarantined),
            )
            if fresh or batch.quarantined:
                webhook = batch.source is Source.WEBHOOK
                kind = LedgerKind.WEBHOOK_RECEIVED if webhook else LedgerKind.ALERT_SEEN
                services = {alert.service for alert in fresh}
                service = services.pop() if len(services) == 1 else ""
                self.log(NewEntry(at=batch.at, kind=kind, service=service, data=plain(receipt)))
        future: Future[Receipt] = Future()
        future.set_result(receipt)
        return future

    def waiting(self, limit: int) -> list[InboxItem]:
        """The oldest alerts that wait for a decision."""
        return [row.item for row in self.inbox if row.state == "pending"][:limit]

    def resolved_at(self, alert: Alert) -> datetime | None:
        """When the end of the alert's episode was received, if it was."""
        row = self._row((alert.fingerprint, alert.starts_at, AlertStatus.RESOLVED))
        return row.item.received_at if row else None

    def wake_expired(self, started_before: datetime) -> int:
        """Let held alerts that began before that moment be decided once more."""
        with self.lock:
            late = [r for r in self.inbox if r.state == "held" and r.item.alert.starts_at < started_before]
            for row in late:
                row.state = "pending"
            return len(late)

    def _row(self, identity: tuple[str, datetime, AlertStatus]) -> Row | None:
        return next((row for row in self.inbox if row.item.alert.identity == identity), None)

    def _insert(self, alert: Alert, batch: Batch) -> bool:
        row = self._row(alert.identity)
        if row is None:
            item = InboxItem(
                id=len(self.inbox) + 1,
                alert=alert,
                source=batch.source,
                received_at=batch.at,
                decision_id=None,
            )
            self.inbox.append(Row(item))
            return True
        if row.state == "held" and row.evaluated_at and row.evaluated_at < batch.retry_before:
            row.state = "pending"
        return False

    def record(
        self, item: InboxItem, decision: Decision, entry: NewEntry, notices: tuple[Notice, ...]
    ) -> DecisionRecord:
        """Store the decision and, for `roll_back`, the rollback."""
        with self.lock:
            row = self.inbox[item.id - 1]
            if row.state != "pending" or row.item.decision_id != item.decision_id:
                raise ConcurrentChange
            record = self._unchanged(item, decision) or self._decide(decision, entry, notices)
            row.item = replace(row.item, decision_id=record.id)
            row.state = "held" if decision.reason in DECIDED_AGAIN else "decided"
            row.evaluated_at = decision.at
            return record

    def decision(self, decision_id: int) -> DecisionRecord:
        """The decision, or NotFound."""
        return by_id(self.all_decisions, decision_id)

    def decisions(self, service: str | None, limit: int) -> list[DecisionRecord]:
        """The latest decisions, newest first."""
        found = [d for d in self.all_decisions if service in (None, d.alert.service)]
        return found[::-1][:limit]

    def _unchanged(self, item: InboxItem, decision: Decision) -> DecisionRecord | None:
        earlier = self.decision(item.decision_id) if item.decision_id else None
        return earlier if earlier and earlier.reason is decision.reason else None

    def _decide(self, decision: Decision, entry: NewEntry, notices: tuple[Notice, ...]) -> DecisionRecord:
        number = len(self.all_decisions) + 1
        rollback_id = self._start(number, decision) if decision.verdict is Verdict.ROLL_BACK else None
        record = DecisionRecord(
            id=number,
            verdict=decision.verdict,
            reason=decision.reason,
            rollback_id=rollback_id,
            alert=decision.facts.alert,
            body=plain(decision),
        )
        self.all_decisions.append(record)
        data = {**entry.data, "decision_id": number, "rollback_id": rollback_id}
        self.log(replace(entry, data=data, rollback_id=rollback_id))
        self.tell(notices, decision.at)
        return record

    def _start(self, decision_id: int, decision: Decision) -> int:
        facts = decision.facts
        assert facts.deployment and facts.target
        service, leaving = facts.alert.service, facts.deployment.version
        state = self.service_state(service)
        taken = any(r.deployment_id == facts.deployment.id for r in self.all_rollbacks)
        if state.active_rollback or taken or state.deployment.id != facts.deployment.id:  # type: ignore[union-attr]
            raise ConcurrentChange
        rollback = Rollback(
            id=len(self.all_rollbacks) + 1,
            service=service,
            from_version=leaving,
            to_version=facts.target.version,
            decision_id=decision_id,
            deployment_id=facts.deployment.id,
            requested_at=decision.at,
            changed_at=decision.at,
        )
        self.all_rollbacks.append(rollback)
        key = (service, leaving)
        self.releases[key] = replace(self.releases[key], rejected_at=decision.at)
        return rollback.id
