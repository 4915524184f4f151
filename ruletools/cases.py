"""Which cases of an alert cannot matter, told by what its expression is made of."""

from collections.abc import Callable, Iterator

from monitoring.catalog import Alert
from monitoring.promql import Binary, Call, Node, Selector, walk

COUNTERS = ("rate", "irate", "increase")


def needless(alert: Alert) -> dict[str, str]:
    """The cases that such an expression need not show, each with the reason."""
    nodes = list(_nodes(alert.tree, alert))
    reasons = {} if alert.for_ms else {"short": "it fires at once"}
    if isinstance(alert.tree, Call) and alert.tree.function == "absent":
        reasons["missing"] = "a missing series is what makes it fire"
    if not any(_counts(node) for node in nodes):
        reasons["reset"] = "it reads no counter"
    if not any(_is_share(node, alert) for node in nodes):
        reasons["quiet"] = "it is no share of traffic"
    if not any(_compares_with_the_past(node) for node in nodes):
        reasons["first"] = "it does not tell a new series from an old one"
    return reasons


def reads(alert: Alert) -> frozenset[str]:
    """The names of the series behind the alert, recorded ones and what they are made of."""
    return frozenset(node.metric for node in _nodes(alert.tree, alert) if isinstance(node, Selector))


def _nodes(tree: Node, alert: Alert) -> Iterator[Node]:
    """Every node of an expression and of the recorded series behind it; one may read its own past."""
    known: set[str] = set()
    open_trees = [tree]
    while open_trees:
        for node in walk(open_trees.pop()):
            yield node
            if isinstance(node, Selector) and node.metric in alert.recordings and node.metric not in known:
                known.add(node.metric)
                open_trees.append(alert.recordings[node.metric].tree)


def _counts(node: Node) -> bool:
    return isinstance(node, Call) and node.function in COUNTERS


def _is_share(node: Node, alert: Alert) -> bool:
    """A division by what counters count, themselves or in recorded series."""
    return isinstance(node, Binary) and node.op == "/" and _below(node.rhs, _counts, alert)


def _below(tree: Node, holds: Callable[[Node], bool], alert: Alert) -> bool:
    return any(map(holds, _nodes(tree, alert)))


def _compares_with_the_past(node: Node) -> bool:
    return (
        isinstance(node, Binary)
        and node.op == "unless"
        and any(isinstance(each, Selector) and each.offset for each in walk(node.rhs))
    )
