"""Schedules are repeatable, every kind of disturbance can be done, and the judge sees each violation."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any
from unittest.mock import MagicMock

import pytest

from harness.chaos.disturbing import acts
from harness.chaos.judging import Left, judge
from harness.chaos.schedule import (
    APPLICATION_HOSTS,
    AT_ONCE,
    HARMLESS_TO_A_DEPLOYMENT,
    ON_A_HOST,
    SUBJECTS,
    Anchor,
    Disturbance,
    Kind,
    Schedule,
    draw,
)

MANY = [draw(1, number) for number in range(1, 301)]


def test_a_seed_and_a_number_always_draw_the_same_round() -> None:
    assert [draw(1, number) for number in range(1, 301)] == MANY
    assert [draw(2, number) for number in range(1, 301)] != MANY


def test_many_rounds_have_every_kind_at_every_moment() -> None:
    everything = [one for schedule in MANY for one in schedule.disturbances]

    assert {one.kind for one in everything} == set(Kind)
    assert {one.anchor for one in everything} == set(Anchor)
    assert {one.host for one in everything if one.kind in ON_A_HOST} == set(APPLICATION_HOSTS)
    assert {schedule.bad for schedule in MANY} == {True, False}


@pytest.mark.parametrize("schedule", MANY[:100], ids=lambda schedule: schedule.number)
def test_a_round_can_be_played(schedule: Schedule) -> None:
    subjects = [name for one in schedule.disturbances for name in SUBJECTS if one.kind in SUBJECTS[name]]
    assert len(subjects) == len(set(subjects)) > 0
    for one in schedule.disturbances:
        assert one.anchor is not Anchor.ROLLBACK or schedule.bad
        assert one.anchor is not Anchor.DEPLOYING or one.kind in HARMLESS_TO_A_DEPLOYMENT
        assert bool(one.lasts_s) is (one.kind not in AT_ONCE)
        assert bool(one.host) is (one.kind in ON_A_HOST)


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_can_be_done_and_undone(kind: Kind) -> None:
    act, undo = acts(Disturbance(Anchor.LIVE, 1.0, kind, host="app1"), MagicMock())

    assert callable(act)
    assert callable(undo)


BAD = Schedule(1, 1, True, (Disturbance(Anchor.LIVE, 1.0, Kind.DAEMON_KILLED),))
HEALTHY = replace(BAD, bad=False)
ON_APP2 = replace(BAD, disturbances=(Disturbance(Anchor.LIVE, 1.0, Kind.HOST_WITHOUT_POWER, 5.0, "app2"),))
NUMBERS: Iterator[int] = count(1)


def rollback(**changes: Any) -> dict[str, Any]:
    results = [{"host": host, "state": "done"} for host in APPLICATION_HOSTS]
    values = {
        "id": next(NUMBERS),
        "kind": "rollback",
        "phase": "succeeded",
        "attempt": 1,
        "from_version": "3.0.0",
        "to_version": "1.0.0",
        "deployment_id": 2,
        "results": results,
    }
    return values | changes


def entry(event: str = "live", by: str = "rollback") -> dict[str, str]:
    return {"event": event, "by": by}


def left(**changes: Any) -> Left:
    """After a bad release was rolled back as it should be."""
    values: dict[str, Any] = {
        "good": "1.0.0",
        "deployed": "3.0.0",
        "versions": dict.fromkeys(APPLICATION_HOSTS, "1.0.0"),
        "live": "1.0.0",
        "rollbacks": [rollback()],
        "decisions": [{"alert": {"alertname": "CriticalErrorRate"}}],
        "ledger": [],
        "history": {host: [entry(by="deploy"), entry(), entry("rejected")] for host in APPLICATION_HOSTS},
        "starts": dict.fromkeys(APPLICATION_HOSTS, 1),
        "fired": frozenset({"CriticalErrorRate"}),
        "vetoes": frozenset(),
        "proposals": [],
        "told": ["measured healthy again after going back from 3.0.0 to 1.0.0"],
        "pages": [],
    }
    return Left(**(values | changes))


STAYED = {
    "versions": dict.fromkeys(APPLICATION_HOSTS, "3.0.0"),
    "live": "3.0.0",
    "rollbacks": [],
    "starts": {},
}
PROPOSED = STAYED | {
    "proposals": [{"state": "open", "decision": {"sentence": "a dependency is down"}}],
    "told": ["proposed, not done: a dependency is down"],
}
HALF_WAY = {
    "versions": {"app1": "1.0.0", "app2": "3.0.0"},
    "rollbacks": [rollback(phase="failed", results=[{"host": "app1", "state": "done"}])],
    "told": ["FAILED HALF-WAY: going back from 3.0.0 to 1.0.0"],
}
LEFT_ALONE = {"versions": dict.fromkeys(APPLICATION_HOSTS, "2.0.0"), "live": "2.0.0", "deployed": "2.0.0"}
LEFT_ALONE |= {"rollbacks": [], "history": {}, "starts": {}}


@pytest.mark.parametrize(
    ("schedule", "changes"),
    [
        (BAD, {}),
        (BAD, {"rollbacks": [rollback(attempt=2)], "starts": {"app1": 2, "app2": 1}}),
        (BAD, {"rollbacks": [rollback(), rollback(phase="failed", results=[])]}),
        (ON_APP2, {"starts": {"app1": 1, "app2": 2}}),
        (ON_APP2, HALF_WAY),
        (BAD, PROPOSED | {"vetoes": frozenset({"HostDown"})}),
        (BAD, {"decisions": [], "ledger": [{"kind": "alert_seen", "alertname": "CriticalErrorRate"}]}),
        (HEALTHY, LEFT_ALONE),
        (HEALTHY, LEFT_ALONE | {"rollbacks": [rollback(phase="called_off", results=[])]}),
    ],
)
def test_what_is_as_it_should_be_is_no_violation(schedule: Schedule, changes: dict[str, Any]) -> None:
    assert judge(schedule, left(**changes)).violations == ()


@pytest.mark.parametrize(
    ("schedule", "changes", "words"),
    [
        (BAD, STAYED, "lost: app1, app2 still without 1.0.0"),
        (BAD, PROPOSED, "lost: app1, app2 still without 1.0.0"),
        (BAD, HALF_WAY, "lost: app2 still without 1.0.0"),
        (ON_APP2, HALF_WAY | {"told": ["3.0.0 to 1.0.0"]}, "lost: app2 still without 1.0.0"),
        (BAD, {"decisions": []}, "lost: CriticalErrorRate fired"),
        (BAD, {"pending": 1}, "lost: 1 alert(s) still wait"),
        (BAD, {"told": []}, "lost: nobody was told of rollback"),
        (BAD, {"rollbacks": [rollback(verification={"verdict": "blind"})]}, "lost: rollback"),
        (BAD, {"rollbacks": [rollback(), rollback()]}, "doubled: deployment 2 was rolled back 2 times"),
        (BAD, {"rollbacks": [rollback(), rollback(kind="repair")]}, "doubled: app1 was brought to 1.0.0 2"),
        (BAD, {"history": {"app1": [entry(), entry()]}}, "doubled: app1 was rolled back 2 times"),
        (BAD, {"starts": {"app1": 2}}, "doubled: the application was started 2 times on app1"),
        (BAD, {"live": "3.0.0"}, "wrong: app1 runs 1.0.0, the daemon's record says 3.0.0"),
        (BAD, {"versions": {"app1": "none", "app2": "1.0.0"}}, "wrong: app1 answers nothing"),
        (HEALTHY, LEFT_ALONE | {"rollbacks": [rollback()]}, "wrong: the release was healthy, and rollback"),
        (HEALTHY, LEFT_ALONE | {"versions": {"app1": "1.0.0"}}, "wrong: the release was healthy, and app1"),
    ],
)
def test_a_violation_is_named(schedule: Schedule, changes: dict[str, Any], words: str) -> None:
    violations = judge(schedule, left(**changes)).violations

    assert any(violation.startswith(words) for violation in violations), violations
