"""Seconds add up, and a run that did not press as planned is void."""

import pytest

from harness.load.meter import MOST_LATE_S, Meter, judge
from harness.load.summary import lines, totals

T = 1_000.0


def pressed(count: int, *, late: float = 0.0, dropped: int = 0) -> Meter:
    meter = Meter()
    for _ in range(count):
        meter.arrival(T, late)
    for _ in range(dropped):
        meter.drop()
    return meter


def test_second_counts_good_bad_and_lost_answers_apart() -> None:
    meter = Meter(slow_over=1.0)
    for at, seconds, status in (
        (0.1, 0.02, 200),
        (0.2, 0.03, 500),
        (0.3, 1.5, 200),
        (0.4, 0.0, 0),
        (0.9, 0.04, 201),
    ):
        meter.arrival(T + at, 0.0)
        meter.response(T + at, seconds, status, "http://a")

    [second] = meter.closed(T + 5)
    row = second.row()
    assert [row[k] for k in ("sent", "ok", "failed", "slow", "lost")] == [5, 2, 1, 1, 1]
    assert (row["first_bad"], row["last_bad"]) == (T + 0.2, T + 0.3)
    assert (row["first_good"], row["last_good"]) == (T + 0.1, T + 0.9)
    assert row["by_target"] == {"http://a": {"ok": 2, "failed": 1, "slow": 1, "lost": 1}}
    assert (row["p50"], row["p95"]) == (0.04, 1.5)


def test_second_without_answers_has_no_latency() -> None:
    meter = pressed(1)

    assert meter.closed(T + 5)[0].row()["p95"] is None


def test_second_is_closed_only_when_the_clock_has_left_it() -> None:
    meter = pressed(1)

    assert meter.closed(T + 1.9) == []
    assert [s.t for s in meter.closed(T + 2.1)] == [1000]
    assert meter.closed(T + 9) == []


def test_run_at_its_rate_is_valid() -> None:
    verdict = judge(pressed(95), 100, complete=True)

    assert (verdict.valid, verdict.complete) == (True, True)
    assert verdict.sentence == "Valid: 95 of 100 planned requests sent."


@pytest.mark.parametrize(
    ("meter", "planned", "word"),
    [
        (pressed(94), 100, "expected 100 requests, sent 94"),
        (pressed(100, late=MOST_LATE_S + 0.1), 100, "100 of them 1 s late"),
        (pressed(100, dropped=1), 100, "1 requests were not sent"),
        (pressed(0), 0, "nothing was planned"),
        (pressed(0), 100, "sent 0"),
    ],
)
def test_run_that_did_not_press_as_planned_is_void(meter: Meter, planned: int, word: str) -> None:
    verdict = judge(meter, planned, complete=True)

    assert not verdict.valid
    assert verdict.sentence.startswith("VOID: ")
    assert word in verdict.sentence


def test_run_that_ended_early_says_so() -> None:
    verdict = judge(pressed(50), 50, complete=False)

    assert (verdict.valid, verdict.complete) == (True, False)
    assert "before its time" in verdict.sentence


def test_summary_counts_errors_among_answers_only() -> None:
    row = {
        "sent": 10,
        "ok": 6,
        "failed": 2,
        "slow": 0,
        "lost": 2,
        "again": 3,
        "p95": 0.2,
        "first_bad": 5.0,
        "last_bad": 6.0,
    }
    quiet = {
        "sent": 1,
        "ok": 1,
        "failed": 0,
        "slow": 0,
        "lost": 0,
        "again": 0,
        "p95": None,
        "first_bad": None,
        "last_bad": None,
    }

    sums = totals([row, quiet])
    assert (sums["error_ratio"], sums["lost"], sums["again"], sums["median_p95"]) == (
        round(2 / 9, 4),
        2,
        3,
        0.2,
    )
    assert (sums["first_bad"], sums["last_bad"]) == (5.0, 6.0)
    assert "error ratio 22.2%" in lines([row, quiet], {"sentence": "Valid."})[1]


def test_summary_of_nothing_knows_nothing() -> None:
    assert totals([])["error_ratio"] is None
    assert "error ratio unknown" in lines([], {"sentence": "VOID"})[1]
