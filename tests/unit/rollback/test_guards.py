"""Every guard, both ways and at its edge."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollback.domain import guards
from rollback.domain.alert import AlertStatus
from rollback.domain.deployment import Outcome
from rollback.domain.facts import Began
from rollback.domain.policy import Mode
from rollback.domain.reasons import Reason

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


SECOND = 1 / 60
Change = Callable[[Any], dict[str, Any]]

# guard, what differs from facts with which everything passes, whether it passes, the reason if it does not
CASES: dict[str, tuple[guards.Guard, Change, bool | None, Reason | None]] = {
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
        lambda m: {"deployment": m.deployment(outcome=None, finished_at=None), "alert": m.alert(minutes=50)},
        True,
        None,
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
        lambda m: {"began": Began(pending_since=at(-SECOND))},
        False,
        Reason.ALERT_BEFORE_DEPLOYMENT,
    ),
    "waiting out its `for` after the deployment": (
        guards.began_after_deployment,
        lambda m: {"began": Began(pending_since=at(3))},
        True,
        None,
    ),
    "Prometheus cannot say since when": (
        guards.began_after_deployment,
        lambda m: {"began": Began(blind="no answer")},
        None,
        Reason.BLIND,
    ),
    "firing before, whatever Prometheus would say": (
        guards.began_after_deployment,
        lambda m: {"alert": m.alert(minutes=-1), "began": Began(blind="no answer")},
        False,
        Reason.ALERT_BEFORE_DEPLOYMENT,
    ),
    "nothing to have begun after": (
        guards.began_after_deployment,
        lambda m: {"deployment": None},
        False,
        Reason.NO_DEPLOYMENT_IN_WINDOW,
    ),
    "a known-good version": (guards.target_known_good, lambda m: {}, True, None),
    "nothing to go back to": (
        guards.target_known_good,
        lambda m: {"target": None},
        False,
        Reason.NO_KNOWN_GOOD,
    ),
    "never rolled back": (guards.cooled_down, lambda m: {}, True, None),
    "a second before the cooldown ends": (
        guards.cooled_down,
        lambda m: {"last_finished_at": at(0), "now": at(10 - SECOND)},
        False,
        Reason.COOLDOWN,
    ),
    "when the cooldown ends": (
        guards.cooled_down,
        lambda m: {"last_finished_at": at(0), "now": at(10)},
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
        lambda m: {"deployment": m.deployment(outcome=None, finished_at=None)},
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
    assert all(seen == {True, False} for seen in both_ways.values()), both_ways
