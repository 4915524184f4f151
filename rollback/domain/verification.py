"""What measurements after a restore mean."""

from rollback.domain.rollback import Sample, VerificationVerdict


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
