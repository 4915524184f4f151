"""Wrong rules, each wrong in one place, made on the syntax tree: a good unit test notices each of them."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

from monitoring.durations import format_duration, parse_duration
from monitoring.promql import (
    COMPARISONS,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Matcher,
    Node,
    Number,
    Selector,
    Subquery,
)
from ruletools.expressions import tree_of
from ruletools.mutation.counts import is_count

Rule = dict[str, Any]

STEP = 0.02  # of a number that is measured
OTHER_COMPARISONS = {
    ">": (">=", "<"),
    ">=": (">", "<"),
    "<": ("<=", ">"),
    "<=": ("<", ">"),
    "==": ("!=",),
    "!=": ("==",),
}
OTHER_ARITHMETIC = {"+": "-", "-": "+", "*": "/", "/": "*"}
OTHER_AGGREGATIONS = {
    "sum": ("max",),
    "max": ("min",),
    "min": ("max",),
    "avg": ("max",),
    "count": ("sum",),
    "topk": ("bottomk",),
}
# Of siblings that the same stimulus tells from the function only one: `irate` has the scale of `rate`,
# `delta` that of `increase`, and an average lies between the least and the greatest.
OTHER_FUNCTIONS = {
    "rate": ("irate", "delta"),
    "increase": ("irate", "delta"),
    "irate": ("rate",),
    "delta": ("increase",),
    "max_over_time": ("avg_over_time",),
    "min_over_time": ("avg_over_time",),
    "avg_over_time": ("max_over_time", "min_over_time"),
    "changes": ("resets",),
    "resets": ("changes",),
}
OTHER_SEVERITY = {
    "critical": "error",
    "error": "warning",
    "warning": "error",
    "info": "warning",
    "none": "info",
}
SHORTEST_WAIT = 60_000


@dataclass(frozen=True)
class Mutant:
    """A rule with one fault; `fault` says which, in words that stay the same as long as the rule does."""

    rule: str
    fault: str
    mutated: Rule

    @property
    def key(self) -> tuple[str, str]:
        return self.rule, self.fault


def mutants(rule: Rule, label: str = "") -> list[Mutant]:
    """Every fault of the rule that gives another rule, each once, no two with the same words.

    The *label* tells the rule from others of its name.
    """
    faults = [*_expressions(rule), *_waits(rule), *_labels(rule)]
    unlike = {repr(mutated): (fault, mutated) for fault, mutated in reversed(faults) if mutated != rule}
    seen: Counter[str] = Counter()
    found = []
    for fault, mutated in reversed(unlike.values()):
        seen[fault] += 1
        count = f" #{seen[fault]}" if seen[fault] > 1 else ""
        found.append(Mutant(label or rule.get("alert") or rule["record"], fault + count, mutated))
    return found


def _expressions(rule: Rule) -> Iterator[tuple[str, Rule]]:
    tree = tree_of(rule["expr"])
    if tree is None:
        return
    for fault, mutated in _everywhere(tree, tree, lambda whole: whole):
        if mutated != tree:
            yield fault, rule | {"expr": str(mutated)}


def _everywhere(node: Node, around: Node, put: Callable[[Node], Node]) -> Iterator[tuple[str, Node]]:
    """The faults of a node and of all below it, each put back into the whole tree by `put`."""
    for fault, mutated in _faults(node, around):
        place = around if isinstance(node, Number) else node
        yield f"{fault} in `{_short(place)}`", put(mutated)
    for child, inside in _children(node):
        yield from _everywhere(child, node, lambda part, inside=inside: put(inside(part)))  # type: ignore[misc]


def _short(node: Node) -> str:
    text = str(node)
    return text if len(text) <= 100 else f"{text[:60]}...{text[-37:]}"


def _children(node: Node) -> Iterator[tuple[Node, Callable[[Node], Node]]]:
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, Node):
            yield value, lambda part, name=field.name: replace(node, **{name: part})  # type: ignore[misc]
        elif isinstance(value, tuple) and value and isinstance(value[0], Node):
            for index, child in enumerate(value):
                before, after = value[:index], value[index + 1 :]
                yield (
                    child,
                    lambda part, name=field.name, before=before, after=after: replace(  # type: ignore[misc]
                        node,
                        **{name: (*before, part, *after)},
                    ),
                )


def _faults(node: Node, around: Node) -> Iterator[tuple[str, Node]]:
    if isinstance(node, Number):
        yield from _numbers(node, around)
    elif isinstance(node, Selector):
        yield from _windows(node)
        yield from _matchers(node)
    elif isinstance(node, Subquery):
        yield from _windows(node)
    elif isinstance(node, Aggregate):
        yield from _aggregations(node)
    elif isinstance(node, Binary):
        yield from _operators(node)
    elif isinstance(node, Call):
        yield from _functions(node)


def _numbers(node: Number, around: Node) -> Iterator[tuple[str, Node]]:
    """Up and down: a count by one, since nothing lies in between, a measure by a fiftieth."""
    step = 1.0 if is_count(node, around) else abs(node.value) * STEP
    for value in (node.value + step, node.value - step):
        yield f"{node} becomes {value:g}", Number(round(value, 9))


def _functions(node: Call) -> Iterator[tuple[str, Node]]:
    for function in OTHER_FUNCTIONS.get(node.function, ()):
        yield f"{node.function} becomes {function}", replace(node, function=function)


def _windows(node: Selector | Subquery) -> Iterator[tuple[str, Node]]:
    if node.range is not None:
        for window in (node.range * 2, node.range // 2):
            yield f"range becomes {format_duration(window)}", replace(node, range=window)
    if node.offset:
        yield "offset removed", replace(node, offset=0)
        yield "offset doubled", replace(node, offset=node.offset * 2)


def _matchers(node: Selector) -> Iterator[tuple[str, Node]]:
    for index, matcher in enumerate(node.matchers):
        before, after = node.matchers[:index], node.matchers[index + 1 :]
        yield f"{matcher} dropped", replace(node, matchers=before + after)
        for other in _values(matcher):
            yield f"{matcher} becomes {other}", replace(node, matchers=(*before, other, *after))


def _values(matcher: Matcher) -> Iterator[Matcher]:
    """Another value; of several alternatives also each one left out."""
    yield replace(matcher, value="something-else")
    alternatives = matcher.value.split("|")
    if matcher.op in ("=~", "!~") and len(alternatives) > 1 and "(" not in matcher.value:
        for index in range(len(alternatives)):
            left = alternatives[:index] + alternatives[index + 1 :]
            yield replace(matcher, value="|".join(left))


def _aggregations(node: Aggregate) -> Iterator[tuple[str, Node]]:
    for op in OTHER_AGGREGATIONS.get(node.op, ()):
        yield f"{node.op} becomes {op}", replace(node, op=op)
    for label in node.labels:
        left = tuple(name for name in node.labels if name != label)
        yield f"{node.grouping} loses {label}", replace(node, labels=left)


def _operators(node: Binary) -> Iterator[tuple[str, Node]]:
    if node.op in COMPARISONS:
        for op in OTHER_COMPARISONS[node.op]:
            yield f"{node.op} becomes {op}", replace(node, op=op)
    if node.op in OTHER_ARITHMETIC:
        yield f"{node.op} becomes {OTHER_ARITHMETIC[node.op]}", replace(node, op=OTHER_ARITHMETIC[node.op])
    for label in node.labels:
        left = tuple(name for name in node.labels if name != label)
        yield f"{node.matching} loses {label}", replace(node, labels=left)
    if node.op in SET_OPERATORS:
        yield f"right arm of {node.op} removed", node.lhs
        yield f"left arm of {node.op} removed", node.rhs


def _waits(rule: Rule) -> Iterator[tuple[str, Rule]]:
    if "alert" not in rule:
        return
    for field in ("for", "keep_firing_for"):
        wait = parse_duration(rule.get(field, 0))
        if wait:
            others: tuple[int, ...] = (wait * 2, wait // 2)
        else:
            others = (SHORTEST_WAIT,) if field == "for" else ()
        for other in others:
            yield f"{field} becomes {format_duration(other)}", rule | {field: format_duration(other)}


def _labels(rule: Rule) -> Iterator[tuple[str, Rule]]:
    labels = rule.get("labels", {})
    if "severity" in labels:
        other = OTHER_SEVERITY.get(labels["severity"], "warning")
        yield f"severity becomes {other}", rule | {"labels": labels | {"severity": other}}
    for name in labels if "alert" in rule else ():
        if name != "severity":
            left = {key: value for key, value in labels.items() if key != name}
            yield f"label {name} dropped", rule | {"labels": left}
