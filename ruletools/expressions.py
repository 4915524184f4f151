"""PromQL expressions as trees, where the parser knows their syntax."""

import re
from functools import cache

from monitoring.errors import CatalogError
from monitoring.promql import Node, Selector, walk
from monitoring.promql_parse import parse

_IDENTIFIER = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"|' + r"'(?:[^'\\]|\\.)*'|`[^`]*`|#.*")


def tree_of(expression: str) -> Node | None:
    """The tree of an expression, None where it is none or is newer than the parser."""
    try:
        return parse(expression)
    except (CatalogError, KeyError):  # a KeyError: it was read, but is of a kind that the tree has not
        return None


@cache
def metrics_of(expression: str) -> frozenset[str]:
    """The names of the series that an expression reads; of one without a tree every word of it."""
    tree = tree_of(expression)
    if tree is None:
        return frozenset(_IDENTIFIER.findall(_TEXT.sub("", expression)))
    return frozenset(_metric(node) for node in walk(tree) if isinstance(node, Selector))


def _metric(node: Selector) -> str:
    """The name, also where it is written as a matcher: `{__name__="up"}`."""
    if node.metric:
        return node.metric
    return next((each.value for each in node.matchers if (each.name, each.op) == ("__name__", "=")), "")
