"""From text to the tree of `monitoring.promql`, by way of promql-parser."""

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any

import promql_parser as reader

from monitoring.errors import CatalogError
from monitoring.promql import (
    Aggregate,
    Binary,
    Call,
    Matcher,
    Negative,
    Node,
    Number,
    Paren,
    Selector,
    Subquery,
    Text,
)

_MATCH_OPS = {"Equal": "=", "NotEqual": "!=", "Re": "=~", "NotRe": "!~"}
_GROUPS = {"ManyToOne": "group_left", "OneToMany": "group_right"}


@lru_cache(maxsize=4096)
def parse(text: str) -> Node:
    """The tree of a PromQL expression; CatalogError with the parser's words if it is none."""
    try:
        return _convert(reader.parse(text))
    except ValueError as error:
        raise CatalogError(f"expected a PromQL expression, found {text!r}: {error}") from None


def _milliseconds(duration: timedelta | None) -> int | None:
    return None if duration is None else round(duration / timedelta(milliseconds=1))


def _name(value: object) -> str:
    """`MatchOp.Equal` -> `Equal`."""
    return str(value).rpartition(".")[2]


def _at(modifier: Any) -> str:
    if modifier is None:
        return ""
    kind = _name(modifier.type)
    return f" @ {modifier.at.timestamp():g}" if kind == "At" else f" @ {kind.lower()}()"


def _selector(node: Any) -> Selector:
    if node.matchers.or_matchers:
        raise CatalogError(
            f"expected label matchers joined by commas, found `or` in {node}; use a regular expression"
        )
    matchers = tuple(Matcher(m.name, _MATCH_OPS[_name(m.op)], m.value) for m in node.matchers.matchers)
    return Selector(node.name or "", matchers, None, _milliseconds(node.offset) or 0, _at(node.at))


def _matrix(node: Any) -> Selector:
    plain = _selector(node.vector_selector)
    return Selector(plain.metric, plain.matchers, _milliseconds(node.range), plain.offset, plain.at)


def _aggregate(node: Any) -> Aggregate:
    grouping = _name(node.modifier.type).lower() if node.modifier else ""
    labels = tuple(node.modifier.labels) if node.modifier else ()
    param = _convert(node.param) if node.param is not None else None
    return Aggregate(str(node.op), _convert(node.expr), param, grouping, labels)


def _binary(node: Any) -> Binary:
    lhs, rhs, how = _convert(node.lhs), _convert(node.rhs), node.modifier
    if how is None:
        return Binary(str(node.op), lhs, rhs)
    matching, labels = "", ()
    if how.matching is not None:
        matching = {"Include": "on", "Exclude": "ignoring"}[_name(how.matching.type)]
        labels = tuple(how.matching.labels)
    group = _GROUPS.get(_name(how.card), "")
    return Binary(
        str(node.op), lhs, rhs, how.return_bool, matching, labels, group, tuple(how.group_labels or ())
    )


def _subquery(node: Any) -> Subquery:
    window, step, offset = (_milliseconds(part) for part in (node.range, node.step, node.offset))
    return Subquery(_convert(node.expr), window or 0, step, offset or 0, _at(node.at))


_CONVERTERS: dict[str, Callable[[Any], Node]] = {
    "NumberLiteral": lambda node: Number(node.val),
    "StringLiteral": lambda node: Text(node.val),
    "VectorSelector": _selector,
    "MatrixSelector": _matrix,
    "Call": lambda node: Call(node.func.name, tuple(_convert(arg) for arg in node.args)),
    "AggregateExpr": _aggregate,
    "BinaryExpr": _binary,
    "ParenExpr": lambda node: Paren(_convert(node.expr)),
    "UnaryExpr": lambda node: Negative(_convert(node.expr)),
    "SubqueryExpr": _subquery,
}


def _convert(node: Any) -> Node:
    return _CONVERTERS[type(node).__name__](node)
