"""The rule files as raw rules, and which recorded series a rule or a test group needs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from monitoring.promql import Call, Selector, walk
from monitoring.promql_parse import parse
from monitoring.records import read, rule_files
from ruletools.suites import RULES, Group

Rule = Mapping[str, Any]
COUNTED = ("rate", "irate", "increase", "resets")  # what takes a series for a counter
ALERT_SERIES = ("ALERTS", "ALERTS_FOR_STATE")


def name_of(rule: Rule) -> str:
    """The alert's or the recorded series' name."""
    return str(rule.get("alert") or rule["record"])


@cache
def metrics_of(expression: str) -> frozenset[str]:
    """The names of the series that an expression reads."""
    return frozenset(node.metric for node in walk(parse(expression)) if isinstance(node, Selector))


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

    def for_group(self, group: Group) -> list[Rule]:
        """The rules without which the group's expectations cannot be met, in the order of the file."""
        wanted = asked(group)
        read = [metrics_of(rule["expr"]) for rule in self.rules if rule.get("alert") in wanted]
        wanted |= self.needed(wanted.union(*read))
        return [rule for rule in self.rules if name_of(rule) in wanted]

    def touched(self, name: str) -> set[str]:
        """The rule, and every rule of this file whose result may change with it."""
        return {name} | {
            name_of(rule) for rule in self.rules if name in self.needed(metrics_of(rule["expr"]))
        }


def asked(group: Group) -> set[str]:
    """The alerts and series that the group asks about."""
    return {name for question in group.questions for name in asked_by(question, group.alert)}


def asked_by(question: Mapping[str, Any], alert: str) -> frozenset[str]:
    """The names in one question; ALERTS without a name asks about the alert of the group."""
    if "alertname" in question:
        return frozenset({question["alertname"]})
    return frozenset(alert if name in ALERT_SERIES else name for name in _names(question["expr"]))


@cache
def _names(expression: str) -> frozenset[str]:
    found = set()
    for node in walk(parse(expression)):
        if isinstance(node, Selector):
            named = [each.value for each in node.matchers if (each.name, each.op) == ("alertname", "=")]
            found.add(named[0] if named and node.metric in ALERT_SERIES else node.metric)
    return frozenset(found)


def together(files: Iterable[RuleFile], names: Sequence[str]) -> RuleFile:
    """The rules of several files as one, in the order of the names: what a suite that loads them all sees."""
    by_name = {file.name: file for file in files}
    return RuleFile(names[-1], tuple(rule for name in names for rule in by_name[name].rules))


def counters(files: Iterable[RuleFile]) -> frozenset[str]:
    """The recorded series that any rule takes for a counter: it must never fall without a start."""
    recorded, counted = set(), set()
    for file in files:
        recorded |= set(file.recordings)
        for rule in file.rules:
            for node in walk(parse(rule["expr"])):
                if isinstance(node, Call) and node.function in COUNTED:
                    counted |= {each.metric for each in walk(node) if isinstance(each, Selector)}
    return frozenset(recorded & counted)


def load_files(directory: Path = RULES) -> tuple[RuleFile, ...]:
    """Every rule file of a directory."""
    return tuple(
        RuleFile(path.name, tuple(rule for group in read(path)["groups"] for rule in group["rules"]))
        for path in rule_files(directory)
    )
