"""What the end of a rollback means for releases and for automation, both ways."""

from datetime import timedelta
from typing import Any

import pytest

from rollback.domain.consequences import NOTHING, consequences
from rollback.domain.control import Cause
from rollback.domain.deployment import Standing
from rollback.domain.rollback import HostState, Kind, Phase, Rollback, Verification, VerificationVerdict

WINDOW = timedelta(hours=1)


def ended(make: Any, number: int = 2, minutes: float = 0, verdict: str = "fixed", **changes: Any) -> Rollback:
    """A rollback of 2 to 1 that moved a host and ended so many minutes after noon."""
    at = make.deployment().started_at + timedelta(minutes=minutes)
    measured = Verification(verdict=VerificationVerdict(verdict), at=at)
    phase = Phase.SUCCEEDED if verdict == "fixed" else Phase.UNVERIFIED
    whole = {
        "id": number,
        "phase": phase,
        "restored_at": at,
        "finished_at": at,
        "verification": measured,
        "results": (make.result(),),
        **changes,
    }
    found: Rollback = make.rollback(**whole)
    return found


def failed(make: Any, number: int, minutes: float, state: HostState = HostState.DONE) -> Rollback:
    results = (make.result("app1", state), make.result("app2", HostState.FAILED))
    gone: dict[str, Any] = {"verification": None, "restored_at": None, "results": results}
    return ended(make, number, minutes, phase=Phase.FAILED, **gone)


@pytest.mark.parametrize(
    ("verdict", "standings", "cause"),
    [
        ("fixed", (("2", Standing.REJECTED),), None),
        ("not_fixed", (("1", Standing.SUSPECT),), Cause.FRUITLESS),
        ("worse", (("1", Standing.SUSPECT),), Cause.FRUITLESS),
        ("blind", (), None),
    ],
)
def test_only_a_cure_rejects_and_only_a_measured_fault_makes_suspect(
    make: Any, verdict: str, standings: Any, cause: Cause | None
) -> None:
    found = consequences(ended(make, verdict=verdict), [], WINDOW)

    assert (found.standings, found.cause) == (standings, cause)


@pytest.mark.parametrize(
    ("minutes", "changes", "cause"),
    [
        (-59, {}, Cause.REPEATED),
        (-60, {}, None),
        (-10, {"by": "anna"}, None),
        (-10, {"kind": Kind.REPAIR}, None),
        (-10, {"results": ()}, None),
    ],
)
def test_two_automatic_rollbacks_that_moved_hosts_within_the_window_are_too_many(
    make: Any, minutes: float, changes: Any, cause: Cause | None
) -> None:
    found = consequences(ended(make), [ended(make, 1, minutes, **changes)], WINDOW)

    assert found.cause is cause
    assert found.standings == (("2", Standing.REJECTED),)


def test_one_that_failed_half_way_counts_and_one_that_moved_nothing_does_not(make: Any) -> None:
    assert consequences(ended(make), [failed(make, 1, -10)], WINDOW).cause is Cause.REPEATED
    assert consequences(failed(make, 2, 0), [ended(make, 1, -10)], WINDOW).cause is Cause.REPEATED
    unmoved = failed(make, 1, -10, HostState.UNREACHABLE)
    assert consequences(ended(make), [unmoved], WINDOW).cause is None
    again = failed(make, 3, 0, HostState.UNREACHABLE)
    assert consequences(again, [ended(make, 1, -10), ended(make, 2, -5)], WINDOW) == NOTHING


def test_what_a_person_left_while_it_was_well_is_not_rejected_for_that(make: Any) -> None:
    assert consequences(ended(make, by="ann"), [], WINDOW, left_well=True) == NOTHING
    assert consequences(ended(make, by="ann"), [], WINDOW).standings == (("2", Standing.REJECTED),)
    worse = consequences(ended(make, by="ann", verdict="worse"), [], WINDOW, left_well=True)
    assert worse.standings == (("1", Standing.SUSPECT),)


def test_repairs_and_what_has_not_ended_mean_nothing(make: Any) -> None:
    assert consequences(ended(make, kind=Kind.REPAIR, verdict="worse"), [], WINDOW) == NOTHING
    assert consequences(make.rollback(), [ended(make, 1)], WINDOW) == NOTHING
    called_off = make.rollback(id=2, phase=Phase.CALLED_OFF, finished_at=make.deployment().started_at)
    assert consequences(called_off, [ended(make, 1)], WINDOW) == NOTHING
