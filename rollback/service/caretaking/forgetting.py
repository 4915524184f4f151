"""Records and output that are old go, little by little: nothing grows without bound."""

from datetime import timedelta
from typing import Protocol

import structlog

from rollback.domain.ports import Clock, Store
from rollback.domain.rollback import ACTIVE
from rollback.service.caretaking.duty import passed
from rollback.service.context import PolicySource

LOG = structlog.get_logger("rollback.forget")
AT_ONCE = 200
"""So many records go in one transaction: a webhook waits for no more than that."""
BATCHES = 20
"""So many transactions are made in one round of the caretaker."""
AGAIN = timedelta(minutes=10)


class Outputs(Protocol):
    """What runs have left on the disk."""

    def forget(self, older_than: timedelta, keep: frozenset[int]) -> int:
        """Delete the output of rollbacks that is older, but of those; return of how many."""
        ...


class Forgetting:
    """Deletes what is older than the settings say."""

    def __init__(self, store: Store, clock: Clock, policy: PolicySource, outputs: Outputs) -> None:
        self._store, self._clock, self._policy, self._outputs = store, clock, policy, outputs
        self._done: float | None = None

    def work(self) -> None:
        """Delete a part of it, until nothing is left for a while."""
        if not passed(self._done, self._clock.ticks(), AGAIN):
            return
        now, policy = self._clock.now(), self._policy()
        times = (now - policy.keep_records, now - policy.keep_quarantine)
        gone = 0
        for _ in range(BATCHES):
            found = self._store.forget(*times, limit=AT_ONCE)
            gone += found
            if not found:
                active = frozenset(rollback.id for rollback in self._store.in_phase(*ACTIVE))
                gone += self._outputs.forget(policy.keep_output, active)
                self._done = self._clock.ticks()
                break
        if gone:
            LOG.info("forgotten", records=gone)
