"""What attempts that were cut short have moved, and whether the gate was passed."""

from typing import Any

import pytest

from rollback.domain.progress import begun, with_earlier
from rollback.domain.rollback import HostState
from rollback.domain.stored import Step


def steps(make: Any, *said: tuple[str, ...]) -> list[Step]:
    at = make.deployment().started_at
    names = ("host", "status", "detail")
    return [Step(at=at, step="host", **dict(zip(names, words, strict=False))) for words in said]


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ([("app1", "started"), ("app1", "done")], HostState.DONE),
        ([("app1", "started")], HostState.DONE),  # cut short: perhaps moved, then found to be there
        ([("app1", "started"), ("app1", "done", "already")], HostState.ALREADY),
        ([("app2", "started"), ("app2", "done")], HostState.ALREADY),
        ([], HostState.ALREADY),
    ],
)
def test_a_host_that_an_attempt_before_had_begun_with_was_moved_by_it(
    make: Any, said: list[tuple[str, ...]], state: HostState
) -> None:
    found = with_earlier((make.result("app1", HostState.ALREADY),), steps(make, *said))

    assert {r.host: r.state for r in found}["app1"] is state


def test_a_host_that_only_an_attempt_before_told_of_is_not_forgotten(make: Any) -> None:
    found = with_earlier((), steps(make, ("app1", "done"), ("app2", "started"), ("app3", "failed")))

    assert [(r.host, r.state) for r in found] == [("app1", HostState.DONE)]


def test_what_the_last_attempt_says_of_a_host_counts(make: Any) -> None:
    last = make.result("app1", HostState.UNREACHABLE)

    assert with_earlier((last,), steps(make, ("app1", "done"))) == (last,)


@pytest.mark.parametrize(("status", "passed"), [("open", True), ("closed", False), ("asked", False)])
def test_the_gate_is_passed_when_it_was_open(make: Any, status: str, passed: bool) -> None:
    at = make.deployment().started_at

    assert begun([Step(at=at, host="all", step="gate", status=status)]) is passed
