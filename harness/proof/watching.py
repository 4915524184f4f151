"""What Prometheus and Alertmanager know of a run, asked once it is over."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from harness.clients import Prometheus
from harness.faults.on_host import UNIT
from harness.incident.patience import MARGIN_S
from harness.lab import addresses
from harness.proof.witnessed import Life
from monitoring.durations import parse_duration
from monitoring.routing import Labels
from monitoring.yaml_text import read_yaml

STEP_S = 1.0
MOST_POINTS = 10_000
"""Of a series in one answer; Prometheus refuses a few more."""
OURS = frozenset({"__name__", "alertstate"})
ITSELF = f'job="prometheus",instance!~"{UNIT}-.*"'
"""Prometheus as it is installed, and no second one that a fault pretends."""
MISSED = f"sum(increase(prometheus_rule_group_iterations_missed_total{{{ITSELF}}}[%ds]))"
DUE = f"sum(increase(prometheus_rule_group_iterations_total{{{ITSELF}}}[%ds]))"
_LAST = f"prometheus_rule_group_last_evaluation_timestamp_seconds{{{ITSELF}}}"
LATE = (
    f"max(max_over_time((timestamp({_LAST}) - ({_LAST} > 0)"
    f" - prometheus_rule_group_interval_seconds{{{ITSELF}}})[%ds:1s]))"
)
UNSEEN = f"sum(count_over_time((up{{{ITSELF}}} == 0)[%ds:1s]))"
BEGUN = f"sum(changes(process_start_time_seconds{{{ITSELF}}}[%ds]))"
MOST_MISSED = 0.01
"""The share of evaluations of groups that may be missed; who slept through more has seen nothing."""
MOST_LATE_S = MARGIN_S
"""How much later than it is due a group may be evaluated: the times that are judged allow no more."""


def lives(prometheus: Prometheus, since: float, until: float) -> list[Life]:
    """Each time that a series of an alert was pending or firing then; one that came back lived twice.

    So did one that fired and waits again: its end was told in between.
    """
    found: dict[frozenset[tuple[str, str]], dict[float, str]] = {}
    begin = since
    while begin <= until:  # in parts, as it answers no more points at once
        end = min(until, begin + MOST_POINTS * STEP_S)
        for series in prometheus.query_range("ALERTS", begin, end, STEP_S):
            labels = {name: value for name, value in series["metric"].items() if name not in OURS}
            states = found.setdefault(frozenset(labels.items()), {})
            states |= {float(at): series["metric"]["alertstate"] for at, _ in series["values"]}
        begin += (MOST_POINTS + 1) * STEP_S
    return [
        _life(dict(labels), {at: states[at] for at in span}, until)
        for labels, states in found.items()
        for span in _spans(states)
    ]


def _spans(states: Mapping[float, str]) -> Iterator[list[float]]:
    """The moments, apart where more than one step is missing, or where what fired is pending again."""
    span: list[float] = []
    for at in sorted(states):
        if span and (at - span[-1] > 2 * STEP_S or (states[span[-1]], states[at]) == ("firing", "pending")):
            yield span
            span = []
        span.append(at)
    yield span


def _life(labels: Labels, states: Mapping[float, str], until: float) -> Life:
    firing = [at for at, state in states.items() if state == "firing"]
    over = firing and max(firing) < until - 2 * STEP_S
    return Life(
        labels=labels,
        pending=min(states),
        firing=min(firing, default=None),
        ended=max(firing) + STEP_S if over else None,
    )


def configuration() -> dict[str, Any]:
    """The routes that are in force."""
    return dict(read_yaml(addresses.alertmanager().configuration()))


def longest(route: Mapping[str, Any], name: str) -> float:
    """The longest of these times in a route and below it, in seconds: mail is put together for minutes."""
    own = parse_duration(route.get(name, "0s")) / 1000
    return max([own, *(longest(one, name) for one in route.get("routes", ()))])


def asleep(prometheus: Prometheus, since: float, spare: int = 0) -> str:
    """Why nobody may believe what was seen since then; nothing where the witness was awake.

    So many *spare* evaluations may be missed in a run that is too short for a share of them.
    """
    window = max(5, int(time.time() - since))
    missed = prometheus.value(MISSED % window) or 0.0
    due = prometheus.value(DUE % window) or 0.0
    late = prometheus.value(LATE % window) or 0.0
    unseen = prometheus.value(UNSEEN % window) or 0.0
    if begun := prometheus.value(BEGUN % window):
        return f"Prometheus was started anew {begun:.0f} times"
    if not due:
        return "Prometheus evaluated no rule"
    if missed > max(spare, MOST_MISSED * due):
        return f"Prometheus missed {missed:.0f} evaluations of groups of {due:.0f}"
    if late > MOST_LATE_S:
        return f"Prometheus evaluated a group {late:.0f} s late"
    if unseen > max(spare, MOST_MISSED * window):
        return f"Prometheus could not scrape itself {unseen:.0f} times in {window} s"
    return ""
