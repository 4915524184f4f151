"""What could not be measured is measured again when Prometheus is back."""

from structlog.contextvars import bound_contextvars

from rollback.domain.ports import Pause
from rollback.domain.rollback import Rollback, VerificationVerdict
from rollback.domain.stored import ServiceState
from rollback.domain.verification import Measuring
from rollback.service.caretaking.duty import passed, still_meant
from rollback.service.looking import Look
from rollback.service.restoring import Restorer
from rollback.service.verifying import Verifier

UnderWay = tuple[int, Measuring, float | None]
"""Of which rollback, what was measured so far, and at which tick last."""
NOTHING: UnderWay = (0, Measuring(), None)


class BlindEnds:
    """Takes one sample at a time of a rollback whose verdict is `blind`, until there is a verdict."""

    def __init__(self, verifier: Verifier, restorer: Restorer, pause: Pause) -> None:
        self._verifier, self._restorer, self._pause = verifier, restorer, pause
        self._under_way: dict[str, UnderWay] = {}

    def attend(self, state: ServiceState, look: Look) -> None:
        """Take the next sample, if one is due and the service still should run what was restored."""
        rollback = state.open_end
        if rollback is None or not _blind(rollback) or not still_meant(rollback, state):
            self._under_way.pop(state.service, None)
            return
        number, measuring, last = self._under_way.get(state.service, NOTHING)
        if number != rollback.id:
            _, measuring, last = NOTHING
        if not passed(last, look.ticks, look.policy.verification_interval):
            return
        measuring = self._verifier.measure(rollback, measuring)
        self._under_way[state.service] = (rollback.id, measuring, look.ticks)
        verification = self._verifier.verdict(measuring)
        if verification is None:
            return
        del self._under_way[state.service]
        if verification.verdict is not VerificationVerdict.BLIND:
            with bound_contextvars(decision=rollback.decision_id, rollback=rollback.id):
                self._restorer.conclude(rollback, verification, self._pause)


def _blind(rollback: Rollback) -> bool:
    verification = rollback.verification
    return verification is not None and verification.verdict is VerificationVerdict.BLIND
