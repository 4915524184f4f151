"""The deciding number is found, replaced and restated; where there is no single one, that is said."""

import pytest

from monitoring.errors import CatalogError
from monitoring.promql_parse import parse
from monitoring.thresholds import said_threshold, say_threshold, threshold, with_threshold


@pytest.mark.parametrize(
    ("expression", "number"),
    [
        ("a > 0.2", 0.2),
        ("(a <= -1)", -1),
        ("a / b > 0.3 and c > 0.5", 0.3),
        ("a > 5 unless on () b", 5),
        ("a > b", None),
        ("a > 14.4 * 0.001", None),
        ("a > 1 or b > 1", None),
        ("vector(1)", None),
    ],
)
def test_it_finds_the_single_deciding_number(expression: str, number: float | None) -> None:
    assert threshold(parse(expression)) == number


def test_it_replaces_only_that_number() -> None:
    assert str(with_threshold(parse("(a / 100 > 0.3) and b > 0.5"), 0.4)) == "(a / 100 > 0.4) and b > 0.5"
    assert str(with_threshold(parse("a > 1"), -2)) == "a > -2"


def test_it_refuses_where_there_is_none() -> None:
    with pytest.raises(CatalogError, match="expected a comparison with a single number, found a > b"):
        with_threshold(parse("a > b"), 1)


def test_texts_state_the_new_number() -> None:
    assert say_threshold("description", "{{ $threshold := 0.2 }}limit", 3) == "{{ $threshold := 3.0 }}limit"
    assert say_threshold("summary", "no number here", 3) == "no number here"
    assert say_threshold("verify", 'a{s="{{ $labels.s }}"} <= bool 0.2', 0.3) == (
        'a{s="{{ $labels.s }}"} <= bool 0.3'
    )
    assert say_threshold("evidence", "a == bool 2", 3) == "a == bool 3"
    assert say_threshold("evidence", 'a{s="x"}', 3) == 'a{s="x"}'
    assert said_threshold("{{ $threshold := 0.2 }}limit") == 0.2
    assert said_threshold("no number here") is None
