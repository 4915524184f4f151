"""What the daemon knows about a service, as sentences for a person who is about to act."""

from collections.abc import Iterator, Sequence

from rollback.domain import wording
from rollback.domain.control import ProposalState
from rollback.domain.deployment import Standing, best_guess, known_good
from rollback.domain.facts import HostSeen
from rollback.domain.rollback import Rollback
from rollback.domain.stored import ServiceState
from rollback.service.looking import Look


def known(state: ServiceState, hosts: Sequence[HostSeen], look: Look) -> tuple[str, ...]:
    """The sentences, the most pressing first."""
    return (
        *_under_way(state, look),
        *_live(state, hosts),
        *_history(state),
        *_targets(state),
        *_obstacles(state, look),
    )


def _under_way(state: ServiceState, look: Look) -> Iterator[str]:
    active, deployment = state.active_rollback, state.deployment
    if active:
        yield (
            f"Rollback {active.id} from {active.from_version} to {active.to_version} is {active.phase} "
            f"since {wording.clock(active.changed_at)}."
        )
    if deployment and deployment.outcome is None:
        alive = deployment.running(look.now, look.policy.deployment_timeout)
        yield (
            f"Deployment {deployment.id} of {deployment.version} has reported no end"
            + (f"; last heard of at {wording.clock(deployment.heard_at)}" if alive else " and counts as dead")
            + "."
        )


def _live(state: ServiceState, hosts: Sequence[HostSeen]) -> Iterator[str]:
    current = state.current
    if current and current.live_at:
        by = f" by {current.standing_by}" if current.standing_by else ""
        since = wording.clock(current.live_at)
        yield f"{current.version} is live since {since}; it is {current.standing}{by}."
    else:
        yield f"No release of {wording.place(state.service, state.env)} is known to have been live."
    if now := wording.hosts_now(hosts):
        yield f"Now: {now}."


def _history(state: ServiceState) -> Iterator[str]:
    last = next((r for r in state.rollbacks if not r.active), None)
    if last:
        yield f"The last rollback was {_ended(last)}."


def _ended(rollback: Rollback) -> str:
    verdict = f", measured {rollback.verification.verdict}" if rollback.verification else ""
    by = f", asked for by {rollback.by}" if rollback.by else ""
    at = wording.clock(rollback.finished_at) if rollback.finished_at else "an unknown time"
    return (
        f"{rollback.id}, from {rollback.from_version} to {rollback.to_version}: {rollback.phase}{verdict} "
        f"at {at}{by}"
    )


def _targets(state: ServiceState) -> Iterator[str]:
    leaving = state.current.version if state.current else None
    good, guess = known_good(state.releases, leaving), best_guess(state.releases, leaving)
    if good:
        yield f"{good.version} is good, by {good.standing_by}."
    elif guess:
        yield f"No other release has proven to be good; the best guess is {guess.version}."
    else:
        yield "There is no other release to go back to."
    bad = sorted(r.version for r in state.releases if r.standing in (Standing.SUSPECT, Standing.REJECTED))
    if bad:
        yield f"Found bad before: {', '.join(bad)}."


def _obstacles(state: ServiceState, look: Look) -> Iterator[str]:
    if state.freeze and state.freeze.holds(look.now):
        until = wording.clock(state.freeze.until)
        yield f"{state.freeze.by} has frozen automatic rollbacks until {until}: {state.freeze.reason}."
    if state.breaker:
        yield f"The breaker is open: {state.breaker.why}."
    if state.proposal and state.proposal.state is ProposalState.OPEN:
        yield f"Proposal {state.proposal.id} waits for an answer: rollbackctl approve {state.proposal.id}."
