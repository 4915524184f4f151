"""What measurements after a restore mean."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import ceil

from rollback.domain.policy import Policy
from rollback.domain.rollback import Measure, Sample, VerificationVerdict


def well(measures: Sequence[Measure], needed: Collection[str]) -> bool | None:
    """Whether the service is well: no trigger says otherwise, and each that is *needed* says so.

    None when one of those cannot be judged, or none at all: what could not be measured is not a cure.
    """
    if any(measure.healthy is False for measure in measures):
        return False
    told = {measure.alertname for measure in measures if measure.healthy}
    return True if told and told >= set(needed) else None


def healthy_in_a_row(samples: tuple[Sample, ...]) -> int:
    """How many of the latest samples were healthy; a blind one neither counts nor breaks the row."""
    count = 0
    for sample in reversed(samples):
        if sample.healthy is None:
            continue
        if not sample.healthy or sample.unready_hosts:
            break
        count += 1
    return count


def fixed(samples: tuple[Sample, ...], needed: int) -> bool:
    """True when the latest sample is healthy and *needed* of them are so in a row."""
    return bool(samples) and samples[-1].healthy is True and healthy_in_a_row(samples) >= needed


def verdict_at_deadline(samples: tuple[Sample, ...]) -> VerificationVerdict:
    """The verdict when time is up and the service was not measured healthy for long enough.

    Worse: a host stopped answering. Not fixed: the fault was measured again. Blind: too little could be
    learned, which also holds when the few informative samples were all healthy.
    """
    if samples and samples[-1].unready_hosts:
        return VerificationVerdict.WORSE
    if any(sample.healthy is False for sample in samples):
        return VerificationVerdict.NOT_FIXED
    return VerificationVerdict.BLIND


@dataclass(frozen=True, kw_only=True)
class Measuring:
    """Samples of one measurement, one each interval. Its time begins with the first answer of Prometheus.

    Time is counted in samples: a clock that is set meanwhile neither ends the measurement nor prolongs it.
    """

    silent: int = 0
    samples: tuple[Sample, ...] = ()

    @property
    def answered(self) -> bool:
        """Whether Prometheus has answered at all."""
        return self.silent < len(self.samples)

    def add(self, sample: Sample, *, answered: bool) -> "Measuring":
        """The measurement with one more sample; *answered* when Prometheus did, whatever it said."""
        never = not self.answered and not answered
        return replace(self, silent=self.silent + never, samples=(*self.samples, sample))

    def verdict(self, policy: Policy) -> VerificationVerdict | None:
        """The verdict as soon as there is one."""
        if fixed(self.samples, policy.verification_samples):
            return VerificationVerdict.FIXED
        since = len(self.samples) - self.silent
        if since:
            over = since > _intervals(policy.verification_timeout, policy)
        else:
            over = self.silent >= _intervals(policy.verification_blind_timeout, policy)
        return verdict_at_deadline(self.samples) if over else None


def _intervals(limit: timedelta, policy: Policy) -> int:
    return max(1, ceil(limit / policy.verification_interval))
