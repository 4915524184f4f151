"""A decision is a record: every guard's answer with the evidence it saw, one reason, one verdict."""

from dataclasses import dataclass
from datetime import datetime

from rollback.domain.facts import Facts
from rollback.domain.guards import GUARDS, Answer
from rollback.domain.policy import Mode
from rollback.domain.reasons import Reason, Verdict, verdict_of

MODE_REASONS = {
    Mode.AUTO: Reason.ACCEPTED,
    Mode.PROPOSE: Reason.MODE_PROPOSE,
    Mode.SHADOW: Reason.MODE_SHADOW,
    Mode.OFF: Reason.MODE_OFF,
}
"""The reason when no guard objects."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was decided about one alert and why."""

    at: datetime
    verdict: Verdict
    reason: Reason
    answers: tuple[Answer, ...]
    facts: Facts
    from_version: str | None
    to_version: str | None


def decide(facts: Facts) -> Decision:
    """Ask every guard; the first that does not pass gives the reason, otherwise the trigger's mode does."""
    answers = tuple(guard(facts) for guard in GUARDS)
    objections = (answer.reason for answer in answers if not answer.passed)
    reason = next(objections, MODE_REASONS[allowed_mode(facts)])
    return Decision(
        at=facts.now,
        verdict=verdict_of(reason),
        reason=reason,
        answers=answers,
        facts=facts,
        from_version=facts.deployment.version if facts.deployment else None,
        to_version=facts.target.version if facts.target else None,
    )


def allowed_mode(facts: Facts) -> Mode:
    """The trigger's mode; an alert without the label `rollback: auto` is proposed to a person at most."""
    mode = facts.policy.mode(facts.alert.trigger) or Mode.OFF
    if mode is Mode.AUTO and facts.alert.labels.get("rollback") != "auto":
        return Mode.PROPOSE
    return mode
