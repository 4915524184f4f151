"""A host that was away when its service was restored is brought to the same version when it is back."""

import structlog

from rollback.domain import notices
from rollback.domain.errors import ConcurrentChange
from rollback.domain.facts import HostSeen
from rollback.domain.policy import Mode
from rollback.domain.ports import Store
from rollback.domain.reasons import Reason
from rollback.domain.rollback import Kind, Rollback
from rollback.domain.stored import ServiceState
from rollback.service.caretaking.duty import due, still_meant
from rollback.service.looking import Look

LOG = structlog.get_logger("rollback.care")
DOUBLINGS = 6
"""So often the pause between repairs that changed nothing is doubled."""
ASKED_FOR = (Reason.APPROVED, Reason.BY_HAND)
"""Reasons of rollbacks that a person wanted, whatever the mode of their trigger."""


class Repairs:
    """Starts a repair as soon as it can work, or proposes it once."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def attend(self, state: ServiceState, look: Look) -> None:
        """See whether a waiting host can be restored now."""
        of = state.open_end
        if of is None or not of.waiting or not still_meant(of, state):
            return
        hosts = _possible(of, state, look.hosts(state.service))
        if not hosts or not self._rested(state, of, look):
            return
        if why := self._obstacle(of, state, look):
            told = (notices.repair_proposed(of, hosts, why),)
            self._store.tell_once(f"repair of rollback {of.id} proposed", told, look.now)
            return
        try:
            repair = self._store.start_repair(of, of.waiting, look.now)
        except ConcurrentChange as change:
            LOG.info("repair_not_started", decision=of.decision_id, of=of.id, why=str(change))
        else:
            LOG.info(
                "repair_started",
                decision=of.decision_id,
                rollback=repair.id,
                of=of.id,
                hosts=", ".join(of.waiting),
            )

    def _rested(self, state: ServiceState, of: Rollback, look: Look) -> bool:
        """Whether the last try is long enough ago; each that changed nothing doubles the pause."""
        last = state.last_rollback
        tried = [r for r in self._store.rollbacks(state.service, DOUBLINGS) if r.id > of.id]
        vain = sum(r.kind is Kind.REPAIR and r.env == state.env for r in tried)
        return last is None or due(last.finished_at, look.now, look.policy.retry_after * 2**vain)

    def _obstacle(self, of: Rollback, state: ServiceState, look: Look) -> str:
        """Why it is not done without a person; empty when it is."""
        if state.freeze and state.freeze.holds(look.now):
            return f"automatic rollbacks are frozen by {state.freeze.by}: {state.freeze.reason}"
        if state.breaker:
            return f"the breaker is open: {state.breaker.why}"
        decision = self._store.decision(of.decision_id)
        mode = look.policy.mode(decision.alert.trigger)
        if mode is not Mode.AUTO and decision.reason not in ASKED_FOR:
            return f"the trigger {decision.alert.trigger} is not set to auto"
        return ""


def _possible(of: Rollback, state: ServiceState, seen: tuple[HostSeen, ...]) -> tuple[str, ...]:
    """The waiting hosts that can be restored now.

    A rehearsal since the last try knows that best. Where nothing is rehearsed, a host that answers may do.
    """
    if state.rehearsals:
        since = state.last_rollback.finished_at if state.last_rollback else None
        proven = {r.host for r in state.rehearsals if r.ok and since and r.at > since}
        return tuple(host for host in of.waiting if host in proven)
    answered = {one.host for one in seen if one.answered}
    return tuple(host for host in of.waiting if host in answered)
