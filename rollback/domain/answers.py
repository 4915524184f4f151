"""What a guard says: whether it passes, the reason if it does not, and what it saw."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rollback.domain.facts import Facts
from rollback.domain.reasons import Reason


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one guard said; `passed` is None when it could not know."""

    guard: str
    passed: bool | None
    reason: Reason
    evidence: dict[str, object] = field(default_factory=dict)


Guard = Callable[[Facts], Answer]


def answer(guard: str, passed: bool | None, otherwise: Reason, **evidence: object) -> Answer:
    """The answer of a guard; *otherwise* is its reason where it does not pass."""
    return Answer(
        guard=guard, passed=passed, reason=Reason.ACCEPTED if passed else otherwise, evidence=evidence
    )
