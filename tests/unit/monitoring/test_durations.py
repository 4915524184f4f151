"""Durations are whole milliseconds, and never become zero by being divided."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.durations import format_duration, parse_duration, scale_duration
from monitoring.errors import CatalogError


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("0", 0), (0, 0), ("0s", 0), ("90s", 90_000), ("1h30m", 5_400_000), ("666ms", 666), ("1w", 604_800_000)],
)
def test_it_reads_what_prometheus_writes(text: object, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize("text", ["", "5", "2 m", "1m1h", "-5m", "1.5h", None])
def test_it_refuses_what_prometheus_refuses(text: object) -> None:
    with pytest.raises(CatalogError, match="expected a duration"):
        parse_duration(text)


@given(st.integers(min_value=0, max_value=10**11))
def test_formatting_loses_nothing(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds)) == milliseconds


@given(st.integers(min_value=1, max_value=10**11), st.floats(min_value=1, max_value=10**6))
def test_a_duration_never_becomes_zero(milliseconds: int, factor: float) -> None:
    assert scale_duration(milliseconds, factor) >= 1


def test_nothing_stays_nothing() -> None:
    assert scale_duration(0, 15) == 0
