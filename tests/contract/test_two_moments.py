"""A real Prometheus, held to one core, whose scrapes fail between two rules: recorded counters stay true."""

import pytest

from benchmarks.two_moments import Found, measure

ENOUGH_S = 15


@pytest.fixture(scope="module")
def found() -> dict[str, Found]:
    """Slow rules stand between the two of the old form, so that scrapes fail there on any machine."""
    return measure(targets=100, seconds=ENOUGH_S, busy=1, between=20)


def test_the_experiment_finds_what_it_looks_for(found: dict[str, Found]) -> None:
    """Or nothing found would prove nothing: the old form fails."""
    assert found["old"].falls > 0
    assert not found["old"].sound


def test_no_recorded_counter_falls_and_comes_back(found: dict[str, Found]) -> None:
    assert found["now"].falls == 0


def test_a_recorded_share_stays_within_0_and_1(found: dict[str, Found]) -> None:
    assert 0 <= found["now"].least <= found["now"].greatest <= 1
