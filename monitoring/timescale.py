"""The same configuration with every duration divided by a factor: seconds prove what takes minutes.

Scaled in expressions: range selectors, offsets, subqueries, the horizon of predict_linear, and the number
that the age of something is compared with (`time() - started > 600`). Not scaled: other thresholds, latencies
in seconds among them; counts; the time left until a calendar date (`expiry - time() < 86400`).
"""

from dataclasses import replace
from typing import Any

from monitoring.durations import format_duration, parse_duration, scale_duration
from monitoring.errors import CatalogError
from monitoring.promql import (
    COMPARISONS,
    Binary,
    Call,
    Node,
    Number,
    Paren,
    Selector,
    Subquery,
    bare,
    transform,
)
from monitoring.promql_parse import parse
from monitoring.queries import requery

# A probe takes as long as it takes: at a scaled interval of one second a scrape may use all of it.
LEAST_SCRAPE_TIMEOUT = 1000
_ALERTMANAGER = {"group_wait", "group_interval", "repeat_interval", "resolve_timeout"}
_PROMETHEUS = {"scrape_interval", "scrape_timeout", "evaluation_interval", "refresh_interval"}
_RULE = {"for", "keep_firing_for", "interval", "query_offset"}


def check_factor(factor: float) -> None:
    """A factor divides: it is at least 1."""
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not factor >= 1:
        raise CatalogError(f"expected a time scale of 1 (production) or more, found {factor!r}")


def scale_expression(text: str, factor: float) -> str:
    """The expression with its durations divided."""
    return str(transform(parse(text), lambda node: _scale_node(node, factor)))


def _scale_node(node: Node, factor: float) -> Node:
    if isinstance(node, Selector):
        window = None if node.range is None else scale_duration(node.range, factor)
        return replace(node, range=window, offset=_scale_offset(node.offset, factor))
    if isinstance(node, Subquery):
        step = None if node.step is None else scale_duration(node.step, factor)
        window = scale_duration(node.range, factor)
        return replace(node, range=window, step=step, offset=_scale_offset(node.offset, factor))
    if isinstance(node, Call) and node.function == "predict_linear":
        return replace(node, args=(node.args[0], _divide(node.args[1], factor)))
    if isinstance(node, Binary) and node.op in COMPARISONS and _is_age(node.lhs):
        return replace(node, rhs=_divide(node.rhs, factor))
    return node


def _scale_offset(offset: int, factor: float) -> int:
    return scale_duration(offset, factor) if offset >= 0 else -scale_duration(-offset, factor)


def _is_age(node: Node) -> bool:
    node = bare(node)
    return isinstance(node, Binary) and node.op == "-" and bare(node.lhs) == Call("time", ())


def _divide(node: Node, factor: float) -> Node:
    """A number divided, in milliseconds at the finest; anything else is divided by an expression."""
    if isinstance(node, Number):
        return Number(round(node.value / factor, 3) or node.value)
    return Binary("/", Paren(node) if isinstance(node, Binary) else node, Number(factor))


def scale_rule_file(document: dict[str, Any], factor: float) -> dict[str, Any]:
    """The structure of a rule file with every duration divided."""
    groups = []
    for group in document["groups"]:
        scaled: dict[str, Any] = _scale_keys(group, _RULE, factor)
        for rule in scaled["rules"]:
            rule["expr"] = scale_expression(rule["expr"], factor)
        scaled["rules"] = [requery(rule) for rule in scaled["rules"]]
        groups.append(scaled)
    return {**document, "groups": groups}


def scale_alertmanager(document: Any, factor: float) -> Any:
    """Group, repeat and resolve times divided; a wait of nothing stays nothing."""
    return _scale_keys(document, _ALERTMANAGER, factor)


def scale_prometheus(document: Any, factor: float) -> Any:
    """Scrape and evaluation intervals divided; a time-out keeps a second where its interval allows."""
    return _scale_keys(document, _PROMETHEUS, factor)


def _scale_keys(node: Any, keys: set[str], factor: float) -> Any:
    if isinstance(node, list):
        return [_scale_keys(part, keys, factor) for part in node]
    if not isinstance(node, dict):
        return node
    scaled = {key: _scale_keys(value, keys, factor) for key, value in node.items()}
    for key in keys & node.keys():
        scaled[key] = format_duration(_scaled(key, node, factor))
    return scaled


def _scaled(key: str, node: dict[str, Any], factor: float) -> int:
    duration = scale_duration(parse_duration(node[key]), factor)
    if key != "scrape_timeout":
        return duration
    least = min(LEAST_SCRAPE_TIMEOUT, parse_duration(node[key]))
    longest = scale_duration(parse_duration(node.get("scrape_interval", node[key])), factor)
    return min(max(duration, least), longest)
