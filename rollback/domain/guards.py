"""The guards, each a small pure function of the facts, in the order in which they are asked.

Every guard answers, even after one has objected: a record shows all of them. The first that objects gives
the reason.
"""

from datetime import timedelta

from rollback.domain.alert import AlertStatus
from rollback.domain.answers import Answer, Guard, answer
from rollback.domain.consent import (
    attempts_left,
    breaker_closed,
    no_dependency_down,
    target_known_good,
    way_back_is_safe,
)
from rollback.domain.facts import Facts
from rollback.domain.policy import Mode
from rollback.domain.reasons import Reason

SILENCE = timedelta(minutes=1)
"""A deployment that said nothing for so long, while every host runs its version, is over. Not scaled."""


def authentic(facts: Facts) -> Answer:
    """Passes always: without credentials nothing gets past the edge. Says how the alert came."""
    silenced = {"silenced": True} if facts.alert.silenced else {}
    return answer("authentic", True, Reason.ACCEPTED, source=facts.source, **silenced)


def known_trigger(facts: Facts) -> Answer:
    """The label `rollback_trigger` names a trigger of the settings; the alert's name decides nothing."""
    trigger = facts.alert.trigger
    known = facts.policy.mode(trigger) is not None
    return answer(
        "known_trigger", known, Reason.UNKNOWN_TRIGGER, trigger=trigger, known=sorted(facts.policy.modes)
    )


def this_environment(facts: Facts) -> Answer:
    """The alert is about the environment that this daemon serves; one that names none is about another."""
    env, served = facts.alert.env, facts.policy.environment
    return answer("this_environment", env == served, Reason.OTHER_ENVIRONMENT, env=env, served=served)


def not_resolved(facts: Facts) -> Answer:
    """The episode is still firing as far as anybody told us."""
    firing = facts.alert.status is AlertStatus.FIRING and facts.resolved_at is None
    return answer(
        "not_resolved", firing, Reason.RESOLVED, status=facts.alert.status, resolved_at=facts.resolved_at
    )


def not_stale(facts: Facts) -> Answer:
    """The episode began recently enough to be acted on; time spent frozen does not count."""
    fresh = facts.waited <= facts.policy.stale_after
    return answer(
        "not_stale",
        fresh,
        Reason.STALE,
        age_seconds=facts.age.total_seconds(),
        waited_seconds=facts.waited.total_seconds(),
        limit_seconds=facts.policy.stale_after.total_seconds(),
    )


def clocks_agree(facts: Facts) -> Answer:
    """The episode does not begin in the future; a wrong clock makes every comparison of times worthless."""
    ahead = -facts.age
    agree = True if ahead <= facts.policy.clock_tolerance else None
    return answer(
        "clocks_agree", agree, Reason.CLOCK_SKEW, starts_at=facts.alert.starts_at, received_at=facts.now
    )


def mode(facts: Facts) -> Answer:
    """The trigger is not switched off."""
    found = facts.policy.mode(facts.alert.trigger)
    return answer("mode", found is not Mode.OFF, Reason.MODE_OFF, mode=found)


def not_frozen(facts: Facts) -> Answer:
    """No person has stopped automatic rollbacks of the service, or of all, for now."""
    freeze = facts.freeze
    frozen = freeze is not None and freeze.holds(facts.now)
    return answer(
        "not_frozen",
        None if frozen else True,
        Reason.FROZEN,
        **({"by": freeze.by, "because": freeze.reason, "until": freeze.until} if freeze and frozen else {}),
    )


def deployment_in_window(facts: Facts) -> Answer:
    """The episode began while the latest deployment ran, or at most one window after it ended.

    Measured on the alert's start, not on its arrival: an alert that was delivered late is judged the same.
    """
    deployment = facts.deployment
    if deployment is None:
        return answer("deployment_in_window", False, Reason.NO_DEPLOYMENT_IN_WINDOW, deployment=None)
    ends = deployment.window_ends(facts.policy.deployment_window)
    inside = _runs(facts) or facts.alert.starts_at <= ends
    return answer(
        "deployment_in_window",
        inside,
        Reason.NO_DEPLOYMENT_IN_WINDOW,
        deployment=deployment.id,
        version=deployment.version,
        window_ends=ends,
        starts_at=facts.alert.starts_at,
    )


def began_after_deployment(facts: Facts) -> Answer:
    """The condition was not yet true when the version was first put on a host.

    An alert that starts firing while hosts are switched one by one counts as after. One that was already
    waiting out its `for` when the deployment began counts as before; Prometheus knows that, and is asked.
    """
    began = facts.deployment_began
    if began is None:
        return answer("began_after_deployment", False, Reason.NO_DEPLOYMENT_IN_WINDOW, deployment=None)
    after = facts.began_at >= began
    blind = facts.watched.blind if after else ""
    return answer(
        "began_after_deployment",
        None if blind else after,
        Reason.BLIND if blind else Reason.ALERT_BEFORE_DEPLOYMENT,
        deployment_began=began,
        starts_at=facts.alert.starts_at,
        began=facts.watched.began,
        blind=blind,
    )


def firing_now(facts: Facts) -> Answer:
    """Prometheus itself has the alert as firing at this moment; whoever posted it is not believed."""
    watched = facts.watched
    known = bool(watched.firing) if watched.asked and not watched.blind else None
    return answer(
        "firing_now",
        known,
        Reason.BLIND if watched.blind else Reason.NOT_FIRING,
        asked=watched.asked,
        firing=watched.firing,
        blind=watched.blind,
    )


def no_rollback_running(facts: Facts) -> Answer:
    """No rollback of the service is under way."""
    active = facts.active_rollback
    return answer(
        "no_rollback_running",
        active is None,
        Reason.ROLLBACK_IN_PROGRESS,
        rollback=active.id if active else None,
        phase=active.phase if active else None,
    )


def no_deployment_running(facts: Facts) -> Answer:
    """No deployment playbook is switching hosts: two playbooks on the same hosts would undo each other."""
    deployment = facts.deployment
    running = _runs(facts)
    return answer(
        "no_deployment_running",
        None if running else True,
        Reason.DEPLOYMENT_IN_PROGRESS,
        deployment=deployment.id if deployment else None,
        outcome=deployment.outcome if deployment else None,
        heard_at=deployment.heard_at if deployment else None,
    )


def not_handled_before(facts: Facts) -> Answer:
    """The deployment has had no rollback that changed anything; a second one is a person's choice."""
    return answer(
        "not_handled_before", facts.handled_by is None, Reason.ALREADY_HANDLED, rollback=facts.handled_by
    )


def cooled_down(facts: Facts) -> Answer:
    """The service's last rollback ended at least one cooldown ago, the last vain attempt one pause ago.

    One that ended in the future did so before the clock was set back, nobody knows how long ago.
    """
    policy, latest = facts.policy, facts.now + facts.policy.clock_tolerance
    waits = ((facts.last_changed_at, policy.cooldown), (facts.last_attempt_at, policy.retry_after))
    until = max((end + wait for end, wait in waits if end and end <= latest), default=None)
    return answer("cooled_down", until is None or facts.now >= until, Reason.COOLDOWN, cooldown_until=until)


def deployed_version_is_live(facts: Facts) -> Answer:
    """The hosts run what would be left: nobody has deployed another version by hand or gone back already.

    A host that does not answer says nothing: it may be crashing because of the release. Some hosts may still
    run the target: a deployment can stop half-way.
    """
    running = {seen.host: seen.version for seen in facts.hosts if seen.version is not None}
    expected = {facts.leaving, facts.offered.version if facts.offered else None}
    strange = {host: version for host, version in running.items() if version not in expected}
    left = bool(running) and len(running) == len(facts.hosts) and facts.leaving not in running.values()
    return answer(
        "deployed_version_is_live",
        None if strange else not left,
        Reason.OTHER_VERSION_LIVE if strange else Reason.ALREADY_LEFT,
        expected=facts.leaving,
        running={seen.host: seen.version or "no answer" for seen in facts.hosts},
    )


def enough_evidence(facts: Facts) -> Answer:
    """Enough has happened for the alert to mean something: requests, failures, attempts, a cache in use."""
    value = facts.watched.evidence
    return answer(
        "enough_evidence",
        True if value is not None and value > 0 else None,
        Reason.EVIDENCE_UNKNOWN if value is None else Reason.NOT_ENOUGH_EVIDENCE,
        asked=facts.watched.asked,
        evidence=value,
    )


def _runs(facts: Facts) -> bool:
    """Whether the deployment's playbook is at work.

    One that has been silent for long enough is judged by its hosts: when all of them run its version, it has
    only not said so.
    """
    deployment = facts.deployment
    if deployment is None or not deployment.running(facts.now, facts.policy.deployment_timeout):
        return False
    silent = facts.now - deployment.heard_at >= SILENCE
    running = {seen.host: seen.version for seen in facts.hosts}
    done = bool(running) and set(running.values()) == {deployment.version}
    return not (silent and done)


FIRST: tuple[Guard, ...] = (
    # What the alert is.
    authentic,
    known_trigger,
    this_environment,
    not_resolved,
    not_stale,
    clocks_agree,
    mode,
    not_frozen,
    # Whether the deployment can explain it, and whether something is under way or has just been.
    deployment_in_window,
    began_after_deployment,
    no_rollback_running,
    cooled_down,
    not_handled_before,
)
"""Guards that object, where they do, whatever Prometheus and the hosts would say: then nobody is asked."""

GUARDS: tuple[Guard, ...] = (
    *FIRST,
    firing_now,
    no_deployment_running,
    deployed_version_is_live,
    enough_evidence,
    # Whether a person must say yes. Last, so that nothing is proposed that would be ignored or held.
    no_dependency_down,
    way_back_is_safe,
    target_known_good,
    breaker_closed,
    attempts_left,
)
