"""What receivers are told of alerts that no fault is to prove is judged, too."""

from typing import Any

import pytest

from harness.proof.overheard import Firing, overheard
from harness.proof.strays import mistold
from harness.proof.witnessed import Life
from tests.unit.harness.test_proof import CONFIG, DOWN, NOON, at, everybody, seen, slack

LOST = {
    **DOWN,
    "alertname": "TargetsMissing",
    "severity": "error",
    "component": "monitoring",
    "service": "prometheus",
    "symptom": "targets_missing",
}


def told(times: int, channel: str = "#mita-alerts") -> list[dict[str, Any]]:
    """A channel hears so many times that targets are missing, and that they are back."""
    return [
        slack(channel, "TargetsMissing", state, at(20 * n + later))
        for n in range(times)
        for later, state in ((0, "ERROR"), (10, "RESOLVED"))
    ]


@pytest.mark.parametrize(
    ("records", "lasted_s", "why"),
    [
        (told(1), 60, []),
        ([], 60, []),
        (told(2), 60, ["told 2 times that it fires, expected at most 1"]),
        (told(2), 5 * 3600, []),
        (told(1, "#mita-finance"), 60, ["it is not among its receivers"]),
        (told(1)[1:], 60, []),
    ],
    ids=["once", "inhibited", "twice", "repeated after four hours", "elsewhere", "only that it is over"],
)
def test_another_alert_is_told_to_its_own_receivers_once_for_each_time_that_it_fired(
    records: list[dict[str, Any]], lasted_s: float, why: list[str]
) -> None:
    found = overheard(CONFIG, [*everybody(), *records], [Firing(LOST, lasted_s)], {"HostDown"})

    assert [(one.alert, one.why) for one in found] == [("TargetsMissing", each) for each in why]


def test_two_of_one_name_may_be_told_twice() -> None:
    other = {**LOST, "service": "alertmanager"}

    assert not overheard(CONFIG, told(2), [Firing(LOST, 60), Firing(other, 60)], set())


def test_what_is_about_no_alert_that_fired_is_named() -> None:
    [one] = overheard(CONFIG, [slack("#mita-alerts", "RedisDown", "CRITICAL", at(5))], [], {"HostDown"})

    assert one.why == "it is about no alert that fired"
    assert (one.alert, one.place) == ("[CRITICAL] RedisDown on app2 (lab)", "slack #mita-alerts")


@pytest.mark.parametrize(("problem", "counts"), [("'summary' is blank", True), ("rate_limited", False)])
def test_what_the_service_would_refuse_for_good_is_named(problem: str, *, counts: bool) -> None:
    refused = {**told(1)[0], "valid": False, "problems": [problem]}

    found = overheard(CONFIG, [refused], [Firing(LOST, 60)], set())

    assert [one.why for one in found] == [f"the service would refuse it: {problem}"] * counts


def test_the_daemons_own_words_are_judged_elsewhere() -> None:
    own = {**told(1)[0], "headers": {"user-agent": "mita-rollback"}}

    assert not overheard(CONFIG, [own], [], set())


def test_a_side_effect_that_is_told_fifty_times_fails_the_wave() -> None:
    side = Life(labels=LOST, pending=NOON + 3, firing=NOON + 3, ended=NOON + 20)
    quiet = seen(lives=[*seen().lives, side])
    loud = seen(lives=quiet.lives, records=[*everybody(), *told(50)])

    assert not mistold(quiet)
    [stray] = mistold(loud)
    assert stray.alert == "TargetsMissing" and not stray.reason
    assert stray.told == "slack #mita-alerts: told 50 times that it fires, expected at most 1"
