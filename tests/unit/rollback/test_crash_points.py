"""Fault points: nothing without the variable, and never one that does not exist."""

import os
import signal
from collections.abc import Iterator

import pytest

from rollback import crash_points
from rollback.domain.errors import SettingsInvalid
from rollback.domain.reasons import LedgerKind


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    crash_points.arm({})


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The signals that the process would have sent to itself."""
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append(number))
    return sent


def test_without_the_variable_no_point_does_anything(killed: list[int]) -> None:
    crash_points.arm({})

    for point in crash_points.POINTS:
        crash_points.passing(point)

    assert not crash_points.armed()
    assert killed == []


def test_it_kills_when_the_point_is_passed_for_the_nth_time(killed: list[int]) -> None:
    crash_points.arm({crash_points.VARIABLE: "after_commit/host_step:3"})

    crash_points.passing("after_commit/host_step", "after_commit/host_step")
    crash_points.passing("before_commit/host_step")
    assert killed == []
    crash_points.passing("after_commit/decided", "after_commit/host_step")

    assert killed == [signal.SIGKILL]


@pytest.mark.parametrize("value", ["somewhere", "after_commit/host_step:soon", "after_commit", "1"])
def test_a_point_that_does_not_exist_stops_the_start(value: str) -> None:
    with pytest.raises(SettingsInvalid, match="expected POINT or POINT:N"):
        crash_points.arm({crash_points.VARIABLE: value})

    assert not crash_points.armed()


def test_every_line_of_the_ledger_is_two_points() -> None:
    ends = {point.split("/")[1] for point in crash_points.POINTS if "/" in point}

    assert ends == set(LedgerKind)
    assert len(crash_points.POINTS) == 2 * len(LedgerKind) + 3
