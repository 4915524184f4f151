"""From a waiting alert to a recorded decision."""

import structlog

from rollback.domain import notices
from rollback.domain.alert import Alert, AlertStatus, Source
from rollback.domain.decision import Decision, decide
from rollback.domain.deployment import known_good
from rollback.domain.errors import Blind, ConcurrentChange
from rollback.domain.facts import Began, Facts
from rollback.domain.policy import Policy
from rollback.domain.ports import Clock, Monitoring, Store
from rollback.domain.reasons import LedgerKind
from rollback.domain.records import DecisionRecord, InboxItem, NewEntry, ServiceState
from rollback.service.context import PolicySource

LOG = structlog.get_logger("rollback.decide")
AT_ONCE = 100
TRIES = 3


class Decider:
    """Decides what waits in the inbox, oldest first."""

    def __init__(self, store: Store, clock: Clock, monitoring: Monitoring, policy: PolicySource) -> None:
        self._store, self._clock, self._monitoring, self._policy = store, clock, monitoring, policy

    def work(self) -> int:
        """Decide what waits now; return how many alerts were settled. One that cannot be stays waiting."""
        settled, blind = 0, ""
        for item in self._store.waiting(AT_ONCE):
            try:
                decision = self._settle(item, blind)
            except ConcurrentChange as change:
                LOG.warning("not_decided", alert=item.id, why=str(change))
                continue
            settled += 1
            blind = blind or decision.facts.began.blind
        return settled

    def preview(self, alert: Alert) -> Decision:
        """The decision that the alert would get now; nothing is stored."""
        return decide(self._facts(alert, Source.PREVIEW, blind=""))

    def _settle(self, item: InboxItem, blind: str) -> Decision:
        """Decide and store; when the world moved in between, decide again on what it is now."""
        for attempt in range(1, TRIES + 1):
            decision = decide(self._facts(item.alert, item.source, blind))
            try:
                record = self._store.record(item, decision, _entry(decision), notices.of_decision(decision))
            except ConcurrentChange as change:
                LOG.info("decided_again", alert=item.id, attempt=attempt, why=str(change))
                continue
            if record.id != item.decision_id:
                _log(record, decision)
            return decision
        raise ConcurrentChange(f"Alert {item.id} could not be decided in {TRIES} tries; it stays waiting.")

    def _facts(self, alert: Alert, source: Source, blind: str) -> Facts:
        """Everything a guard may ask, looked up now."""
        now, policy = self._clock.now(), self._policy()
        state = self._store.service_state(alert.service)
        deployment = state.deployment
        return Facts(
            now=now,
            alert=alert,
            source=source,
            policy=policy,
            resolved_at=self._store.resolved_at(alert),
            began=self._began(alert, state, policy, blind),
            deployment=deployment,
            handled_by=state.handled_by,
            active_rollback=state.active_rollback,
            last_finished_at=state.last_finished_at,
            target=known_good(state.releases, deployment.version if deployment else None),
        )

    def _began(self, alert: Alert, state: ServiceState, policy: Policy, blind: str) -> Began:
        """Ask Prometheus since when the condition holds, only where the answer can matter."""
        deployment = state.deployment
        relevant = (
            deployment is not None
            and alert.starts_at >= deployment.started_at
            and alert.status is AlertStatus.FIRING
            and policy.mode(alert.trigger) is not None
        )
        if not relevant:
            return Began()
        if blind:
            return Began(blind=blind)
        try:
            return Began(pending_since=self._monitoring.began(alert))
        except Blind as error:
            return Began(blind=str(error))


def _entry(decision: Decision) -> NewEntry:
    alert, deployment = decision.facts.alert, decision.facts.deployment
    data: dict[str, object] = {
        "verdict": decision.verdict,
        "reason": decision.reason,
        "trigger": alert.trigger,
        "alertname": alert.name,
        "starts_at": alert.starts_at,
        "deployment_id": deployment.id if deployment else None,
        "from_version": decision.from_version,
        "to_version": decision.to_version,
    }
    return NewEntry(at=decision.at, kind=LedgerKind.DECIDED, service=alert.service, data=data)


def _log(record: DecisionRecord, decision: Decision) -> None:
    alert = decision.facts.alert
    LOG.info(
        "decided",
        decision=record.id,
        verdict=decision.verdict,
        reason=decision.reason,
        trigger=alert.trigger,
        alertname=alert.name,
        service=alert.service,
        rollback=record.rollback_id,
    )
