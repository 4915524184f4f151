"""Small rules: identity of alerts, known-good versions, verdicts of measurements, durations."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from rollback import durations
from rollback.adapters.codec import from_text, to_text
from rollback.domain.control import Cause
from rollback.domain.deployment import (
    Standing,
    best_guess,
    known_good,
    live_release,
    wanted_on_disk,
)
from rollback.domain.reasons import Verdict
from rollback.domain.rollback import (
    HostResult,
    HostState,
    Phase,
    Sample,
    Verification,
    VerificationVerdict,
)
from rollback.domain.unresolved import Unresolved, unresolved
from rollback.domain.verification import fixed, verdict_at_deadline

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_one_episode_told_with_more_digits_or_in_another_zone_is_the_same(make: Any) -> None:
    told = make.alert(starts_at=datetime.fromisoformat("2026-03-01T12:00:00.123456+00:00"))
    elsewhere = make.alert(starts_at=datetime.fromisoformat("2026-03-01T14:00:00.123+02:00"))

    assert told.identity == elsewhere.identity


def test_the_next_episode_and_the_end_of_this_one_are_others(make: Any) -> None:
    alert = make.alert()

    assert alert.identity != make.alert(minutes=6).identity
    assert alert.identity != make.alert(status="resolved").identity


def test_known_good_is_the_good_one_that_was_live_last_apart_from_what_is_left(make: Any) -> None:
    older = make.release("1", live_at=NOON - timedelta(hours=2))
    newer = make.release("2", live_at=NOON - timedelta(hours=1))
    bad = make.release("3", live_at=NOON)

    assert known_good((older, newer, bad), leaving="3") == newer
    assert live_release((older, newer, bad)) == bad


@pytest.mark.parametrize(
    "unfit",
    [
        {"standing": Standing.UNPROVEN},
        {"standing": Standing.SUSPECT},
        {"standing": Standing.REJECTED},
        {"live_at": None},
    ],
    ids=str,
)
def test_what_is_not_good_or_was_never_live_is_no_target(make: Any, unfit: dict[str, Any]) -> None:
    good = make.release("1", live_at=NOON - timedelta(hours=2))
    other = make.release("2", **{"live_at": NOON - timedelta(hours=1), **unfit})

    assert known_good((good, other), leaving="3") == good
    assert known_good((other,), leaving="3") is None


def test_a_release_that_was_gone_back_from_is_no_guess(make: Any) -> None:
    """3 was left for 2: back from 2 is 1, though 3 was live later."""

    def after(minutes: float) -> datetime:
        return NOON + timedelta(minutes=minutes)

    releases = (
        make.release("1", standing=Standing.UNPROVEN, live_at=after(-60), deployed_at=after(-61)),
        make.release("2", standing=Standing.SUSPECT, live_at=after(5), deployed_at=after(-31)),
        make.release("3", standing=Standing.UNPROVEN, live_at=after(1), deployed_at=after(0)),
    )

    assert best_guess(releases, leaving="2").version == "1"  # type: ignore[union-attr]
    assert best_guess(releases, leaving="3").version == "1"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("standing", "guessed"),
    [(Standing.UNPROVEN, True), (Standing.SUSPECT, False), (Standing.REJECTED, False)],
)
def test_only_an_unproven_release_is_a_guess(make: Any, standing: Standing, guessed: bool) -> None:
    found = best_guess((make.release("1", standing=standing),), leaving="2")

    assert (found is not None) is guessed


def test_what_must_stay_on_disk_is_the_live_one_then_the_good_ones(make: Any) -> None:
    releases = (
        make.release("1", live_at=NOON - timedelta(hours=3)),
        make.release("2", live_at=NOON - timedelta(hours=2)),
        make.release("3", live_at=NOON - timedelta(hours=1), standing=Standing.REJECTED),
        make.release("4", live_at=NOON, standing=Standing.UNPROVEN),
    )

    assert wanted_on_disk(releases, "4") == ["4", "2", "1"]
    assert wanted_on_disk(releases[2:], "4") == ["4"]


@pytest.mark.parametrize(
    ("changes", "states"),
    [
        ({"phase": Phase.SUCCEEDED, "verification": VerificationVerdict.FIXED}, set()),
        ({"phase": Phase.FAILED}, {Unresolved.FAILED}),
        ({"phase": Phase.UNVERIFIED, "verification": VerificationVerdict.NOT_FIXED}, {Unresolved.UNVERIFIED}),
        ({"phase": Phase.UNVERIFIED, "verification": VerificationVerdict.WORSE}, {Unresolved.UNVERIFIED}),
        ({"phase": Phase.UNVERIFIED, "verification": VerificationVerdict.BLIND}, {Unresolved.BLIND}),
    ],
    ids=str,
)
@pytest.mark.parametrize("away", [False, True])
def test_what_a_rollback_leaves_open(
    make: Any, changes: dict[str, Any], states: set[Unresolved], away: bool
) -> None:
    if verdict := changes.get("verification"):
        changes = {**changes, "verification": Verification(verdict=verdict, at=NOON)}
    results = (HostResult(host="app2", state=HostState.UNREACHABLE, at=NOON),) if away else ()

    found = unresolved(make.rollback(**changes, results=results))

    assert found == states | ({Unresolved.INCOMPLETE} if away else set())
    assert unresolved(None) == frozenset()


def samples(*values: bool | None, unready: tuple[str, ...] = ()) -> tuple[Sample, ...]:
    whole = [Sample(at=NOON, healthy=value) for value in values]
    return (*whole[:-1], Sample(at=NOON, healthy=values[-1], unready_hosts=unready))


@pytest.mark.parametrize(
    ("measured", "is_fixed"),
    [
        (samples(True, True, True), True),
        (samples(False, True, True, True), True),
        (samples(True, True, None, True), True),
        (samples(True, True), False),
        (samples(True, True, False, True), False),
        (samples(True, True, True, None), False),
        (samples(True, True, True, unready=("app1",)), False),
        ((), False),
    ],
)
def test_fixed_means_healthy_often_enough_in_a_row(measured: tuple[Sample, ...], is_fixed: bool) -> None:
    assert fixed(measured, needed=3) is is_fixed


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (samples(False, False), VerificationVerdict.NOT_FIXED),
        (samples(False, True), VerificationVerdict.NOT_FIXED),
        (samples(False, None, None), VerificationVerdict.NOT_FIXED),
        (samples(None, None), VerificationVerdict.BLIND),
        (samples(True, None), VerificationVerdict.BLIND),
        ((), VerificationVerdict.BLIND),
        (samples(False, False, unready=("app1",)), VerificationVerdict.WORSE),
        (samples(None, unready=("app1",)), VerificationVerdict.WORSE),
    ],
)
def test_verdict_when_time_is_up(measured: tuple[Sample, ...], verdict: VerificationVerdict) -> None:
    assert verdict_at_deadline(measured) is verdict


def test_every_word_that_people_meet_stands_in_the_glossary() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs/glossary.md").read_text()
    rows = {row.split("|")[1].strip() for row in text.splitlines() if row.startswith("| ")}

    assert {str(standing) for standing in Standing} <= rows
    for word in (*Verdict, *VerificationVerdict, *Unresolved, *Cause):
        assert f"`{word}`" in text


@pytest.mark.parametrize(
    ("text", "seconds"), [("30m", 1800), ("1h30m", 5400), ("90s", 90), ("500ms", 0.5), ("2d", 172800)]
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert durations.parse(text) == timedelta(seconds=seconds)
    assert durations.parse(durations.render(durations.parse(text))) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "1.5h", "-1s", "5 m", "5x", 5, None])
def test_anything_else_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        durations.parse(text)


def test_stored_times_sort_as_text_whatever_their_zone() -> None:
    east = datetime(2026, 3, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    later = NOON + timedelta(microseconds=1)

    assert to_text(east) == to_text(NOON) < to_text(later)
    assert from_text(to_text(later)) == later


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="with a zone"):
        to_text(NOON.replace(tzinfo=None))
