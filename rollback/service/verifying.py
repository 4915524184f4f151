"""After a restore, measure again instead of waiting for the alert to clear."""

import structlog

from rollback.domain.errors import Blind, ShuttingDown
from rollback.domain.policy import Policy
from rollback.domain.ports import Clock, Monitoring, Pause, Probes, Store
from rollback.domain.rollback import Rollback, Sample, Verification, VerificationVerdict
from rollback.domain.verification import fixed, verdict_at_deadline
from rollback.service.context import PolicySource

LOG = structlog.get_logger("rollback.verify")
EXPRESSION = "verify"
"""The annotation with the short, version-scoped expression of the alert that started the rollback."""


class Verifier:
    """Measures until the service was healthy often enough in a row, or time is up."""

    def __init__(
        self, store: Store, clock: Clock, monitoring: Monitoring, probes: Probes, policy: PolicySource
    ) -> None:
        self._store, self._clock, self._policy = store, clock, policy
        self._monitoring, self._probes = monitoring, probes

    def verify(self, rollback: Rollback, pause: Pause) -> Verification:
        """Return the verdict; ShuttingDown when the daemon stops first: the next start measures anew."""
        policy = self._policy()
        expression = self._store.decision(rollback.decision_id).alert.annotations.get(EXPRESSION, "")
        deadline = self._clock.now() + policy.verification_timeout
        samples: tuple[Sample, ...] = ()
        while not self._decided(samples, deadline_passed=self._clock.now() >= deadline, policy=policy):
            if pause(policy.verification_interval.total_seconds()):
                raise ShuttingDown
            samples = (*samples, self._sample(rollback, expression))
        won = fixed(samples, policy.verification_samples)
        verdict = VerificationVerdict.FIXED if won else verdict_at_deadline(samples)
        LOG.info("verified", rollback=rollback.id, verdict=verdict, samples=len(samples))
        return Verification(verdict=verdict, at=self._clock.now(), samples=samples)

    def _decided(self, samples: tuple[Sample, ...], *, deadline_passed: bool, policy: Policy) -> bool:
        return deadline_passed or fixed(samples, policy.verification_samples)

    def _sample(self, rollback: Rollback, expression: str) -> Sample:
        healthy, detail = self._measure(rollback, expression)
        live = self._probes.live_versions(rollback.service)
        unready = tuple(host for host, version in sorted(live.items()) if version != rollback.to_version)
        at = self._clock.now()
        return Sample(at=at, healthy=healthy, detail=detail, unready_hosts=unready)

    def _measure(self, rollback: Rollback, expression: str) -> tuple[bool | None, str]:
        if not expression:
            return None, f"the alert has no annotation `{EXPRESSION}`: nothing says how to measure"
        try:
            healthy = self._monitoring.measure(expression, rollback.to_version)
        except Blind as error:
            return None, str(error)
        return healthy, "" if healthy is not None else "the expression has no sample for the version"
