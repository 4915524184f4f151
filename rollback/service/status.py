"""The status page: everything about each service at one glance, nothing shown as if it still held."""

from datetime import datetime
from typing import Any

from rollback.domain import wording
from rollback.domain.control import Freeze, Proposal
from rollback.domain.decision import Decision
from rollback.domain.deployment import Standing, best_guess, known_good, wanted_on_disk
from rollback.domain.guards import no_deployment_running
from rollback.domain.policy import Policy
from rollback.domain.rollback import Rollback
from rollback.domain.stored import DecisionRecord, ServiceState
from rollback.domain.unresolved import unresolved
from rollback.service.views import (
    deployment_view,
    freeze_view,
    host_view,
    imagined_view,
    iso,
    proposal_view,
    release_view,
    sentence,
)

Json = dict[str, Any]


def service_view(
    state: ServiceState,
    policy: Policy,
    holds: list[DecisionRecord],
    proposed: DecisionRecord | None,
    imagined: Decision,
) -> Json:
    """One service; *imagined* is what would be decided now, with the hosts as they were just seen."""
    facts, now, current = imagined.facts, imagined.at, state.current
    live, deployment = current.version if current else None, state.deployment
    running = deployment is not None and not no_deployment_running(facts).passed
    leaving = deployment.version if deployment and running else live
    good = known_good(state.releases, leaving)
    guess = best_guess(state.releases, leaving) if good is None else None
    return {
        "env": state.env,
        "current": {"version": current.version, "live_at": iso(current.live_at)} if current else None,
        "releases": [release_view(r) for r in sorted(state.releases, key=_newest_first)],
        "known_good": good.version if good else None,
        "best_guess": guess.version if guess else None,
        "rejected": sorted(r.version for r in state.releases if r.standing is Standing.REJECTED),
        "keep": wanted_on_disk(state.releases, live),
        "hosts": [host_view(seen) for seen in facts.hosts],
        "deployment": deployment_view(deployment) if deployment else None,
        "deployment_running": running,
        "deployment_window_ends": _window_ends(state, policy, now),
        "cooldown_until": _cooldown_until(state, policy, now),
        "active_rollback": state.active_rollback.id if state.active_rollback else None,
        "active": _short(state.active_rollback),
        "last_rollback": _short(state.last_rollback),
        "unresolved": _unresolved(state.open_end),
        "waiting_hosts": list(state.open_end.waiting) if state.open_end else [],
        "breaker": _breaker(state),
        "freeze": freeze_in_force(state.freeze, now),
        "proposal": _proposal(state.proposal, proposed) if state.proposal and proposed else None,
        "holds": [_hold(record) for record in holds],
        "rehearsals": [
            {"host": r.host, "ok": r.ok, "at": iso(r.at), "detail": r.detail, "live": r.live}
            for r in state.rehearsals
        ],
        "would": imagined_view(imagined),
    }


def freeze_in_force(freeze: Freeze | None, now: datetime) -> Json | None:
    """The freeze while it holds."""
    return freeze_view(freeze) if freeze and freeze.holds(now) else None


def _newest_first(release: Any) -> tuple[bool, float]:
    at = release.live_at or release.deployed_at
    return at is None, -at.timestamp() if at else 0.0


def _window_ends(state: ServiceState, policy: Policy, now: datetime) -> str | None:
    ends = state.deployment.window_ends(policy.deployment_window) if state.deployment else None
    return iso(ends) if ends and ends > now else None


def _cooldown_until(state: ServiceState, policy: Policy, now: datetime) -> str | None:
    until = state.last_changed_at + policy.cooldown if state.last_changed_at else None
    return iso(until) if until and until > now else None


def _short(rollback: Rollback | None) -> Json | None:
    """A rollback in one line; the whole is under /rollbacks."""
    if rollback is None:
        return None
    verification = rollback.verification
    return {
        "id": rollback.id,
        "kind": rollback.kind,
        "phase": rollback.phase,
        "from_version": rollback.from_version,
        "to_version": rollback.to_version,
        "by": rollback.by,
        "requested_at": iso(rollback.requested_at),
        "finished_at": iso(rollback.finished_at),
        "detail": rollback.detail,
        "verdict": verification.verdict if verification else None,
        "measured": wording.measured(verification),
        "hosts": wording.host_results(rollback.results),
    }


def _unresolved(end: Rollback | None) -> Json | None:
    states = sorted(unresolved(end))
    return {"rollback_id": end.id, "states": states} if end and states else None


def _breaker(state: ServiceState) -> Json | None:
    breaker = state.breaker
    if breaker is None:
        return None
    return {"cause": breaker.cause, "why": breaker.why, "opened_at": iso(breaker.opened_at)}


def _proposal(proposal: Proposal, proposed: DecisionRecord) -> Json:
    return {**proposal_view(proposal), "sentence": sentence(proposed)}


def _hold(record: DecisionRecord) -> Json:
    return {
        "decision_id": record.id,
        "alertname": record.alert.name,
        "alerts": record.alerts,
        "reason": record.reason,
        "sentence": sentence(record),
        "since": iso(record.at),
    }
