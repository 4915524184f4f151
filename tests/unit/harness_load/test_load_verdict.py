"""A run that did not press as planned proves nothing, nor one that nobody answered; limits fail it."""

import pytest

from harness.load.meter import Endpoint, Tally, row_of
from harness.load.verdict import Sums, judge, read_limits


def run(planned: int = 100, sent: int = 100, **others: object) -> Sums:
    return Sums(**{"planned": planned, "sent": sent, "answered": sent, **others})  # type: ignore[arg-type]


@pytest.mark.parametrize("sent", [95, 100, 105])
def test_run_at_its_rate_is_valid(sent: int) -> None:
    verdict = judge(run(sent=sent), complete=True)

    assert (verdict.valid, verdict.complete) == (True, True)
    assert verdict.sentence == f"Valid: {sent} of 100 planned requests sent."


@pytest.mark.parametrize(
    ("sums", "words"),
    [
        (run(sent=94), "expected 100 requests, sent 94"),
        (run(sent=60, late=40), "40 were 1 s late"),
        (run(sent=106), "106.0% where at most 105% is allowed"),
        (run(planned=110, sent=145), "expected 110 requests, sent 145"),
        (run(dropped=1), "1 requests were not sent"),
        (run(planned=0, sent=0), "nothing was planned"),
        (run(sent=0), "sent 0"),
        (
            run(answered=0, lost=100, why_lost="refused"),
            "nobody answered, all 100 requests were lost (refused)",
        ),
        (run(absent=["worker 1 was lost", "worker 2 refused"]), "worker 1 was lost; worker 2 refused"),
    ],
)
def test_run_that_proves_nothing_is_void(sums: Sums, words: str) -> None:
    verdict = judge(sums, complete=True)

    assert not verdict.valid
    assert verdict.sentence.startswith("VOID: ")
    assert words in verdict.sentence


def test_run_of_which_a_part_was_lost_is_valid_and_its_losses_count() -> None:
    assert judge(run(answered=60, lost=40), complete=True).valid


def test_run_that_ended_early_says_so() -> None:
    verdict = judge(run(50, 50), complete=False)

    assert (verdict.valid, verdict.complete) == (True, False)
    assert "before its time" in verdict.sentence


def measured() -> dict[str, object]:
    endpoint = Endpoint()
    endpoint.add(Tally(ok=97, failed=2, lost=1, latencies=[0.1] * 95 + [0.5] * 4))
    return row_of([endpoint])


@pytest.mark.parametrize(
    ("limits", "broken"),
    [
        ("error_ratio=0.03,p95=500ms", []),
        ("error_ratio=0.029", ["FAILED: expected error_ratio of at most 2.90%, found 3.00%."]),
        ("p50=0.1s, p99=0.4s", ["FAILED: expected p99 of at most 400 ms, found 500 ms."]),
        ("bad_ratio=0,p50=99ms", ["bad_ratio", "p50"]),
    ],
)
def test_limits_are_broken_only_above_them(limits: str, broken: list[str]) -> None:
    found = [sentence for limit in read_limits(limits) if (sentence := limit.broken(measured()))]

    assert len(found) == len(broken)
    assert all(words in sentence for words, sentence in zip(broken, found, strict=True))


def test_limit_of_what_nobody_knows_is_broken() -> None:
    [limit] = read_limits("p95=1s")

    assert "found nothing" in limit.broken(row_of([]))


@pytest.mark.parametrize(
    "text", ["p95", "p95=", "p95=400", "p97=1s", "error_ratio=1ms", "p95=1.2.3s", "p95=-1s"]
)
def test_limit_that_cannot_be_read_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected error_ratio or bad_ratio .*found"):
        read_limits(text)
