"""Every guard, both ways and at its edge."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollback.domain import answers, consent, guards
from rollback.domain.alert import AlertStatus
from rollback.domain.control import Breaker, Cause, Freeze
from rollback.domain.deployment import Outcome, Standing
from rollback.domain.facts import HostSeen, Watched
from rollback.domain.policy import Mode
from rollback.domain.reasons import Reason

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


SECOND = 1 / 60
Change = Callable[[Any], dict[str, Any]]


def watched(**changes: Any) -> Watched:
    return Watched(**{"asked": True, "firing": True, "evidence": 1.0, **changes})


def hosts(**versions: str | None) -> tuple[HostSeen, ...]:
    return tuple(
        HostSeen(host=host, answered=version is not None, version=version, ready=bool(version))
        for host, version in versions.items()
    )


def frozen(until: float) -> Freeze:
    return Freeze(id=1, service="", env="production", reason="audit", by="ann", since=NOON, until=at(until))


BREAKER = Breaker(service="shop", env="production", cause=Cause.FRUITLESS, why="it was vain", opened_at=NOON)

# guard, what differs from facts with which everything passes, whether it passes, the reason if it does not
CASES: dict[str, tuple[answers.Guard, Change, bool | None, Reason | None]] = {
    "without credentials nothing comes so far": (guards.authentic, lambda m: {}, True, None),
    "a trigger of the settings": (guards.known_trigger, lambda m: {}, True, None),
    "a trigger that nobody set up": (
        guards.known_trigger,
        lambda m: {"alert": m.alert(labels={"rollback_trigger": "moon_phase"})},
        False,
        Reason.UNKNOWN_TRIGGER,
    ),
    "an alert without trigger": (
        guards.known_trigger,
        lambda m: {"alert": m.alert(labels={"rollback_trigger": ""})},
        False,
        Reason.UNKNOWN_TRIGGER,
    ),
    "an alert's name decides nothing": (
        guards.known_trigger,
        lambda m: {"alert": m.alert(labels={"alertname": "Renamed"})},
        True,
        None,
    ),
    "firing": (guards.not_resolved, lambda m: {}, True, None),
    "told as resolved": (
        guards.not_resolved,
        lambda m: {"alert": m.alert(status=AlertStatus.RESOLVED)},
        False,
        Reason.RESOLVED,
    ),
    "its end came before it was decided": (
        guards.not_resolved,
        lambda m: {"resolved_at": at(6)},
        False,
        Reason.RESOLVED,
    ),
    "an hour old to the second": (guards.not_stale, lambda m: {"now": at(65)}, True, None),
    "a second over an hour old": (
        guards.not_stale,
        lambda m: {"now": at(65 + SECOND)},
        False,
        Reason.STALE,
    ),
    "clocks five seconds apart": (guards.clocks_agree, lambda m: {"now": at(5 - 5 * SECOND)}, True, None),
    "clocks six seconds apart": (
        guards.clocks_agree,
        lambda m: {"now": at(5 - 6 * SECOND)},
        None,
        Reason.CLOCK_SKEW,
    ),
    "mode auto": (guards.mode, lambda m: {}, True, None),
    "mode shadow": (
        guards.mode,
        lambda m: {"policy": m.policy(modes={"error_rate_threshold": Mode.SHADOW})},
        True,
        None,
    ),
    "mode off": (
        guards.mode,
        lambda m: {"policy": m.policy(modes={"error_rate_threshold": Mode.OFF})},
        False,
        Reason.MODE_OFF,
    ),
    "no deployment at all": (
        guards.deployment_in_window,
        lambda m: {"deployment": None},
        False,
        Reason.NO_DEPLOYMENT_IN_WINDOW,
    ),
    "at the window's last moment": (
        guards.deployment_in_window,
        lambda m: {"alert": m.alert(minutes=31)},
        True,
        None,
    ),
    "a second after the window": (
        guards.deployment_in_window,
        lambda m: {"alert": m.alert(minutes=31 + SECOND)},
        False,
        Reason.NO_DEPLOYMENT_IN_WINDOW,
    ),
    "delivered late, begun in the window": (
        guards.deployment_in_window,
        lambda m: {"now": at(55)},
        True,
        None,
    ),
    "the window of a deployment that still runs is open": (
        guards.deployment_in_window,
        lambda m: {
            "deployment": m.deployment(outcome=None, finished_at=None, heard_at=at(45)),
            "alert": m.alert(minutes=50),
            "now": at(50),
            "hosts": (),
        },
        True,
        None,
    ),
    "a deployment that never ended is not blamed for ever": (
        guards.deployment_in_window,
        lambda m: {
            "deployment": m.deployment(outcome=None, finished_at=None),
            "alert": m.alert(minutes=46),
            "now": at(46),
        },
        False,
        Reason.NO_DEPLOYMENT_IN_WINDOW,
    ),
    "a deployment that was given up is blamed from its last sign of life": (
        guards.deployment_in_window,
        lambda m: {
            "deployment": m.deployment(outcome=Outcome.ABANDONED, finished_at=at(15)),
            "alert": m.alert(minutes=31),
        },
        False,
        Reason.NO_DEPLOYMENT_IN_WINDOW,
    ),
    "begun after the deployment started": (guards.began_after_deployment, lambda m: {}, True, None),
    "begun while hosts were switched": (
        guards.began_after_deployment,
        lambda m: {"alert": m.alert(minutes=0.5)},
        True,
        None,
    ),
    "begun at the very start": (
        guards.began_after_deployment,
        lambda m: {"alert": m.alert(minutes=0)},
        True,
        None,
    ),
    "firing before the deployment": (
        guards.began_after_deployment,
        lambda m: {"alert": m.alert(minutes=-SECOND)},
        False,
        Reason.ALERT_BEFORE_DEPLOYMENT,
    ),
    "waiting out its `for` before the deployment": (
        guards.began_after_deployment,
        lambda m: {"watched": watched(began=at(-SECOND))},
        False,
        Reason.ALERT_BEFORE_DEPLOYMENT,
    ),
    "waiting out its `for` after the deployment": (
        guards.began_after_deployment,
        lambda m: {"watched": watched(began=at(3))},
        True,
        None,
    ),
    "Prometheus cannot say since when": (
        guards.began_after_deployment,
        lambda m: {"watched": watched(blind="no answer")},
        None,
        Reason.BLIND,
    ),
    "firing before, whatever Prometheus would say": (
        guards.began_after_deployment,
        lambda m: {"alert": m.alert(minutes=-1), "watched": watched(blind="no answer")},
        False,
        Reason.ALERT_BEFORE_DEPLOYMENT,
    ),
    "the version was first put on a host long before this deployment of it": (
        guards.began_after_deployment,
        lambda m: {"alert": m.alert(minutes=-5), "deployment_began": at(-10)},
        True,
        None,
    ),
    "nothing to have begun after": (
        guards.began_after_deployment,
        lambda m: {"deployment": None, "deployment_began": None},
        False,
        Reason.NO_DEPLOYMENT_IN_WINDOW,
    ),
    "a known-good version": (consent.target_known_good, lambda m: {}, True, None),
    "nothing to go back to": (
        consent.target_known_good,
        lambda m: {"releases": ()},
        False,
        Reason.NO_KNOWN_GOOD,
    ),
    "an earlier release that only was live": (
        consent.target_known_good,
        lambda m: {"releases": (m.release(standing=Standing.UNPROVEN),)},
        False,
        Reason.NO_KNOWN_GOOD,
    ),
    "an earlier release that was measured bad": (
        consent.target_known_good,
        lambda m: {"releases": (m.release(standing=Standing.SUSPECT),)},
        False,
        Reason.NO_KNOWN_GOOD,
    ),
    "only the version that is left is good": (
        consent.target_known_good,
        lambda m: {"releases": (m.release("2"),)},
        False,
        Reason.NO_KNOWN_GOOD,
    ),
    "never rolled back": (guards.cooled_down, lambda m: {}, True, None),
    "a second before the cooldown ends": (
        guards.cooled_down,
        lambda m: {"last_changed_at": at(0), "now": at(10 - SECOND)},
        False,
        Reason.COOLDOWN,
    ),
    "when the cooldown ends": (
        guards.cooled_down,
        lambda m: {"last_changed_at": at(0), "now": at(10)},
        True,
        None,
    ),
    "a rollback that ended before the clock was set back": (
        guards.cooled_down,
        lambda m: {"last_changed_at": at(60), "last_attempt_at": at(60), "now": at(10)},
        True,
        None,
    ),
    "a rollback that ended a moment ago by a clock that is a little ahead": (
        guards.cooled_down,
        lambda m: {"last_changed_at": at(10 + 5 * SECOND), "now": at(10)},
        False,
        Reason.COOLDOWN,
    ),
    "a second before a vain attempt may be repeated": (
        guards.cooled_down,
        lambda m: {"last_attempt_at": at(5), "now": at(6 - SECOND)},
        False,
        Reason.COOLDOWN,
    ),
    "when a vain attempt may be repeated": (
        guards.cooled_down,
        lambda m: {"last_attempt_at": at(5), "now": at(6)},
        True,
        None,
    ),
    "no rollback under way": (guards.no_rollback_running, lambda m: {}, True, None),
    "a rollback under way": (
        guards.no_rollback_running,
        lambda m: {"active_rollback": m.rollback()},
        False,
        Reason.ROLLBACK_IN_PROGRESS,
    ),
    "the deployment has ended": (guards.no_deployment_running, lambda m: {}, True, None),
    "the deployment stopped at a host": (
        guards.no_deployment_running,
        lambda m: {"deployment": m.deployment(outcome=Outcome.FAILED)},
        True,
        None,
    ),
    "the deployment still switches hosts": (
        guards.no_deployment_running,
        lambda m: {"deployment": m.deployment(outcome=None, finished_at=None), "hosts": ()},
        None,
        Reason.DEPLOYMENT_IN_PROGRESS,
    ),
    "the deployment said nothing for a minute, and every host runs its version": (
        guards.no_deployment_running,
        lambda m: {"deployment": m.deployment(outcome=None, finished_at=None), "now": at(1)},
        True,
        None,
    ),
    "the deployment said nothing for a minute, and a host does not run its version": (
        guards.no_deployment_running,
        lambda m: {
            "deployment": m.deployment(outcome=None, finished_at=None),
            "now": at(1),
            "hosts": hosts(app1="2", app2="1"),
        },
        None,
        Reason.DEPLOYMENT_IN_PROGRESS,
    ),
    "the deployment still says something, though every host runs its version": (
        guards.no_deployment_running,
        lambda m: {"deployment": m.deployment(outcome=None, finished_at=None), "now": at(1 - SECOND)},
        None,
        Reason.DEPLOYMENT_IN_PROGRESS,
    ),
    "the deployment has been silent for too long": (
        guards.no_deployment_running,
        lambda m: {"deployment": m.deployment(outcome=None, finished_at=None), "now": at(15)},
        True,
        None,
    ),
    "the deployment had no rollback": (guards.not_handled_before, lambda m: {}, True, None),
    "the deployment had its rollback": (
        guards.not_handled_before,
        lambda m: {"handled_by": 7},
        False,
        Reason.ALREADY_HANDLED,
    ),
    "this daemon's environment": (guards.this_environment, lambda m: {}, True, None),
    "an alert of another environment": (
        guards.this_environment,
        lambda m: {"alert": m.alert(labels={"env": "staging"})},
        False,
        Reason.OTHER_ENVIRONMENT,
    ),
    "an alert that names no environment": (
        guards.this_environment,
        lambda m: {"alert": m.alert(labels={"env": ""})},
        False,
        Reason.OTHER_ENVIRONMENT,
    ),
    "nobody froze anything": (guards.not_frozen, lambda m: {}, True, None),
    "frozen": (guards.not_frozen, lambda m: {"freeze": frozen(until=6)}, None, Reason.FROZEN),
    "frozen, and the clock was set back since": (
        guards.not_frozen,
        lambda m: {"freeze": frozen(until=6), "now": at(-60)},
        None,
        Reason.FROZEN,
    ),
    "frozen until now": (
        guards.not_frozen,
        lambda m: {"freeze": frozen(until=6), "now": at(6)},
        True,
        None,
    ),
    "Prometheus has it firing": (guards.firing_now, lambda m: {}, True, None),
    "Prometheus does not have it firing": (
        guards.firing_now,
        lambda m: {"watched": watched(firing=False)},
        False,
        Reason.NOT_FIRING,
    ),
    "Prometheus does not answer": (
        guards.firing_now,
        lambda m: {"watched": watched(blind="no answer")},
        None,
        Reason.BLIND,
    ),
    "enough to act on": (guards.enough_evidence, lambda m: {}, True, None),
    "nothing at all to act on": (
        guards.enough_evidence,
        lambda m: {"watched": watched(evidence=0.0)},
        None,
        Reason.NOT_ENOUGH_EVIDENCE,
    ),
    "nobody knows whether it is enough": (
        guards.enough_evidence,
        lambda m: {"watched": watched(evidence=None)},
        None,
        Reason.EVIDENCE_UNKNOWN,
    ),
    "every dependency works": (consent.no_dependency_down, lambda m: {}, True, None),
    "a dependency is down": (
        consent.no_dependency_down,
        lambda m: {"watched": watched(vetoes=("RedisDown (data)",))},
        False,
        Reason.DEPENDENCY_DOWN,
    ),
    "strict seed does not ask for dependencies": (
        consent.no_dependency_down,
        lambda m: {
            "watched": watched(vetoes=("RedisDown (data)",)),
            "policy": m.policy(strict_seed=True),
        },
        True,
        None,
    ),
    "hosts run the deployed version": (guards.deployed_version_is_live, lambda m: {}, True, None),
    "a deployment that stopped half-way": (
        guards.deployed_version_is_live,
        lambda m: {"hosts": hosts(app1="2", app2="1")},
        True,
        None,
    ),
    "a host that does not answer may be crashing": (
        guards.deployed_version_is_live,
        lambda m: {"hosts": hosts(app1="1", app2=None)},
        True,
        None,
    ),
    "no host is known": (guards.deployed_version_is_live, lambda m: {"hosts": ()}, True, None),
    "somebody deployed another version by hand": (
        guards.deployed_version_is_live,
        lambda m: {"hosts": hosts(app1="2", app2="3")},
        None,
        Reason.OTHER_VERSION_LIVE,
    ),
    "somebody went back by hand": (
        guards.deployed_version_is_live,
        lambda m: {"hosts": hosts(app1="1", app2="1")},
        False,
        Reason.ALREADY_LEFT,
    ),
    "every version on the way may be left": (consent.way_back_is_safe, lambda m: {}, True, None),
    "the version that is left has a migration": (
        consent.way_back_is_safe,
        lambda m: {"releases": (m.release(), m.release("2", rollback_safe=False, deployed_at=NOON))},
        False,
        Reason.NOT_REVERSIBLE,
    ),
    "a version between has a migration, though it never became live": (
        consent.way_back_is_safe,
        lambda m: {
            "releases": (
                m.release(),
                m.release("1.5", rollback_safe=False, live_at=None, deployed_at=at(-30)),
                m.release("2", deployed_at=NOON),
            )
        },
        False,
        Reason.NOT_REVERSIBLE,
    ),
    "a version between was deployed by hand and says nothing": (
        consent.way_back_is_safe,
        lambda m: {
            "releases": (
                m.release(),
                m.release(
                    "1.5",
                    rollback_safe=False,
                    live_at=at(-30),
                    deployed_at=None,
                    standing=Standing.UNPROVEN,
                ),
                m.release("2", deployed_at=NOON),
            )
        },
        False,
        Reason.NOT_REVERSIBLE,
    ),
    "a version before the target does not matter": (
        consent.way_back_is_safe,
        lambda m: {
            "releases": (
                m.release(rollback_safe=False),
                m.release("0.9", rollback_safe=False, live_at=at(-90), deployed_at=at(-90)),
                m.release("2", deployed_at=NOON),
            )
        },
        True,
        None,
    ),
    "the breaker is closed": (consent.breaker_closed, lambda m: {}, True, None),
    "the breaker is open": (
        consent.breaker_closed,
        lambda m: {"breaker": BREAKER},
        False,
        Reason.BREAKER_OPEN,
    ),
    "two vain attempts": (consent.attempts_left, lambda m: {"attempts": 2}, True, None),
    "three vain attempts": (
        consent.attempts_left,
        lambda m: {"attempts": 3},
        False,
        Reason.ATTEMPTS_EXHAUSTED,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_guard_answers(make: Any, case: str) -> None:
    guard, change, passed, reason = CASES[case]

    answer = guard(make.facts(**change(make)))

    assert answer.passed is passed
    assert answer.reason is (reason or Reason.ACCEPTED)
    assert answer.guard == guard.__name__


def test_every_guard_is_seen_passing_and_objecting() -> None:
    both_ways = {
        guard.__name__: {passed is True for tested, _, passed, _ in CASES.values() if tested is guard}
        for guard in guards.GUARDS
    }

    assert both_ways.pop("authentic") == {True}
    lacking = [name for name, seen in both_ways.items() if seen != {True, False}]
    assert not lacking, f"expected a case that passes and one that objects in {__file__} for {lacking}"
