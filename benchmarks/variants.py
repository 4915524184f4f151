"""The rule sets that are evaluated on the same data: the project's own, and two to compare them with."""

from collections.abc import Mapping
from typing import Any

import yaml

from benchmarks.server import dump
from harness.rules.ruleset import Rule, load_files, metrics_of, name_of
from harness.rules.suites import RULES
from monitoring.promql import Node, Paren, Selector, transform
from monitoring.promql_parse import parse
from monitoring.records import read, rule_files

Files = Mapping[str, str]


def of_the_project() -> dict[str, Files]:
    """{name: rule files}; the project's rules as they are installed come first."""
    return {
        "the rules as they are": {path.name: _at_one_pace(read(path)) for path in rule_files(RULES)},
        "without recorded series": {"alerts.rules.yml": dump(_without_recordings())},
        "as many rules that read nothing": {"empty.rules.yml": dump(_empty())},
    }


def _at_one_pace(document: Mapping[str, Any]) -> str:
    """Every group in every round: a round is a full evaluation."""
    return dump([{key: group[key] for key in ("name", "rules")} for group in document["groups"]])


def groups(files: Files) -> dict[str, int]:
    """{"file;group": how many rules it has}, named as Prometheus names groups in its metrics."""
    return {
        f"{name};{group['name']}": len(group["rules"])
        for name, text in files.items()
        for group in yaml.safe_load(text)["groups"]
    }


def _without_recordings() -> list[dict[str, object]]:
    """Each alert computes all it needs itself. What is read over a range or with an offset stays recorded."""
    found: list[dict[str, object]] = []
    for file in load_files():
        alerts = [_inlined(rule, file.recordings) for rule in file.rules if "alert" in rule]
        kept = file.needed(_ranged(alerts, file.recordings))
        rules = [dict(rule) for rule in file.rules if name_of(rule) in kept] + alerts
        found.append({"name": file.name.removesuffix(".rules.yml"), "rules": rules})
    return found


def _inlined(rule: Rule, recordings: Mapping[str, Rule]) -> dict[str, object]:
    def change(node: Node) -> Node:
        instant = isinstance(node, Selector) and node.range is None and not node.offset
        if isinstance(node, Selector) and instant and node.metric in recordings:
            return Paren(transform(parse(recordings[node.metric]["expr"]), change))
        return node

    return {**rule, "expr": str(transform(parse(rule["expr"]), change))}


def _ranged(alerts: list[dict[str, object]], recordings: Mapping[str, Rule]) -> set[str]:
    return {metric for alert in alerts for metric in metrics_of(str(alert["expr"])) if metric in recordings}


def _empty() -> list[dict[str, object]]:
    count = sum(len(file.rules) for file in load_files())
    rules = [{"record": f"bench:empty:{number}", "expr": "vector(1)"} for number in range(count)]
    return [{"name": "empty", "rules": rules}]
