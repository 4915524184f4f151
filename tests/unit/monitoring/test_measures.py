"""What an alert measures, and which expressions show it."""

import pytest

from monitoring.measures import constant, covers, measures, panel_expression, shows
from monitoring.promql import Selector
from monitoring.promql_parse import parse


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a > 0.2", [("a", ">", 0.2)]),
        ("a > 0.2 and b >= 5", [("a", ">", 0.2)]),
        ("a == 0 unless on (host) b == 1", [("a", "==", 0.0)]),
        ("a > 2 or (b < 3 and c > 4)", [("a", ">", 2.0), ("b", "<", 3.0)]),
        ("a - time() < 21 * 86400", [("a - time()", "<", 1814400.0)]),
        ("a < 0.3 * b", [("a", "<", None)]),
        ("a unless b", [("a unless b", "", None)]),
    ],
)
def test_what_decides_stands_left_of_conditions(
    expression: str, expected: list[tuple[str, str, float | None]]
) -> None:
    found = [(str(each.what), each.op, each.limit) for each in measures(parse(expression))]

    assert found == expected


def test_both_sides_of_a_comparison_are_measured_but_no_condition() -> None:
    (measure,) = measures(parse("max(a and c) < 0.3 * b"))

    assert [selector.metric for selector in measure.selectors] == ["a", "b"]


@pytest.mark.parametrize(
    ("expression", "expected"), [("a > 0.5", True), ("a > 0", False), ("a == 1", False), ("a < b", False)]
)
def test_a_line_shows_a_limit_but_neither_nought_nor_a_state(expression: str, expected: bool) -> None:
    (measure,) = measures(parse(expression))

    assert measure.has_line is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("14.4 * 0.001", 0.0144), ("-(2 + 1)", -3.0), ("7 - 6 / 3", 5.0), ("2 ^ 3", None), ("2 * a", None)],
)
def test_a_number_may_be_computed(expression: str, expected: float | None) -> None:
    found = constant(parse(expression))

    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("panel", "measured", "expected"),
    [
        ('rate(a{job="x",service=~"$service"}[5m])', 'rate(a{job="x"}[5m])', True),
        ("a and b == 1", "a", True),
        ('a{job=~"x|y"}', 'a{job="x"}', True),
        ('a{job=~"x|y|z"}', 'a{job=~"y|x"}', True),
        ('a{job=~"x|y"}', 'a{job=~"x|z"}', False),
        ('a{job="x"}', "a", False),
        ('a{job="x"}', 'a{job!="x"}', False),
        ("rate(a[5m])", "rate(a[10m])", False),
        ("rate(a[5m])", "rate(b[5m])", False),
        ("a - b", "a + b", False),
    ],
)
def test_a_panel_may_show_more_series_but_nothing_else(panel: str, measured: str, expected: bool) -> None:
    assert shows(parse(panel), parse(measured)) is expected


def test_where_only_series_count_their_number_is_shown() -> None:
    (compared,) = measures(parse("a > 3"))
    (present,) = measures(parse("a unless b"))

    assert str(panel_expression(compared)) == "a"
    assert str(panel_expression(present)) == "count by (service, env, instance) (a unless b)"


@pytest.mark.parametrize(
    ("panel", "asked", "expected"),
    [("a", 'a{x="1"}', True), ('a{x="1"}', "a", False), ("a[5m]", "a", True), ("a", "b", False)],
)
def test_a_selector_covers_what_it_finds_at_any_time(panel: str, asked: str, expected: bool) -> None:
    one, other = parse(panel), parse(asked)
    assert isinstance(one, Selector) and isinstance(other, Selector)

    assert covers(one, other) is expected
