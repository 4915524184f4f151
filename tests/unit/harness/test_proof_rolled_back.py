"""The rung of the rollback: the right release, measured, on every host, in time, because of this alert."""

from typing import Any

import pytest

from harness.faults.fault import named
from harness.proof import rolled_back
from harness.proof.cli import chosen
from harness.proof.marks import Mark
from harness.stack.released import Released, version_of

BEGAN = 1795860000.0  # 10:00 of that day
FIRED = BEGAN + 30
RELEASED = Released(version="3.0.0", good="1.0.0", hosts={"app1": "1.0.0", "app2": "1.0.0"})
DECIDED = {
    "rollback_id": 7,
    "alert": {"alertname": "CriticalErrorRate"},
    "verdict": "roll_back",
    "at": "2026-11-28T10:00:33+00:00",
}
ROLLED_BACK = {
    "id": 7,
    "from_version": "3.0.0",
    "to_version": "1.0.0",
    "phase": "succeeded",
    "verification": {"verdict": "fixed"},
    "finished_at": "2026-11-28T10:00:50+00:00",
}


def judged(rollback: str = "auto", released: Released | None = RELEASED, **changes: Any) -> tuple[Mark, str]:
    step = rolled_back.judged(
        "CriticalErrorRate",
        rollback,
        released,
        changes.pop("decisions", [DECIDED]),
        changes.pop("rollbacks", [{**ROLLED_BACK, **changes}]),
        since=BEGAN,
        fired=FIRED,
        within=60.0,
    )
    return step.mark, step.why


def test_a_rollback_that_cured_is_proven_with_its_time() -> None:
    assert judged() == (
        Mark.YES,
        "from 3.0.0 to 1.0.0, succeeded, measured fixed, 20.0 s after the alert, allowed 60 s",
    )


@pytest.mark.parametrize(("rollback", "released"), [("propose", RELEASED), ("", RELEASED), ("", None)])
def test_where_nothing_may_be_rolled_back_there_is_nothing_to_prove(
    rollback: str, released: Released | None
) -> None:
    assert judged(rollback, released)[0] is Mark.NONE


def test_a_release_that_could_not_be_taken_back_is_not_a_rung_that_does_not_apply() -> None:
    assert judged("auto", None)[0] is Mark.OPEN


@pytest.mark.parametrize(
    "wrong",
    [
        {"decisions": []},
        {"decisions": [{**DECIDED, "alert": {"alertname": "CriticalP95Latency"}}]},
        {"decisions": [{**DECIDED, "verdict": "propose"}]},
        {"decisions": [{**DECIDED, "at": "2026-11-28T09:59:59+00:00"}]},
        {"rollbacks": []},
        {"rollbacks": [ROLLED_BACK, ROLLED_BACK]},
        {"from_version": "1.0.0"},
        {"to_version": "0.9.0"},
        {"phase": "unverified"},
        {"verification": {"verdict": "not_fixed"}},
        {"verification": None},
        {"finished_at": "2026-11-28T10:01:31+00:00"},
        {"finished_at": None},
        {"released": Released(version="3.0.0", good="1.0.0", hosts={"app1": "1.0.0", "app2": "3.0.0"})},
    ],
)
def test_any_other_end_is_none(wrong: dict[str, Any]) -> None:
    mark, why = judged(**wrong)

    assert mark is Mark.NO
    assert why.startswith("expected ")


def test_each_release_has_a_version_of_its_own_and_what_a_fault_follows_is_played_too() -> None:
    slow, failing = named("release-slow"), named("release-failing")

    assert version_of(slow) != version_of(failing)
    [batch] = chosen(["RollbackRepeated"], []).values()
    assert [fault.name for fault in batch] == ["release-slow", "release-failing"]
