"""The guards, each a small pure function of the facts, in the order in which they are asked.

Every guard answers, even after one has objected: a record shows all of them. The first that objects gives
the reason. Guards that are still to come have their place marked in GUARDS.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from rollback.domain.alert import AlertStatus
from rollback.domain.facts import Facts
from rollback.domain.policy import Mode
from rollback.domain.reasons import Reason


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one guard said; `passed` is None when it could not know."""

    guard: str
    passed: bool | None
    reason: Reason
    evidence: dict[str, object] = field(default_factory=dict)


Guard = Callable[[Facts], Answer]


def _answer(guard: str, passed: bool | None, otherwise: Reason, **evidence: object) -> Answer:
    return Answer(
        guard=guard, passed=passed, reason=Reason.ACCEPTED if passed else otherwise, evidence=evidence
    )


def authentic(facts: Facts) -> Answer:
    """Passes always: without credentials nothing gets past the edge. Says how the alert came."""
    return _answer("authentic", True, Reason.ACCEPTED, source=facts.source)


def known_trigger(facts: Facts) -> Answer:
    """The label `rollback_trigger` names a trigger of the settings; the alert's name decides nothing."""
    trigger = facts.alert.trigger
    known = facts.policy.mode(trigger) is not None
    return _answer(
        "known_trigger", known, Reason.UNKNOWN_TRIGGER, trigger=trigger, known=sorted(facts.policy.modes)
    )


def not_resolved(facts: Facts) -> Answer:
    """The episode is still firing as far as anybody told us."""
    firing = facts.alert.status is AlertStatus.FIRING and facts.resolved_at is None
    return _answer(
        "not_resolved", firing, Reason.RESOLVED, status=facts.alert.status, resolved_at=facts.resolved_at
    )


def not_stale(facts: Facts) -> Answer:
    """The episode began recently enough to be acted on."""
    fresh = facts.age <= facts.policy.stale_after
    return _answer(
        "not_stale",
        fresh,
        Reason.STALE,
        age_seconds=facts.age.total_seconds(),
        limit_seconds=facts.policy.stale_after.total_seconds(),
    )


def clocks_agree(facts: Facts) -> Answer:
    """The episode does not begin in the future; a wrong clock makes every comparison of times worthless."""
    ahead = -facts.age
    agree = True if ahead <= facts.policy.clock_tolerance else None
    return _answer(
        "clocks_agree", agree, Reason.CLOCK_SKEW, starts_at=facts.alert.starts_at, received_at=facts.now
    )


def mode(facts: Facts) -> Answer:
    """The trigger is not switched off."""
    found = facts.policy.mode(facts.alert.trigger)
    return _answer("mode", found is not Mode.OFF, Reason.MODE_OFF, mode=found)


def deployment_in_window(facts: Facts) -> Answer:
    """The episode began while the latest deployment ran, or at most one window after it ended.

    Measured on the alert's start, not on its arrival: an alert that was delivered late is judged the same.
    """
    deployment = facts.deployment
    if deployment is None:
        return _answer("deployment_in_window", False, Reason.NO_DEPLOYMENT_IN_WINDOW, deployment=None)
    ends = deployment.window_ends(facts.policy.deployment_window)
    inside = ends is None or facts.alert.starts_at <= ends
    return _answer(
        "deployment_in_window",
        inside,
        Reason.NO_DEPLOYMENT_IN_WINDOW,
        deployment=deployment.id,
        version=deployment.version,
        window_ends=ends,
        starts_at=facts.alert.starts_at,
    )


def began_after_deployment(facts: Facts) -> Answer:
    """The condition was not yet true when the deployment touched its first host.

    An alert that starts firing while hosts are switched one by one counts as after. One that was already
    waiting out its `for` when the deployment began counts as before; Prometheus knows that, and is asked.
    """
    deployment = facts.deployment
    if deployment is None:
        return _answer("began_after_deployment", False, Reason.NO_DEPLOYMENT_IN_WINDOW, deployment=None)
    after: bool | None = facts.began_at >= deployment.started_at
    blind = bool(after and facts.began.blind)
    return _answer(
        "began_after_deployment",
        None if blind else after,
        Reason.BLIND if blind else Reason.ALERT_BEFORE_DEPLOYMENT,
        deployment_started_at=deployment.started_at,
        starts_at=facts.alert.starts_at,
        pending_since=facts.began.pending_since,
        blind=facts.began.blind,
    )


def target_known_good(facts: Facts) -> Answer:
    """The version that was live last, rejected ones apart, is declared safe to go back to."""
    target = facts.target
    return _answer(
        "target_known_good",
        target is not None,
        Reason.NO_KNOWN_GOOD,
        target=target.version if target else None,
        live_at=target.live_at if target else None,
    )


def cooled_down(facts: Facts) -> Answer:
    """The service's last rollback ended at least one cooldown ago."""
    last = facts.last_finished_at
    ends = None if last is None else last + facts.policy.cooldown
    return _answer("cooled_down", ends is None or facts.now >= ends, Reason.COOLDOWN, cooldown_until=ends)


def no_rollback_running(facts: Facts) -> Answer:
    """No rollback of the service is under way."""
    active = facts.active_rollback
    return _answer(
        "no_rollback_running",
        active is None,
        Reason.ROLLBACK_IN_PROGRESS,
        rollback=active.id if active else None,
        phase=active.phase if active else None,
    )


def no_deployment_running(facts: Facts) -> Answer:
    """No deployment playbook is switching hosts: two playbooks on the same hosts would undo each other."""
    deployment = facts.deployment
    running = deployment is not None and deployment.running(facts.now, facts.policy.deployment_timeout)
    return _answer(
        "no_deployment_running",
        None if running else True,
        Reason.DEPLOYMENT_IN_PROGRESS,
        deployment=deployment.id if deployment else None,
        outcome=deployment.outcome if deployment else None,
    )


def not_handled_before(facts: Facts) -> Answer:
    """The deployment has had no automatic rollback yet; a second attempt is a person's choice."""
    return _answer(
        "not_handled_before", facts.handled_by is None, Reason.ALREADY_HANDLED, rollback=facts.handled_by
    )


GUARDS: tuple[Guard, ...] = (
    authentic,
    known_trigger,
    not_resolved,
    not_stale,
    clocks_agree,
    mode,
    # place of `not_frozen`: a person has stopped automatic rollbacks of the service
    deployment_in_window,
    began_after_deployment,
    # place of `enough_traffic`: the ratio rests on enough requests to mean something
    # place of `no_dependency_down`: a database, cache, host or disk outage is not cured by older code
    target_known_good,
    cooled_down,
    # place of `breaker_closed`: too many or fruitless rollbacks stop the automation until a person closes it
    no_rollback_running,
    no_deployment_running,
    not_handled_before,
)
