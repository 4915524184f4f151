"""Rule files as raw rules, and which recorded series a rule or a test group needs."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from monitoring.durations import parse_duration
from monitoring.promql import Call, Selector, walk
from monitoring.rule_files import Alert, Recording
from ruletools.expressions import metrics_of, tree_of
from ruletools.places import line_of
from ruletools.suites import Group

Rule = Mapping[str, Any]
COUNTED = ("rate", "irate", "increase", "resets")  # what takes a series for a counter
ALERT_SERIES = ("ALERTS", "ALERTS_FOR_STATE")


def name_of(rule: Rule) -> str:
    """The alert's or the recorded series' name."""
    return str(rule.get("alert") or rule["record"])


@dataclass(frozen=True)
class RuleFile:
    """The rules of one file, in the order in which they are evaluated, and the groups as they stand there.

    Of a file that is only *context* the rules are loaded where a unit test loads them, and not judged.
    """

    name: str
    rules: tuple[Rule, ...]
    path: Path = Path()
    groups: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    context: bool = False
    numbers: tuple[int, ...] = ()
    """Of each rule the number that it has in the file, where some of the file are left out."""

    def line(self, index: int, field: str = "") -> int:
        """The line of a field of a rule, of the rule if it lacks the field."""
        return line_of(self.path, self.numbers[index] if self.numbers else index, field)

    @cached_property
    def recordings(self) -> dict[str, Rule]:
        return {rule["record"]: rule for rule in self.rules if "record" in rule}

    @property
    def placed(self) -> list[tuple[str, Rule]]:
        """Each rule with the name of its group, where groups are known."""
        if not self.groups:
            return [("", rule) for rule in self.rules]
        return [(str(group["name"]), rule) for group in self.groups for rule in group["rules"]]

    @cached_property
    def _reads(self) -> dict[str, frozenset[str]]:
        """The recorded series of this file that each of its recorded series reads."""
        found: dict[str, frozenset[str]] = dict.fromkeys(self.recordings, frozenset())
        for rule in self.rules:
            if "record" in rule:
                found[rule["record"]] |= metrics_of(rule["expr"]) & self.recordings.keys()
        return found

    def needed(self, metrics: Iterable[str]) -> set[str]:
        """The recorded series of this file among the metrics, and what they are made of."""
        found: set[str] = set()
        open_names = [name for name in metrics if name in self.recordings]
        while open_names:
            name = open_names.pop()
            if name not in found:
                found.add(name)
                open_names += self._reads[name]
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


@dataclass(frozen=True)
class Located:
    """One rule of a file by its number; `label` is its name, numbered where several rules have that name."""

    label: str
    file: RuleFile
    index: int

    @property
    def rule(self) -> Rule:
        return self.file.rules[self.index]


def located(files: Iterable[RuleFile]) -> Iterator[Located]:
    """Every rule that is judged, each with a label of its own."""
    seen: Counter[str] = Counter()
    for file in files:
        for index, rule in enumerate(() if file.context else file.rules):
            name = name_of(rule)
            seen[name] += 1
            yield Located(f"{name} #{seen[name]}" if seen[name] > 1 else name, file, index)


def by_label(files: Iterable[RuleFile]) -> dict[str, Located]:
    """The rules that are judged by their labels."""
    return {each.label: each for each in located(files)}


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
    tree = tree_of(expression)
    if tree is None:
        return metrics_of(expression)
    found = set()
    for node in walk(tree):
        if isinstance(node, Selector):
            named = [each.value for each in node.matchers if (each.name, each.op) == ("alertname", "=")]
            found.add(named[0] if named and node.metric in ALERT_SERIES else node.metric)
    return frozenset(found)


def together(files: Iterable[RuleFile], names: Sequence[str], order: Sequence[str] = ()) -> RuleFile:
    """The rules of several files as one, as a suite that loads them all evaluates them.

    That is in the order of the names, unless the suite says in which *order* groups are evaluated.
    """
    by_name = {file.name: file for file in files}
    placed = [each for name in names for each in by_name[name].placed]
    if order:
        # As promtool has it, a group that is not named comes with the first.
        place = {group: number for number, group in enumerate(order)}
        placed.sort(key=lambda each: place.get(each[0], 0))
    return RuleFile(" ".join(names), tuple(rule for _, rule in placed))


def counters(files: Iterable[RuleFile]) -> frozenset[str]:
    """The recorded series that any rule takes for a counter: it must never fall without a start."""
    recorded, counted = set(), set()
    for file in files:
        recorded |= set(file.recordings)
        for rule in file.rules:
            tree = tree_of(rule["expr"])
            for node in walk(tree) if tree else ():
                if isinstance(node, Call) and node.function in COUNTED:
                    counted |= {each.metric for each in walk(node) if isinstance(each, Selector)}
    return frozenset(recorded & counted)


def alerts_of(files: Sequence[RuleFile]) -> tuple[Alert, ...]:
    """Every alert that is judged, with the recorded series of all files behind it.

    A series that several rules record stands for each of them: its expression joins theirs with `or`.
    """
    recordings: dict[str, Recording] = {}
    for file in files:
        for rule in file.rules:
            if "record" in rule and tree_of(rule["expr"]):
                known = recordings.get(rule["record"])
                expr = f"({known.expr}) or ({rule['expr']})" if known else rule["expr"]
                recordings[rule["record"]] = Recording(rule["record"], expr, file.name, "")
    return tuple(
        Alert(
            name=rule["alert"],
            expr=rule["expr"],
            file=file.name,
            group="",
            for_ms=parse_duration(rule.get("for", 0)),
            keep_firing_for_ms=parse_duration(rule.get("keep_firing_for", 0)),
            labels=rule.get("labels", {}),
            annotations=rule.get("annotations", {}),
            recordings=recordings,
        )
        for file in files
        for rule in (() if file.context else file.rules)
        if "alert" in rule
    )
