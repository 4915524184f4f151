"""What the real rules say about several nights: promtool evaluates them once for all.

Nothing is asked about the hour in which windows fill, but its last five minutes. Alerts that can change no
verdict are not evaluated: they wake nobody, roll nothing back and forbid no rollback.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from benchmarks.nights.exposition import MOMENTS, series
from benchmarks.nights.night import MINUTE, WARM, Night
from monitoring.catalog import Alert, load
from ruletools.house.files import RULES
from ruletools.house.scene import Question, Sample, Scene
from ruletools.ruleset import ALERT_SERIES

STATES, SINCE = ALERT_SERIES
OWN = '{service="{{ $labels.service }}",env="{{ $labels.env }}"}'


@dataclass(frozen=True)
class Seen:
    """An alert that is pending or firing at a moment, with the moment at which its condition became true."""

    labels: dict[str, str]
    firing: bool
    since: float

    @property
    def name(self) -> str:
        return self.labels["alertname"]


@dataclass
class Evaluated:
    """A night as Prometheus knows it."""

    night: Night
    first_bad: int | None
    alerts: dict[int, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    evidence: dict[tuple[int, str], float] = field(default_factory=dict)


@cache
def rules() -> dict[str, Alert]:
    """Every alert of the repository."""
    return {alert.name: alert for alert in load(RULES)}


@cache
def telling() -> frozenset[str]:
    """The alerts that can change a verdict. A quieter one silences nothing that wakes a person."""
    return frozenset(
        name
        for name, rule in rules().items()
        if rule.severity not in ("warning", "info") or "rollback" in rule.labels
    )


@cache
def triggers() -> dict[str, Alert]:
    """The alerts that may roll a release back."""
    return {
        name: rule for name, rule in rules().items() if rule.labels.get("rollback") in ("auto", "propose")
    }


def evaluate(nights: Sequence[Night]) -> list[Evaluated]:
    """All nights, evaluated together; their own environment keeps them apart."""
    exposed: dict[str, str] = {}
    found: dict[str, Evaluated] = {}
    for night in nights:
        own, first = series(night)
        exposed |= own
        found[night.name] = Evaluated(night, first)
    questions = _questions()
    answers = dict(zip(questions, Scene(exposed, only=telling()).answers(questions), strict=True))
    for moment in MOMENTS:
        since = _values(answers.get((SINCE, moment * 1000), ()))
        for sample in answers.get((STATES, moment * 1000), ()):
            if evaluated := found.get(sample.labels.get("env", "")):
                labels = {name: value for name, value in sample.labels.items() if name != "alertstate"}
                firing = sample.labels["alertstate"] == "firing"
                evaluated.alerts[moment].append(Seen(labels, firing, since[frozenset(labels.items())]))
    for name, rule in triggers().items():
        for moment in MOMENTS:
            for sample in answers.get((_evidence(name, rule), moment * 1000), ()):
                if evaluated := found.get(sample.labels.get("env", "")):
                    evaluated.evidence[moment, name] = sample.value
    return list(found.values())


def _questions() -> list[Question]:
    """The alerts at every moment, and the evidence of a trigger at those at which it fires."""
    judged = [moment for moment in MOMENTS if moment >= WARM - 5 * MINUTE]
    asked = [(expression, moment * 1000) for expression in ALERT_SERIES for moment in judged]
    evidence = {_evidence(name, rule) for name, rule in triggers().items()}
    return asked + [(each, moment * 1000) for each in sorted(evidence) for moment in judged]


def _evidence(name: str, rule: Alert) -> str:
    """The trigger's evidence for every service at which it fires."""
    asked = rule.annotations["evidence"].replace(OWN, "")
    return f'({asked}) and on (service, env) ALERTS{{alertname="{name}",alertstate="firing"}}'


def _values(samples: Sequence[Sample]) -> dict[frozenset[tuple[str, str]], float]:
    return {frozenset(sample.labels.items()): sample.value for sample in samples}
