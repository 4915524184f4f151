"""The rule sets that are evaluated on the same data: the project's own, and two to compare them with."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import yaml

from benchmarks.server import dump
from harness.rules.ruleset import Rule, load_files, name_of
from harness.rules.suites import RULES
from monitoring.promql import Node, Selector, transform, walk
from monitoring.promql_parse import parse
from monitoring.records import read, rule_files

Files = Mapping[str, str]


def of_the_project() -> dict[str, Files]:
    """{name: rule files}; the project's rules as they are installed come first."""
    return {
        "the rules as they are": {path.name: _at_one_pace(read(path)) for path in rule_files(RULES)},
        "without the sums of each process": {"counters.rules.yml": dump(_reading_counters())},
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


def _reading_counters() -> list[dict[str, Any]]:
    """The same rules without the sums of each process: every window reads the counters of all routes."""
    return [
        {
            "name": file.name.removesuffix(".rules.yml"),
            "rules": [_unsummed(rule, file.recordings) for rule in file.rules if not _is_sum(name_of(rule))],
        }
        for file in load_files()
    ]


def _is_sum(name: str) -> bool:
    return name.startswith("instance:") and name.endswith(":sum")


def _unsummed(rule: Rule, recordings: Mapping[str, Rule]) -> dict[str, Any]:
    def change(node: Node) -> Node:
        if not (isinstance(node, Selector) and _is_sum(node.metric)):
            return node
        summed = parse(recordings[node.metric]["expr"])
        counter = next(each for each in walk(summed) if isinstance(each, Selector))
        return replace(counter, range=node.range, offset=node.offset)

    return {**rule, "expr": str(transform(parse(rule["expr"]), change))}


def _empty() -> list[dict[str, object]]:
    count = sum(len(file.rules) for file in load_files())
    rules = [{"record": f"bench:empty:{number}", "expr": "vector(1)"} for number in range(count)]
    return [{"name": "empty", "rules": rules}]
