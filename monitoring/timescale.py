"""The same configuration with every duration divided by a factor: seconds prove what takes minutes.

Scaled in expressions: range selectors, offsets, subqueries, the horizon of predict_linear, the number that an
age is compared with (`time() - started > 600`, and the gauges in AGES), a count of events that an alert's own
condition is compared with (`increase(x[5m]) > 5`), and `hour()`. Not scaled: other thresholds, latencies in
seconds among them; floors, the numbers of events that a share needs to mean something; the time left until a
calendar date (`expiry - time() < 86400`). Why: docs/decisions/0005-how-counts-and-hours-scale.md.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from monitoring.durations import format_duration, parse_duration, scale_duration
from monitoring.errors import CatalogError
from monitoring.promql import (
    COMPARISONS,
    Aggregate,
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
from monitoring.thresholds import comparison, say_threshold, threshold, with_threshold

# A probe takes as long as it takes: at a scaled interval of one second a scrape may use all of it.
LEAST_SCRAPE_TIMEOUT = 1000
_ALERTMANAGER = {"group_wait", "group_interval", "repeat_interval", "resolve_timeout"}
_PROMETHEUS = {"scrape_interval", "scrape_timeout", "evaluation_interval", "refresh_interval"}
# Gauges that are the age of something, in seconds. A latency in seconds does not belong here.
AGES = frozenset({"pg_stat_activity_max_tx_duration", "pg_replication_lag", "pg_replication_lag_seconds"})
# Not `resets`: a counter that falls is an accident of reading, and has no pace.
_COUNTS = ("increase", "changes")
# What keeps a number of events a number of events.
_OF_COUNTS = ("round", "ceil", "floor", "abs", "sort", "sort_desc", "label_replace")
_DAY_S = 86400
_RULE = {"for", "keep_firing_for", "interval", "query_offset"}


def check_factor(factor: float) -> None:
    """A factor divides: it is at least 1."""
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not factor >= 1:
        raise CatalogError(f"expected a time scale of 1 (production) or more, found {factor!r}")


def scale_expression(text: str, factor: float) -> str:
    """The expression with its durations divided."""
    return str(transform(parse(text), lambda node: _scale_node(node, factor)))


def scaled_count(value: float, factor: float) -> float:
    """So many events at the same pace in a shorter window: never below 1 when it was 1 or more."""
    return max(1.0, round(value / factor, 3)) if value >= 1 else value


def counted(tree: Node, recordings: Mapping[str, Node]) -> float | None:
    """The number of events that a condition is compared with, or None where it is no count."""
    found = comparison(tree)
    return threshold(tree) if found is not None and is_count(found.lhs, recordings) else None


def is_count(node: Node, recordings: Mapping[str, Node]) -> bool:
    """Whether a node is a number of events in a window: a count, a sum of counts, or a record of one."""
    node = bare(node)
    if isinstance(node, Call):
        if node.function in _OF_COUNTS:
            return is_count(node.args[0], recordings)
        return node.function in _COUNTS
    if isinstance(node, Aggregate):
        return node.op in ("sum", "max", "min", "avg") and is_count(node.expr, recordings)
    if isinstance(node, Binary) and node.op in ("+", "-", "or", ">=", "and", "unless"):
        return is_count(node.lhs, recordings)
    return isinstance(node, Selector) and node.metric in recordings and is_count(recordings[node.metric], {})


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
    if isinstance(node, Call) and node.function == "hour" and not node.args:
        # The hour of a day that lasts 86400 / factor seconds: every hour comes in each of them.
        return parse(f"floor(vector(time()) % {_DAY_S / factor!r} / {_DAY_S / 24 / factor!r})")
    return node


def _scale_offset(offset: int, factor: float) -> int:
    return scale_duration(offset, factor) if offset >= 0 else -scale_duration(-offset, factor)


def _is_age(node: Node) -> bool:
    node = bare(node)
    if isinstance(node, Aggregate) and node.op in ("max", "min"):
        return _is_age(node.expr)
    if isinstance(node, Binary) and node.op == "or":
        return _is_age(node.lhs) and _is_age(node.rhs)
    if isinstance(node, Selector):
        return node.metric in AGES
    return isinstance(node, Binary) and node.op == "-" and bare(node.lhs) == Call("time", ())


def _divide(node: Node, factor: float) -> Node:
    """A number divided, in milliseconds at the finest; anything else is divided by an expression."""
    if isinstance(node, Number):
        return Number(round(node.value / factor, 3) or node.value)
    return Binary("/", Paren(node) if isinstance(node, Binary) else node, Number(factor))


def scale_rule_file(document: dict[str, Any], factor: float) -> dict[str, Any]:
    """The structure of a rule file with every duration divided."""
    records = {
        rule["record"]: parse(rule["expr"])
        for g in document["groups"]
        for rule in g["rules"]
        if "record" in rule
    }
    groups = []
    for group in document["groups"]:
        scaled: dict[str, Any] = _scale_keys(group, _RULE, factor)
        for rule in scaled["rules"]:
            _scale_count(rule, records, factor)
            rule["expr"] = scale_expression(rule["expr"], factor)
        scaled["rules"] = [requery(rule) for rule in scaled["rules"]]
        groups.append(scaled)
    return {**document, "groups": groups}


def _scale_count(rule: dict[str, Any], records: Mapping[str, Node], factor: float) -> None:
    """Change the number of events of an alert wherever the rule states it; other rules stay as they are."""
    tree = parse(rule["expr"])
    number = counted(tree, records) if "alert" in rule else None
    if number is not None:
        scaled = scaled_count(number, factor)
        rule["expr"] = str(with_threshold(tree, scaled))
        said = rule.get("annotations", {})
        rule["annotations"] = {name: say_threshold(name, text, scaled) for name, text in said.items()}


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
