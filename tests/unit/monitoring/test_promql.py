"""An expression survives being read and printed, and keeps what its meaning depends on."""

import pytest

from monitoring.errors import CatalogError
from monitoring.promql import Selector, walk
from monitoring.promql_parse import parse

EXPRESSIONS = [
    "a[666ms]",
    "a offset -5m",
    'a{x=~"a\\\\.b\\"c"}[5m] offset 1h',
    "rate(a[1h30m] @ end())",
    "max_over_time(rate(a[5m])[1h:30s] offset 2m)",
    "topk by (instance) (1, a)",
    "sum without (x) (a)",
    "a / on (i) group_left (v) b",
    "a < on () group_left () count(b)",
    "a unless ignoring (x) b",
    "a <= bool 0.2",
    "(a - 1 < 1) or (b == 0)",
    "-a ^ 2",
    "a > -Inf",
    'label_replace(a, "part", "$1", "component", "(.*)")',
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_printing_what_was_read_gives_the_same_text(text: str) -> None:
    assert str(parse(text)) == text


def test_it_keeps_fractions_of_a_second() -> None:
    assert parse("a[666ms] offset 1500ms") == Selector("a", range=666, offset=1500)


def test_it_names_what_is_not_an_expression() -> None:
    with pytest.raises(CatalogError, match=r"expected a PromQL expression, found 'sum\(a'"):
        parse("sum(a")


def test_walking_meets_every_selector() -> None:
    tree = parse("sum(rate(a[5m])) / sum(b) > bool topk(1, c) and on () (d or e)")
    assert [node.metric for node in walk(tree) if isinstance(node, Selector)] == ["a", "b", "c", "d", "e"]
