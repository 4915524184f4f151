"""What an alert measures, and whether another expression shows that: pages behind links are held to it."""

import operator
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from monitoring.promql import (
    COMPARISONS,
    Aggregate,
    Binary,
    Matcher,
    Negative,
    Node,
    Number,
    Selector,
    bare,
    transform,
    walk,
)

_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


@dataclass(frozen=True)
class Measure:
    """What an alert compares, how, and with what; without `op` it only asks whether there is a series."""

    what: Node
    op: str = ""
    limit: float | None = None
    other: Node | None = None

    @property
    def has_line(self) -> bool:
        """Whether a line can show the limit: nought is the axis itself, and `== 1` asks for a state."""
        return self.op[:1] in ("<", ">") and bool(self.limit)

    @property
    def selectors(self) -> list[Selector]:
        sides = [self.what, *([self.other] if self.other else [])]
        return [found for side in sides for found in selectors(transform(side, _unconditional))]


def measures(tree: Node) -> list[Measure]:
    """What decides: left of every `and` and `unless`, on both sides of `or`."""
    tree = bare(tree)
    if isinstance(tree, Binary):
        if tree.op == "or":
            return [*measures(tree.lhs), *measures(tree.rhs)]
        if tree.op in ("and", "unless"):
            inner = measures(tree.lhs)
            return inner if any(each.op for each in inner) else [Measure(tree)]
        if tree.op in COMPARISONS:
            limit = constant(tree.rhs)
            return [Measure(bare(tree.lhs), tree.op, limit, None if limit is not None else tree.rhs)]
    return [Measure(tree)]


def constant(node: Node) -> float | None:
    """The number that an expression without series is, such as `21 * 86400`."""
    node = bare(node)
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Negative):
        value = constant(node.expr)
        return None if value is None else -value
    if isinstance(node, Binary) and node.op in _ARITHMETIC:
        left, right = constant(node.lhs), constant(node.rhs)
        return None if left is None or right is None else float(_ARITHMETIC[node.op](left, right))
    return None


def panel_expression(measure: Measure) -> Node:
    """What a panel asks to show it: its value, or how many series there are where only that counts."""
    if measure.op:
        return measure.what
    return Aggregate("count", measure.what, grouping="by", labels=("service", "env", "instance"))


def shows(panel: Node, measured: Node) -> bool:
    """Whether a panel's expression is what is measured, for these series and perhaps more.

    Conditions count on neither side: what stands right of `and` or `unless` chooses when, not what.
    """
    panel, measured = transform(panel, _unconditional), transform(measured, _unconditional)
    pairs = zip(selectors(panel), selectors(measured), strict=False)
    same = str(transform(panel, _everything)) == str(transform(measured, _everything))
    return same and all(covers(a, b) for a, b in pairs)


def covers(panel: Selector, asked: Selector) -> bool:
    """Whether a panel's selector finds whatever the other one finds, at any time."""
    chosen = (matcher for matcher in panel.matchers if "$" not in matcher.value)
    return panel.metric == asked.metric and all(_implied(matcher, asked) for matcher in chosen)


def selectors(tree: Node) -> list[Selector]:
    return [node for node in walk(tree) if isinstance(node, Selector)]


def _implied(wanted: Matcher, asked: Selector) -> bool:
    if wanted in asked.matchers:
        return True
    values = list(_values(wanted.name, asked))
    return wanted.op == "=~" and bool(values) and all(re.fullmatch(wanted.value, each) for each in values)


def _values(label: str, asked: Selector) -> Iterator[str]:
    """The values that a selector leaves to a label, where it lists them."""
    for matcher in asked.matchers:
        if matcher.name == label and matcher.op == "=":
            yield matcher.value
        elif matcher.name == label and matcher.op == "=~":
            yield from matcher.value.split("|")


def _unconditional(node: Node) -> Node:
    node = bare(node)
    return node.lhs if isinstance(node, Binary) and node.op in ("and", "unless") else node


def _everything(node: Node) -> Node:
    return replace(node, matchers=()) if isinstance(node, Selector) else node
