"""Seconds add up, in one process and over several."""

import math

import pytest

from harness.load.book import Book, Report
from harness.load.meter import Endpoint, Meter, Second, Seconds, Tally, row_of
from harness.load.summary import lines, totals

T = 1_000.0
ANSWERS = ((0.1, 0.02, 200), (0.2, 0.03, 500), (0.3, 1.5, 200), (0.4, 0.0, 0), (0.9, 0.04, 201))


def measured(target: str = "http://a", after: float = 0.0) -> Meter:
    meter = Meter(slow_over=1.0)
    for at, seconds, status in ANSWERS:
        meter.arrival(T + at + after)
        meter.response(T + at + after, seconds, status, target, "/x", "refused" if not status else "")
    return meter


def test_second_counts_good_bad_and_lost_answers_apart() -> None:
    meter = measured()

    [second] = meter.seconds.closed(T + 5)
    row = second.row()
    assert [row[k] for k in ("sent", "ok", "failed", "slow", "lost")] == [5, 2, 1, 1, 1]
    assert (row["first_bad"], row["last_bad"]) == (T + 0.2, T + 0.3)
    assert (row["first_good"], row["last_good"]) == (T + 0.1, T + 0.9)
    assert row["by_target"] == {"http://a": {"ok": 2, "failed": 1, "slow": 1, "lost": 1}}
    assert (row["p50"], row["p95"], row["p99"]) == (0.04, 1.5, 1.5)
    assert meter.causes == {"refused": 1}


def test_second_without_answers_has_no_latency() -> None:
    meter = Meter()
    meter.arrival(T)

    assert meter.seconds.closed(T + 5)[0].row()["p95"] is None


def test_second_is_closed_only_when_the_clock_has_left_it() -> None:
    seconds = Seconds()
    seconds.at(T).sent += 1

    assert seconds.closed(T + 1.9) == []
    assert [s.t for s in seconds.closed(T + 2.1)] == [1000]
    assert seconds.closed(T + 9) == []


def test_what_comes_after_its_second_was_closed_is_counted_in_the_next_and_not_lost() -> None:
    seconds = Seconds()
    seconds.closed(T + 2)
    seconds.at(T).sent += 1

    assert [(s.t, s.sent) for s in seconds.closed(math.inf)] == [(1001, 1)]


def test_seconds_of_two_processes_are_one_second_with_both() -> None:
    both = Seconds()
    for target in ("http://a", "http://b"):
        for second in measured(target).seconds.closed(math.inf):
            both.at(second.t).add(Second.from_message(second.message()))
    faster = Second(int(T), tallies={("http://a", "/x"): Tally(latencies=[0.001] * 9)})
    both.at(T).add(faster)

    [row] = [second.row() for second in both.closed(math.inf)]
    assert [row[k] for k in ("sent", "ok", "failed", "slow", "lost")] == [10, 4, 2, 2, 2]
    assert row["by_target"] == {
        u: {"ok": 2, "failed": 1, "slow": 1, "lost": 1} for u in ("http://a", "http://b")
    }
    assert (row["first_bad"], row["last_good"]) == (T + 0.2, T + 0.9)
    assert (row["p50"], row["p99"]) == (0.001, 1.5)


def test_whole_run_has_rows_for_its_endpoints_and_counts_losses_as_errors() -> None:
    book = Book()
    for worker, target in (("1", "http://a"), ("2", "http://b")):
        seconds = [second.message() for second in measured(target).seconds.closed(math.inf)]
        book.take(worker, Report(planned=5, sent=5, seconds=seconds))
    book.close(complete=True)

    [row] = book.rows()
    assert (row["name"], row["requests"], row["lost"]) == ("/x", 10, 2)
    assert (row["error_ratio"], row["bad_ratio"]) == (0.4, 0.6)
    assert (row["p50"], row["p99"]) == (0.04, 1.5)


def test_quantiles_of_a_whole_run_keep_three_digits() -> None:
    endpoint = Endpoint()
    endpoint.add(Tally(ok=100, latencies=[number / 100 + 0.000_01 for number in range(1, 101)]))

    row = row_of([endpoint])
    assert (row["p50"], row["p95"], row["p99"]) == (0.51, 0.96, 1.0)
    assert row_of([])["error_ratio"] is None
    assert row_of([])["p95"] is None


ROW = {"sent": 10, "ok": 6, "failed": 2, "slow": 0, "lost": 2, "again": 3}
ROW |= {"p95": 0.2, "first_bad": 5.0, "last_bad": 6.0}  # type: ignore[dict-item]
QUIET = {"sent": 0, "ok": 0, "failed": 0, "slow": 0, "lost": 0, "again": 0}
QUIET |= {"p95": None, "first_bad": None, "last_bad": None}  # type: ignore[dict-item]


def test_summary_counts_errors_and_losses_among_all_requests() -> None:
    sums = totals([ROW, QUIET])

    assert (sums["error_ratio"], sums["lost"], sums["again"], sums["median_p95"]) == (0.4, 2, 3, 0.2)
    assert (sums["first_bad"], sums["last_bad"]) == (5.0, 6.0)
    assert "error ratio 40.0%" in lines([ROW, QUIET], {"sentence": "Valid."})[1]


def test_summary_of_nothing_knows_nothing() -> None:
    assert totals([])["error_ratio"] is None
    assert "error ratio unknown" in lines([], {"sentence": "VOID"})[1]


def test_summary_has_a_row_for_each_endpoint_and_one_for_all() -> None:
    endpoint = Endpoint()
    endpoint.add(Tally(ok=1, latencies=[0.0123]))
    whole = row_of([endpoint])
    verdict = {"sentence": "Valid.", "whole": whole, "endpoints": [{"name": "/api/x", **whole}]}

    table = lines([ROW], verdict)[2:-1]
    assert [line.split()[0] for line in table] == ["endpoint", "/api/x", "all"]
    assert table[1].split()[-2:] == ["12.3", "ms"]


@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_quantile_of_one_value_is_that_value(share: float) -> None:
    endpoint = Endpoint()
    endpoint.add(Tally(ok=1, latencies=[0.25]))

    assert row_of([endpoint])[f"p{share * 100:.0f}"] == 0.25
