"""Which stored samples are called untrue."""

from typing import Any

from harness.stack.samples import fallen, outside

APP = {"service": "mita-backend", "env": "lab", "instance": "app1"}


def series(values: list[float], step: float = 1, **labels: str) -> dict[str, Any]:
    return {"metric": {**APP, **labels}, "values": [[100 + n * step, str(v)] for n, v in enumerate(values)]}


def test_shares_within_0_and_1_are_true() -> None:
    assert list(outside([series([0, 0.5, 1])])) == []


def test_a_share_above_1_or_below_0_is_untrue() -> None:
    assert len(list(outside([series([0.2, 18.66, 3.0]), series([0.1, -0.01])]))) == 2


def test_a_counter_that_falls_and_comes_back_is_untrue() -> None:
    [said] = fallen([series([100, 110, 0, 120])], [series([7, 7, 7, 7])])

    assert "fell from 110 to 0 at 102.0" in said


def test_a_counter_that_grows_is_true() -> None:
    assert list(fallen([series([0, 0, 5, 6])], [])) == []


def test_a_process_that_starts_begins_anew() -> None:
    counter = series([100, 110, 0, 5], step=30)

    assert list(fallen([counter], [series([7, 7, 8, 8], step=30)])) == []
    assert list(fallen([counter], [series([7, 8, 8, 8], step=30)]))
    assert list(fallen([counter], [series([7, 7, 8, 8], step=30, instance="app2")]))
