"""A decision is a record: every guard's answer with the evidence it saw, one reason, one verdict."""

from dataclasses import dataclass
from datetime import datetime

from rollback.domain import consent, guards
from rollback.domain.answers import Answer, Guard
from rollback.domain.control import Proposal, ProposalState
from rollback.domain.facts import Facts
from rollback.domain.guards import GUARDS
from rollback.domain.policy import Mode
from rollback.domain.reasons import Reason, Verdict, verdict_of

MODE_REASONS = {
    Mode.AUTO: Reason.ACCEPTED,
    Mode.PROPOSE: Reason.MODE_PROPOSE,
    Mode.SHADOW: Reason.MODE_SHADOW,
    Mode.OFF: Reason.MODE_OFF,
}
"""The reason when no guard objects."""

ANSWERED_BEFORE = {
    ProposalState.OPEN: Reason.ALREADY_PROPOSED,
    ProposalState.APPROVED: Reason.ALREADY_PROPOSED,
    ProposalState.REJECTED: Reason.REJECTED,
}
"""The reason of what would be a second proposal about the same deployment."""

APPROVAL_GUARDS: tuple[Guard, ...] = (
    guards.this_environment,
    guards.no_rollback_running,
    guards.no_deployment_running,
    guards.not_handled_before,
    guards.deployed_version_is_live,
)
"""What must still hold when a person says yes; everything else is theirs to judge."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What was decided about one alert and why; `by` is the person, where one decided."""

    at: datetime
    verdict: Verdict
    reason: Reason
    answers: tuple[Answer, ...]
    facts: Facts
    from_version: str | None
    to_version: str | None
    by: str = ""


def decide(facts: Facts) -> Decision:
    """Ask every guard; the first that does not pass gives the reason, otherwise the trigger's mode does."""
    answers = tuple(guard(facts) for guard in GUARDS)
    reason = first_objection(answers) or MODE_REASONS[allowed_mode(facts)]
    if verdict_of(reason) is Verdict.PROPOSE and facts.proposal:
        reason = ANSWERED_BEFORE.get(facts.proposal.state, reason)
    return _decision(facts, reason, answers)


def approve(facts: Facts, proposal: Proposal, by: str) -> Decision:
    """A person says yes to a proposal: the rollback it named, unless the facts have moved.

    The alert must not be over. Prometheus that cannot be asked is no obstacle: a person has looked.
    """
    answers = tuple(guard(facts) for guard in APPROVAL_GUARDS)
    answers = (*answers, guards.firing_now(facts), consent.proposal_still_fits(facts, proposal))
    objecting = [a for a in answers if not a.passed and a.reason is not Reason.BLIND]
    reason = objecting[0].reason if objecting else Reason.APPROVED
    return _decision(facts, reason, answers, by=by, to_version=proposal.to_version)


def first_objection(answers: tuple[Answer, ...]) -> Reason | None:
    """The reason of the first guard that did not pass."""
    return next((answer.reason for answer in answers if not answer.passed), None)


def allowed_mode(facts: Facts) -> Mode:
    """The trigger's mode; an alert without the label `rollback: auto` is proposed to a person at most."""
    mode = facts.policy.mode(facts.alert.trigger) or Mode.OFF
    if mode is Mode.AUTO and facts.alert.labels.get("rollback") != "auto":
        return Mode.PROPOSE
    return mode


def _decision(
    facts: Facts, reason: Reason, answers: tuple[Answer, ...], *, by: str = "", to_version: str | None = None
) -> Decision:
    offered = facts.offered
    return Decision(
        at=facts.now,
        verdict=verdict_of(reason),
        reason=reason,
        answers=answers,
        facts=facts,
        from_version=facts.leaving,
        to_version=to_version or (offered.version if offered else None),
        by=by,
    )
