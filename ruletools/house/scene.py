"""The real rules over series that a test gives: what fires, since when, and what any expression yields.

    scene = Scene({'http_requests_total{job="mita-backend",instance="a",env="prod",service="s"}': "0+9x80"})
    scene.value('mita:http_error_ratio:rate2m{service="s"}', at="5m")  # 1.0, or None without a sample
    [alert] = scene.alerts(at="6m", name="CriticalErrorRate")
    alert.state, alert.pending_since, alert.firing_since               # "firing", 30.0, 150.0: seconds
    scene.ask(alert, "evidence", at="6m")                              # what the daemon is answered: 1.0

Series and times are promtool's: the first sample is at 0, one each `interval`, and all rules are evaluated
at the same pace. promtool does the work, so functions, staleness and states of alerts are Prometheus' own.
It cannot restart: that a restart keeps `pending_since` is a matter of a flag, and tested elsewhere.
"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from monitoring.catalog import Alert
from monitoring.durations import format_duration, parse_duration
from ruletools.errors import RulesError
from ruletools.house.files import RULES
from ruletools.house.living import alerts_of, filled, groups
from ruletools.programs import promtool_tests
from ruletools.ruleset import ALERT_SERIES

LONGEST_S = 900
Labels = Mapping[str, str]
Question = tuple[str, int]
STATES, SINCE = ALERT_SERIES
NEVER = 'never{asked="by anybody"}'
_ANSWER = re.compile(
    r'^    expr: "(?P<expr>.*)", time: (?P<at>\S+),\s*\n        exp: .*\n        got: ?(?P<got>.*)$', re.M
)
_SAMPLE = re.compile(r'(?P<labels>\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\}) (?P<value>\S+?)(?:, |$)')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True)
class Sample:
    """One sample of an answer."""

    labels: Labels
    value: float


@dataclass(frozen=True)
class Active:
    """An alert that is pending or firing; times are seconds since the scene began."""

    rule: Alert
    labels: Labels
    state: str
    pending_since: float
    firing_since: float | None

    @property
    def name(self) -> str:
        return self.rule.name

    def annotation(self, name: str) -> str:
        """An annotation as the daemon fills it in: only `$labels` is replaced."""
        return filled(self.rule.annotations[name], self.labels)


@dataclass(frozen=True)
class Scene:
    """Series by their selector, in promtool's notation, and the repository's rules over them."""

    series: Mapping[str, str]
    interval: str = "15s"
    time_scale: float = 1
    rules: Path = RULES
    only: frozenset[str] = frozenset()
    """The alerts and recorded series that are evaluated, with what they read; else all."""
    _known: dict[Question, list[Sample]] = field(default_factory=dict, compare=False, repr=False)
    _narrowed: dict[frozenset[str], "Scene"] = field(default_factory=dict, compare=False, repr=False)

    def about(self, *names: str) -> "Scene":
        """The same scene with no other alerts than these, which is a fraction of the work."""
        if unknown := set(names) - self._alerts.keys():
            raise RulesError(f"expected names of alerts, found {sorted(unknown)}")
        narrowed = replace(self, only=frozenset(names), _known={}, _narrowed={})
        return self if self.only else self._narrowed.setdefault(narrowed.only, narrowed)

    def samples(self, expression: str, at: str) -> list[Sample]:
        """Every sample of an expression at a moment such as `7m30s`."""
        question = expression, parse_duration(at)
        self._ask([question])
        return self._known[question]

    def answers(self, questions: Sequence[Question]) -> list[list[Sample]]:
        """The samples of many expressions, each at a moment in milliseconds: promtool is asked once."""
        self._ask(questions)
        return [self._known[each] for each in questions]

    def value(self, expression: str, at: str) -> float | None:
        """The one value of an expression, None without a sample; several are an error."""
        found = self.samples(expression, at)
        if len(found) > 1:
            raise RulesError(f"expected one sample of {expression} at {at}, found {found}; name its labels")
        return found[0].value if found else None

    def alerts(self, at: str, name: str = "", state: str = "") -> list[Active]:
        """The alerts that are pending or firing at a moment, all or those of a name or a state."""
        moments = self._moments(at)
        if name and (STATES, moments[-1]) not in self._known and not self.only:
            return self.about(name).alerts(at, name, state)
        self._ask([(expr, moment) for expr in ALERT_SERIES for moment in moments])
        found = [self._active(sample, moments[-1]) for sample in self._known[STATES, moments[-1]]]
        return [each for each in found if name in ("", each.name) and state in ("", each.state)]

    def firing(self, at: str) -> set[str]:
        """The names of the alerts that fire at a moment."""
        return {alert.name for alert in self.alerts(at, state="firing")}

    def fires(self, name: str, at: str) -> bool:
        """Whether an alert of that name fires at a moment; no other is evaluated."""
        return name in self.about(name).firing(at)

    def ever_fires(self, name: str, until: str) -> bool:
        """Whether an alert of that name fires at any moment until then; no other is evaluated."""
        return name in self.about(name).ever_fired(until)

    def ever_fired(self, until: str) -> set[str]:
        """The names of the alerts that fire at any moment until then."""
        asked = [(STATES, moment) for moment in self._moments(until)]
        self._ask(asked)
        samples = [sample for each in asked for sample in self._known[each]]
        return {each.labels["alertname"] for each in samples if each.labels["alertstate"] == "firing"}

    def ask(self, alert: Active, annotation: str, at: str) -> float | None:
        """The value of `evidence`, `verify` or `measures` of an alert at a moment."""
        return self.about(alert.name).value(alert.annotation(annotation), at)

    def enough(self, name: str, until: str) -> list[float]:
        """The moments, in seconds, at which an alert of that name fires and its evidence is above 0."""
        if (scene := self.about(name)) is not self:
            return scene.enough(name, until)
        moments = self._moments(until)
        self._ask([(STATES, moment) for moment in moments])
        fires = {"alertname": name, "alertstate": "firing"}
        evidence = self._alerts[name].annotations["evidence"]
        asked = [
            (filled(evidence, sample.labels), moment)
            for moment in moments
            for sample in self._known[STATES, moment]
            if fires.items() <= sample.labels.items()
        ]
        self._ask(asked)
        return sorted({each[1] / 1000 for each in asked if any(s.value > 0 for s in self._known[each])})

    def _moments(self, until: str) -> range:
        """Every evaluation until then, in milliseconds."""
        return range(0, parse_duration(until) + 1, parse_duration(self.interval))

    @property
    def _alerts(self) -> Mapping[str, Alert]:
        return alerts_of(self.rules)

    @cached_property
    def _groups(self) -> list[dict[str, Any]]:
        metrics = {name.partition("{")[0] for name in self.series}
        return groups(self.rules, self.time_scale, metrics, self.only)

    def _active(self, sample: Sample, moment: int) -> Active:
        labels = {name: value for name, value in sample.labels.items() if name != "alertstate"}
        since = next(each.value for each in self._known[SINCE, moment] if each.labels == labels)
        began, step = None, parse_duration(self.interval)
        for at in range(moment, -1, -step):
            if not any(each.labels == {**labels, "alertstate": "firing"} for each in self._known[STATES, at]):
                break
            began = at / 1000
        own = {name: value for name, value in labels.items() if name != "alertname"}
        return Active(self._alerts[labels["alertname"]], own, sample.labels["alertstate"], since, began)

    def _ask(self, questions: Sequence[Question]) -> None:
        """Let promtool answer what is not known yet.

        A run costs far more than its questions, so an expression that is asked about alone is asked at every
        moment of the scene that was asked about before.
        """
        new = [each for each in dict.fromkeys(questions) if each not in self._known]
        if len(new) == 1:
            [(expression, _)] = new
            new += [
                (expression, at)
                for at in {at for _, at in self._known}
                if (expression, at) not in {*new, *self._known}
            ]
        if new:
            with tempfile.TemporaryDirectory(prefix="scene-") as directory:
                self._known.update(self._run(Path(directory), new))

    def _run(self, place: Path, questions: Sequence[Question]) -> dict[Question, list[Sample]]:
        _dump(place / "scene.rules.yml", {"groups": self._groups})
        series = [{"series": name, "values": values} for name, values in self.series.items()]
        asked = [_question(expression, at) for expression, at in questions]
        document = {
            "rule_files": ["scene.rules.yml"],
            "evaluation_interval": self.interval,
            "group_eval_order": [group["name"] for group in self._groups],
            "tests": [{"interval": self.interval, "input_series": series, "promql_expr_test": asked}],
        }
        _dump(place / "scene.test.yml", document)
        said = promtool_tests([place / "scene.test.yml"], timeout_s=LONGEST_S).stdout
        found = {
            (_unquoted(match["expr"]), parse_duration(match["at"])): _samples(match["got"])
            for match in _ANSWER.finditer(said)
        }
        if missing := [each for each in questions if each not in found]:
            raise RulesError(f"expected an answer of promtool to {missing[0]}, it said: {said[:2000]}")
        return found


def _question(expression: str, at: int) -> dict[str, Any]:
    """A question to which the expected answer is never the right one: promtool then tells what it got."""
    return {
        "expr": expression,
        "eval_time": format_duration(at),
        "exp_samples": [{"labels": NEVER, "value": 1}],
    }


def _samples(text: str) -> list[Sample]:
    return [
        Sample(
            {name: _unquoted(own) for name, own in _LABEL.findall(match["labels"]) if name != "__name__"},
            float(match["value"]),
        )
        for match in _SAMPLE.finditer(text)
    ]


def _unquoted(text: str) -> str:
    return text.replace('\\"', '"').replace("\\\\", "\\")


def _dump(path: Path, document: object) -> None:
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    path.write_text(yaml.dump(document, Dumper=dumper, sort_keys=False), encoding="utf-8")
