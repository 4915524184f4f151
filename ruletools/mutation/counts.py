"""What counts, and what is measured: a count moves by one, a measure by a part of itself.

This is the one place that says which of the two a number in a rule is. Events and things are counted, and
so is a state such as `up`: nothing lies between two neighbours. Seconds, bytes, percent, rates and ratios
are measured.
"""

import re

from monitoring.promql import (
    COMPARISONS,
    Aggregate,
    Binary,
    Call,
    Negative,
    Node,
    Number,
    Paren,
    Selector,
    Subquery,
)

COUNTERS = (
    "changes",
    "resets",
    "count_over_time",
    "absent",
    "absent_over_time",
    "round",
    "ceil",
    "floor",
    "hour",
)
MEASURES = (
    "rate",
    "irate",
    "deriv",
    "avg_over_time",
    "predict_linear",
    "histogram_quantile",
    "time",
    "timestamp",
)
AVERAGES = ("avg", "stddev", "stdvar", "quantile")
UNITS = frozenset(
    {"seconds", "ms", "bytes", "percent", "ratio", "duration", "lag", "load1", "load5", "load15"}
)
OF_A_HISTOGRAM = frozenset({"count", "bucket", "buckets"})


def counts(node: Node) -> bool:
    """Whether the values of an expression are counts."""
    match node:
        case Number():
            return float(node.value).is_integer()
        case Selector():
            return _is_count(node.metric)
        case Call():
            measures = node.function in MEASURES
            return node.function in COUNTERS or (not measures and all(map(counts, node.args)))
        case Aggregate():
            return node.op == "count" or (node.op not in AVERAGES and counts(node.expr))
        case Binary() if node.op in COMPARISONS:
            return node.return_bool or counts(node.lhs)
        case Binary():
            return node.op != "/" and counts(node.lhs) and (node.op == "unless" or counts(node.rhs))
        case Paren() | Negative() | Subquery():
            return counts(node.expr)
    return True  # a text, such as a label's name


def is_count(number: Number, around: Node) -> bool:
    """Whether a number is a count where it stands: beside a count, or how many series `topk` keeps.

    Zero is one anywhere, since there is no part of it.
    """
    if number.value == 0:
        return True
    if not counts(number):
        return False
    if isinstance(around, Binary) and around.op in COMPARISONS:
        return counts(around.lhs) and counts(around.rhs)
    return isinstance(around, Aggregate) and around.op in ("topk", "bottomk")


def _is_count(metric: str) -> bool:
    """What the name says: the unit of an exposed metric, or that a recorded one is a rate."""
    _, name, operation = metric.split(":") if metric.count(":") == 2 else ("", metric, "")
    words = re.split("_", name)
    if operation.startswith("rate"):
        return False
    return words[-1] in OF_A_HISTOGRAM or not UNITS & set(words)
