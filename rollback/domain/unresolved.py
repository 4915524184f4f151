"""What a rollback left open for people, as the closed set of states that status and metrics tell."""

from enum import StrEnum

from rollback.domain.rollback import Phase, Rollback, VerificationVerdict


class Unresolved(StrEnum):
    """A state that holds until hosts agree and the verdict is `fixed`, or a person acknowledges it."""

    FAILED = "failed"  # the rollback failed
    UNVERIFIED = "unverified"  # it was measured not to have helped
    INCOMPLETE = "incomplete"  # some host still waits to be restored
    BLIND = "blind"  # nothing could be measured


def unresolved(end: Rollback | None) -> frozenset[Unresolved]:
    """What is open after the end that a person must know of; nothing where there is none."""
    if end is None:
        return frozenset()
    verdict = end.verification.verdict if end.verification else None
    found = {
        Unresolved.FAILED: end.phase is Phase.FAILED,
        Unresolved.UNVERIFIED: verdict in (VerificationVerdict.NOT_FIXED, VerificationVerdict.WORSE),
        Unresolved.INCOMPLETE: bool(end.waiting),
        Unresolved.BLIND: verdict is VerificationVerdict.BLIND,
    }
    return frozenset(state for state, holds in found.items() if holds)
