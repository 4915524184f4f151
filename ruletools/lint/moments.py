"""Two moments in one rule: what was recorded before it and what was scraped meanwhile do not fit.

Rules of a group are evaluated one after the other, and scrapes go on. A counter that is made of both can fall
and come back, and a rate then counts all its past again; a share of both can exceed 1.
"""

from collections.abc import Iterator

from monitoring.promql import Binary, Node, Selector, walk
from ruletools.expressions import metrics_of, tree_of
from ruletools.lint.content import Content
from ruletools.lint.findings import Finding
from ruletools.ruleset import ALERT_SERIES, RuleFile, counters, name_of

MEND = "read both from the counters themselves, or from one recorded series, in one expression"


def two_moments(content: Content) -> Iterator[Finding]:
    """Recorded counters, and shares, that are made of a scrape and of an earlier rule of the group."""
    recorded = {name for file in content.files for name in file.recordings}
    counted = counters(content.files)
    for file in content.judged:
        for index, rule in enumerate(file.rules):
            name, tree = name_of(rule), tree_of(rule["expr"])
            if tree is None:
                continue
            metrics, own = metrics_of(rule["expr"]), _own(file, tree)
            if name in counted and own and len(metrics) > 1:
                others = ", ".join(sorted(metrics - own)) or "another of its kind"
                what = f"the counter pairs {', '.join(sorted(own))}, recorded before it, with {others}"
                yield content.at_index(file, index, "expr", what, MEND)
            for node in walk(tree):
                if isinstance(node, Binary) and node.op == "/" and _mixed(file, recorded, node):
                    what = f"`{node}` divides what was scraped and what was recorded before it"
                    yield content.at_index(file, index, "expr", what, MEND)


def _metrics(tree: Node) -> set[str]:
    return {node.metric for node in walk(tree) if isinstance(node, Selector)}


def _own(file: RuleFile, tree: Node) -> set[str]:
    return _metrics(tree) & set(file.recordings)


def _mixed(file: RuleFile, recorded: set[str], node: Binary) -> bool:
    """Whether one side was scraped and the other recorded by the same group."""

    def scraped(side: Node) -> bool:
        return bool(_metrics(side) - recorded - set(ALERT_SERIES))

    return any(
        scraped(one) and not scraped(other) and bool(_own(file, other))
        for one, other in ((node.lhs, node.rhs), (node.rhs, node.lhs))
    )
