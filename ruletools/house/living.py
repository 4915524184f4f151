"""Which of the repository's rules can yield anything over the series of a scene, and are asked for."""

import re
from collections.abc import Callable, Mapping, Sequence, Set
from functools import cache
from pathlib import Path
from typing import Any

from monitoring.catalog import Alert, load, render_rules
from monitoring.promql import Call, Selector, walk
from monitoring.promql_parse import parse
from monitoring.yaml_text import read_yaml
from ruletools.expressions import metrics_of
from ruletools.ruleset import ALERT_SERIES, Rule, name_of

FROM_NOTHING = ("absent", "absent_over_time", "vector")
ASKED = ("evidence", "verify", "measures")
"""The annotations in which an alert has more expressions."""


def filled(text: str, labels: Mapping[str, str]) -> str:
    """An annotation with the labels of an alert in it."""
    return re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: labels.get(found[1], ""), text)


@cache
def alerts_of(rules: Path) -> Mapping[str, Alert]:
    """The alerts of a directory of rules, by name."""
    return {alert.name: alert for alert in load(rules)}


def groups(rules: Path, time_scale: float, metrics: Set[str], only: Set[str]) -> list[dict[str, Any]]:
    """The groups of all files in their order, without the rules that can yield nothing over these metrics.

    With *only*, also without those that neither are among them nor are read by one.
    """
    whole = _rendered(rules, time_scale)
    every = [rule for group in whole for rule in group["rules"]]
    records = [rule for rule in every if "record" in rule]
    known, before = {*metrics, *ALERT_SERIES}, 0
    while len(known) != before:
        before = len(known)
        known |= {rule["record"] for rule in records if _lives(rule, known)}
    asked = _asked(every, only, alerts_of(rules))
    living = [
        {**group, "rules": [rule for rule in group["rules"] if _lives(rule, known) and asked(rule)]}
        for group in whole
    ]
    return [group for group in living if group["rules"]]


@cache
def _rendered(rules: Path, time_scale: float) -> list[dict[str, Any]]:
    texts = render_rules(rules, time_scale=time_scale).values()
    return [group for text in texts for group in read_yaml(text)["groups"]]


def _asked(rules: Sequence[Rule], only: Set[str], alerts: Mapping[str, Alert]) -> Callable[[Rule], bool]:
    """Whether a rule is one of those that are asked about, or read by one."""
    if not only:
        return lambda rule: True
    texts = {name_of(rule): [rule["expr"]] for rule in rules}
    for name, alert in alerts.items():
        texts[name] = [alert.expr, *(alert.annotations[key] for key in ASKED if key in alert.annotations)]
    wanted, left = set[str](), set(only)
    while left:
        wanted.add(name := left.pop())
        for text in texts.get(name, ()):
            left |= (_read_in(filled(text, {}), frozenset(alerts)) & texts.keys()) - wanted
    return lambda rule: name_of(rule) in wanted


@cache
def _read_in(expression: str, alerts: frozenset[str]) -> frozenset[str]:
    """The series that an expression reads, and the alerts whose state it asks for."""
    read = set(metrics_of(expression))
    for node in walk(parse(expression)):
        if isinstance(node, Selector) and node.metric in ALERT_SERIES:
            named = {each.value for each in node.matchers if (each.name, each.op) == ("alertname", "=")}
            read |= named or alerts
    return frozenset(read)


def _lives(rule: Rule, known: Set[str]) -> bool:
    """Whether a rule can yield anything: it reads a known series, or needs none."""
    nodes = list(walk(parse(rule["expr"])))
    without = any(isinstance(node, Call) and node.function in FROM_NOTHING for node in nodes)
    return without or any(isinstance(node, Selector) and node.metric in known for node in nodes)
