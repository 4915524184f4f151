"""What receivers are told of alerts that no fault is to prove is judged, too."""

from dataclasses import replace
from typing import Any

import pytest

from harness.proof.overheard import Firing, overheard
from harness.proof.strays import mistold
from harness.proof.witnessed import Life, Played
from tests.unit.harness.test_proof import CONFIG, DOWN, FAULT, NOON, at, everybody, seen, slack

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


def _about(record: dict[str, Any], service: str) -> dict[str, Any]:
    """The message, which names a service."""
    attachment = {**record["body"]["attachments"][0], "text": f"of {service}"}
    return {**record, "body": {**record["body"], "attachments": [attachment]}}


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
    found = overheard(CONFIG, [*everybody(), *records], [Firing(LOST, lasted_s)], [LOST, DOWN])

    assert [(one.alert, one.why) for one in found] == [("TargetsMissing", each) for each in why]


def test_two_of_one_name_may_be_told_twice() -> None:
    other = {**LOST, "service": "alertmanager"}

    of_one = [*told(1), *(_about(record, "alertmanager") for record in told(1))]

    assert not overheard(CONFIG, of_one, [Firing(LOST, 60), Firing(other, 60)], [LOST, other])


def test_what_is_told_of_another_service_is_judged_although_the_alert_is_proven_of_one() -> None:
    """Three messages about a service of nobody's fault, where once it fired."""
    other = {**DOWN, "service": "mita-other", "subject": "other1"}
    life = Life(labels=other, pending=NOON + 3, firing=NOON + 3, ended=NOON + 20)
    three = [_about(slack("#mita-alerts", "HostDown", "CRITICAL", at(n)), "mita-other") for n in (4, 9, 15)]
    own = replace(FAULT, service="mita-backend")
    played = [Played(fault=own, began=NOON, injected=NOON, undone=NOON + 20)]
    wave = seen(lives=[*seen().lives, life], played=played, records=[*everybody(), *three])

    [stray] = mistold(wave)

    assert stray.told == "slack #mita-alerts: told 3 times that it fires, expected at most 1"


def test_a_message_that_mentions_another_alert_is_told_to_no_stranger() -> None:
    """Of the alert that the message is about the place is a receiver."""
    fails = {**DOWN, "alertname": "RedisDown", "symptom": "redis"}
    message = slack("#mita-incidents", "RedisDown", "CRITICAL", at(4))
    message["body"]["attachments"][0]["text"] = "see TargetsMissing"

    found = overheard(CONFIG, [message], [Firing(fails, 60), Firing(LOST, 60)], [fails, LOST])

    assert found == []


def test_a_message_more_than_its_own_routes_repeat_is_named() -> None:
    """What the daemon hears every four minutes, people hear every four hours."""
    loud = {**LOST, "rollback": "propose"}

    [one] = overheard(CONFIG, told(15), [Firing(loud, 3600)], [loud])

    assert one.why == "told 15 times that it fires, expected at most 1"


def test_what_is_about_no_alert_that_fired_is_named() -> None:
    [one] = overheard(CONFIG, [slack("#mita-alerts", "RedisDown", "CRITICAL", at(5))], [], [DOWN])

    assert one.why == "it is about no alert that fired"
    assert (one.alert, one.place) == ("[CRITICAL] RedisDown on app2 (lab)", "slack #mita-alerts")


@pytest.mark.parametrize(("problem", "counts"), [("'summary' is blank", True), ("rate_limited", False)])
def test_what_the_service_would_refuse_for_good_is_named(problem: str, *, counts: bool) -> None:
    refused = {**told(1)[0], "valid": False, "problems": [problem]}

    found = overheard(CONFIG, [refused], [Firing(LOST, 60)], [LOST])

    assert [one.why for one in found] == [f"the service would refuse it: {problem}"] * counts


def test_the_daemons_own_words_are_judged_elsewhere() -> None:
    own = {**told(1)[0], "headers": {"user-agent": "mita-rollback"}}

    assert not overheard(CONFIG, [own], [], [])


def test_a_side_effect_that_is_told_fifty_times_fails_the_wave() -> None:
    side = Life(labels=LOST, pending=NOON + 3, firing=NOON + 3, ended=NOON + 20)
    quiet = seen(lives=[*seen().lives, side])
    loud = seen(lives=quiet.lives, records=[*everybody(), *told(50)])

    assert not mistold(quiet)
    [stray] = mistold(loud)
    assert stray.alert == "TargetsMissing" and not stray.reason
    assert stray.told == "slack #mita-alerts: told 50 times that it fires, expected at most 1"
