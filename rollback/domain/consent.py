"""The guards that say whether a person must say yes: asked last, so that nothing is proposed in vain."""

from rollback.domain.answers import Answer, answer
from rollback.domain.control import Proposal
from rollback.domain.deployment import Standing
from rollback.domain.facts import Facts
from rollback.domain.reasons import Reason


def no_dependency_down(facts: Facts) -> Answer:
    """No database, cache, host or disk that the service needs was down while the condition held.

    A host of the service itself that does not answer is no dependency: the others are restored all the same.
    """
    vetoes = () if facts.policy.strict_seed else facts.watched.vetoes
    return answer(
        "no_dependency_down",
        not vetoes,
        Reason.DEPENDENCY_DOWN,
        down=list(vetoes),
        asked=not facts.policy.strict_seed,
    )


def target_known_good(facts: Facts) -> Answer:
    """There is an earlier release that has proven to be good."""
    target, offered = facts.target, facts.offered
    return answer(
        "target_known_good",
        target is not None,
        Reason.NO_KNOWN_GOOD,
        target=target.version if target else None,
        good_since=target.standing_at if target else None,
        by=target.standing_by if target else "",
        best_guess=offered.version if offered and not target else None,
    )


def way_back_is_safe(facts: Facts) -> Answer:
    """The version that is left, and each between it and the target, says that it may be left again."""
    unsafe = [release.version for release in facts.crossed if not release.rollback_safe]
    return answer(
        "way_back_is_safe",
        not unsafe,
        Reason.NOT_REVERSIBLE,
        crossed=[release.version for release in facts.crossed],
        unsafe=unsafe,
    )


def breaker_closed(facts: Facts) -> Answer:
    """Rollbacks of the service have neither been too many nor fruitless since a person last looked."""
    breaker = facts.breaker
    return answer(
        "breaker_closed",
        breaker is None,
        Reason.BREAKER_OPEN,
        opened_at=breaker.opened_at if breaker else None,
        why=breaker.why if breaker else "",
    )


def attempts_left(facts: Facts) -> Answer:
    """Attempts that failed and changed nothing may be repeated, but not for ever."""
    return answer(
        "attempts_left",
        facts.attempts < facts.policy.max_attempts,
        Reason.ATTEMPTS_EXHAUSTED,
        attempts=facts.attempts,
        limit=facts.policy.max_attempts,
    )


def proposal_still_fits(facts: Facts, proposal: Proposal) -> Answer:
    """The latest deployment is still the one that the proposal is about, and its target was not rejected."""
    deployment = facts.deployment
    versions = {r.version for r in facts.releases if r.standing is not Standing.REJECTED}
    fits = (
        (deployment.id if deployment else None) == proposal.deployment_id
        and facts.leaving == proposal.from_version
        and proposal.to_version in versions
    )
    return answer(
        "proposal_still_fits",
        fits,
        Reason.WITHDRAWN,
        deployment=deployment.id if deployment else None,
        proposed_for=proposal.deployment_id,
        to_version=proposal.to_version,
    )
