"""People are told of alerts that have been on hold for a while, and freezes end in time."""

from rollback.domain import notices
from rollback.domain.ports import Clock, Store
from rollback.domain.reasons import LedgerKind
from rollback.domain.stored import NewEntry
from rollback.service.caretaking.duty import passed
from rollback.service.context import PolicySource


class Holds:
    """One message for each service and reason, however many alerts wait."""

    def __init__(self, store: Store, clock: Clock, policy: PolicySource) -> None:
        self._store, self._clock, self._policy = store, clock, policy
        self._told: dict[tuple[str, str, str], float] = {}

    def tell(self) -> None:
        """Tell of what has waited for long enough."""
        now, ticks, policy = self._clock.now(), self._clock.ticks(), self._policy()
        for held in self._store.untold_holds(now - policy.hold_told_after, now):
            key = (held.alert.service, held.alert.env, held.reason)
            fresh = passed(self._told.get(key), ticks, policy.stale_after)
            entry = NewEntry(
                at=now,
                kind=LedgerKind.HOLD_TOLD,
                service=held.alert.service,
                env=held.alert.env,
                data={"decision_id": held.id, "reason": held.reason, "message": fresh},
            )
            self._store.tell_hold(held, entry, (notices.on_hold(held),) if fresh else ())
            if fresh:
                self._told[key] = ticks

    def thaw(self) -> None:
        """End the freezes whose time is over; what fired meanwhile is decided again when it is next seen."""
        self._store.expire_freezes(self._clock.now())
