"""The rule files as raw rules, and which recorded series a rule or a test group needs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.rules.suites import RULES, Group
from monitoring.promql import Selector, walk
from monitoring.promql_parse import parse
from monitoring.records import read, rule_files

Rule = Mapping[str, Any]


def name_of(rule: Rule) -> str:
    """The alert's or the recorded series' name."""
    return str(rule.get("alert") or rule["record"])


def metrics_of(expression: str) -> set[str]:
    """The names of the series that an expression reads."""
    return {node.metric for node in walk(parse(expression)) if isinstance(node, Selector)}


@dataclass(frozen=True)
class RuleFile:
    """The rules of one file, in the order in which they are evaluated."""

    name: str
    rules: tuple[Rule, ...]

    @cached_property
    def recordings(self) -> dict[str, Rule]:
        return {rule["record"]: rule for rule in self.rules if "record" in rule}

    def needed(self, metrics: Iterable[str]) -> set[str]:
        """The recorded series of this file among the metrics, and what they are made of."""
        found: set[str] = set()
        open_names = [name for name in metrics if name in self.recordings]
        while open_names:
            name = open_names.pop()
            if name not in found:
                found.add(name)
                open_names += [
                    each for each in metrics_of(self.recordings[name]["expr"]) if each in self.recordings
                ]
        return found

    def for_groups(self, groups: Iterable[Group]) -> list[Rule]:
        """The rules without which the groups' expectations cannot be met, in the order of the file."""
        alerts = {check["alertname"] for group in groups for check in group.checks}
        alerts |= {group.alert for group in groups}
        metrics = {metric for group in groups for metric in _asked(group)}
        for rule in self.rules:
            if rule.get("alert") in alerts:
                metrics |= metrics_of(rule["expr"])
        wanted = alerts | self.needed(metrics)
        return [rule for rule in self.rules if name_of(rule) in wanted]

    def depends(self, group: Group, record: str) -> bool:
        """Whether the group can notice a fault in the recorded series."""
        return any(name_of(rule) == record for rule in self.for_groups([group]))


def _asked(group: Group) -> set[str]:
    return {metric for each in group.expressions for metric in metrics_of(each["expr"])}


def load_files(directory: Path = RULES) -> tuple[RuleFile, ...]:
    """Every rule file of a directory."""
    return tuple(
        RuleFile(path.name, tuple(rule for group in read(path)["groups"] for rule in group["rules"]))
        for path in rule_files(directory)
    )
