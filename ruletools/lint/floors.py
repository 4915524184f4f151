"""A share of a handful says nothing: a condition on one asks for a number of events too."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from monitoring.promql import Binary, Call, Node, Number, Paren, Selector, bare, children, transform, walk
from ruletools.expressions import tree_of
from ruletools.lint.content import Content
from ruletools.lint.findings import Finding
from ruletools.ruleset import Rule, located, name_of

COUNTS = ("rate", "irate", "increase")


def without_floor(content: Content) -> Iterator[Finding]:
    """Alerts on a share or a quantile of events that never ask how many there were."""
    recorded = Recorded(dict(_recorded(content)))
    wrong = [each for each in located(content.files) if _on_a_share(each.rule, recorded)]
    for each in wrong:
        if name_of(each.rule) not in content.excused("without_floor"):
            what = "it judges a share of events, however few there were"
            mend = f"add `and` with a number of them, {content.keep}"
            yield content.at_index(each.file, each.index, "expr", what, mend)
    yield from content.idle({name_of(each.rule) for each in wrong}, "without_floor")


def _on_a_share(rule: Rule, recorded: "Recorded") -> bool:
    tree = tree_of(rule["expr"]) if "alert" in rule else None
    return tree is not None and _unfounded(recorded.written_out(tree))


def _recorded(content: Content) -> Iterator[tuple[str, Any]]:
    for file in content.files:
        for rule in file.rules:
            if "record" in rule:
                tree = tree_of(rule["expr"])
                if tree is not None:
                    yield rule["record"], tree


@dataclass(frozen=True)
class Recorded:
    """What each recorded series stands for."""

    trees: dict[str, Node]

    def written_out(self, tree: Node) -> Node:
        """The tree with what is recorded in the place of its name; a rule may read its own past."""

        def change(node: Node) -> Node:
            if isinstance(node, Selector) and node.metric in self.trees:
                others = {name: each for name, each in self.trees.items() if name != node.metric}
                return Paren(Recorded(others).written_out(self.trees[node.metric]))
            return node

        return transform(tree, change)


def _unfounded(tree: Node) -> bool:
    """Whether the condition can hold because of a share alone."""
    tree = bare(tree)
    if isinstance(tree, Binary) and tree.op == "and":
        floored = _asks_for_some(tree.lhs) or _asks_for_some(tree.rhs)
        return not floored and (_unfounded(tree.lhs) or _unfounded(tree.rhs))
    if _is_share(tree):
        return not any(_is_floor(node) for node in walk(tree))
    return any(_unfounded(child) for child in children(tree))


def _asks_for_some(tree: Node) -> bool:
    tree = bare(tree)
    if isinstance(tree, Binary) and tree.op == "and":
        return _asks_for_some(tree.lhs) or _asks_for_some(tree.rhs)
    return _is_floor(tree)


def _is_share(node: Node) -> bool:
    if isinstance(node, Call):
        return node.function == "histogram_quantile"
    return isinstance(node, Binary) and node.op == "/" and _counts(node.lhs) and _counts(node.rhs)


def _is_floor(node: Node) -> bool:
    """`increase(...) >= 5`: more than none."""
    if not isinstance(node, Binary) or node.op not in (">", ">=") or node.return_bool:
        return False
    least = bare(node.rhs)
    some = isinstance(least, Number) and least.value > 0
    return some and _counts(node.lhs) and not any(_is_share(each) for each in walk(node.lhs))


def _counts(tree: Node) -> bool:
    return any(isinstance(node, Call) and node.function in COUNTS for node in walk(tree))
