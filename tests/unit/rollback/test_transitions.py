"""The table of a rollback's life, walked over every pair."""

from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from rollback.domain.errors import IllegalTransition
from rollback.domain.rollback import (
    ACTIVE,
    TRANSITIONS,
    AttemptFailed,
    Claimed,
    Event,
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
    VerifiedFixed(at=AT),
    VerificationEnded(at=AT, verdict=VerificationVerdict.BLIND),
]
ALLOWED = {
    ("pending", "Claimed"): "running",
    ("pending", "AttemptFailed"): "failed",
    ("running", "Resumed"): "running",
    ("running", "Restored"): "verifying",
    ("running", "AttemptFailed"): "failed",
    ("verifying", "Resumed"): "verifying",
    ("verifying", "VerifiedFixed"): "succeeded",
    ("verifying", "VerificationEnded"): "unverified",
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


@pytest.mark.parametrize("phase", [p for p in Phase if p not in ACTIVE])
def test_an_ended_rollback_never_moves_again(phase: Phase) -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] is phase]


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
