"""The table of a rollback's life, walked over every pair."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from rollback.domain.errors import IllegalTransition
from rollback.domain.rollback import (
    ACTIVE,
    TRANSITIONS,
    AttemptFailed,
    CalledOff,
    Claimed,
    Event,
    HostState,
    Kind,
    Phase,
    Restored,
    Resumed,
    VerificationEnded,
    VerificationVerdict,
    VerifiedFixed,
)

AT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
EVENTS: list[Event] = [
    Claimed(at=AT),
    Resumed(at=AT),
    Restored(at=AT),
    AttemptFailed(at=AT, detail="app2 did not answer"),
    CalledOff(at=AT, detail="over"),
    VerifiedFixed(at=AT),
    VerificationEnded(at=AT, verdict=VerificationVerdict.BLIND),
]
ALLOWED = {
    ("pending", "Claimed"): "running",
    ("pending", "AttemptFailed"): "failed",
    ("pending", "CalledOff"): "called_off",
    ("running", "Resumed"): "running",
    ("running", "Restored"): "verifying",
    ("running", "AttemptFailed"): "failed",
    ("running", "CalledOff"): "called_off",
    ("verifying", "Resumed"): "verifying",
    ("verifying", "VerifiedFixed"): "succeeded",
    ("verifying", "VerificationEnded"): "unverified",
    ("unverified", "VerifiedFixed"): "succeeded",
    ("unverified", "VerificationEnded"): "unverified",
}


@pytest.mark.parametrize(("phase", "event"), list(product(Phase, EVENTS)), ids=str)
def test_every_pair_of_phase_and_event_moves_as_the_table_says_or_raises(
    make: Any, phase: Phase, event: Event
) -> None:
    rollback = make.rollback(phase=phase)
    expected = ALLOWED.get((phase.value, type(event).__name__))

    if expected is None:
        with pytest.raises(IllegalTransition):
            rollback.apply(event)
    else:
        assert rollback.apply(event).phase == expected


def test_every_kind_of_event_is_walked() -> None:
    assert {type(event) for event in EVENTS} == set(Event.__subclasses__())
    assert len(TRANSITIONS) == len(ALLOWED)


def test_an_ended_rollback_never_moves_a_host_again_and_only_its_verdict_may_be_replaced() -> None:
    assert {pair: to for pair, to in TRANSITIONS.items() if pair[0] not in ACTIVE} == {
        (Phase.UNVERIFIED, VerifiedFixed): Phase.SUCCEEDED,
        (Phase.UNVERIFIED, VerificationEnded): Phase.UNVERIFIED,
    }


def test_times_and_attempts_are_written_down_as_it_moves(make: Any) -> None:
    running = make.rollback().apply(Claimed(at=AT))
    again = running.apply(Resumed(at=AT))
    failed = again.apply(AttemptFailed(at=AT, detail="no"))

    assert (running.attempt, running.started_at, running.finished_at) == (1, AT, None)
    assert again.attempt == 2
    assert (failed.finished_at, failed.detail) == (AT, "no")


def test_measuring_again_after_a_restart_is_no_new_attempt(make: Any) -> None:
    verifying = make.rollback().apply(Claimed(at=AT)).apply(Restored(at=AT))

    assert verifying.restored_at == AT
    assert verifying.apply(Resumed(at=AT)).attempt == 1


def test_a_verdict_that_comes_late_does_not_make_the_end_later(make: Any) -> None:
    blind = make.rollback(phase=Phase.UNVERIFIED, finished_at=AT)

    assert blind.apply(VerifiedFixed(at=AT + timedelta(hours=1))).finished_at == AT


def test_an_end_keeps_what_it_says_of_hosts(make: Any) -> None:
    results = (make.result("app1"), make.result("app2", HostState.UNREACHABLE))
    running = make.rollback(phase=Phase.RUNNING)

    restored = running.apply(Restored(at=AT, results=results))
    failed = running.apply(AttemptFailed(at=AT, detail="no", results=results))
    called_off = running.apply(CalledOff(at=AT, detail="over"))

    assert restored.results == failed.results == results
    assert (restored.changed, restored.waiting) == (True, ("app2",))
    assert (called_off.detail, called_off.finished_at, called_off.changed) == ("over", AT, False)


@pytest.mark.parametrize(
    ("states", "kind", "vain"),
    [
        ([], Kind.REPAIR, True),
        ([HostState.UNREACHABLE], Kind.REPAIR, True),
        ([HostState.UNREACHABLE], Kind.ROLLBACK, False),
        ([HostState.FAILED], Kind.REPAIR, False),
        ([HostState.DONE, HostState.UNREACHABLE], Kind.REPAIR, False),
    ],
)
def test_a_repair_is_in_vain_when_its_hosts_are_still_away(
    make: Any, states: list[HostState], kind: Kind, vain: bool
) -> None:
    results = tuple(make.result(str(number), state) for number, state in enumerate(states))

    assert make.rollback(kind=kind, phase=Phase.FAILED, results=results).vain is vain
