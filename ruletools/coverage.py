"""Which cases of each alert the unit tests show, told by what they expect and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitoring.catalog import Alert
from monitoring.durations import parse_duration
from ruletools.cases import needless, reads
from ruletools.errors import RulesError
from ruletools.expressions import metrics_of, tree_of
from ruletools.listed import read_listed
from ruletools.suites import Group, Suite

CASES = {
    "fires": "a test expects it to fire",
    "silent": "a test expects nothing, before it ever fired, although its series are there",
    "moment": "a test asks one evaluation before it fires, and expects nothing then",
    "resolves": "a test expects nothing after it fired",
    "missing": "a test asks while none of its series is there",
}
Exemptions = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Coverage:
    """The cases of one alert: shown, excused with a reason, or missing."""

    alert: str
    shown: frozenset[str]
    excused: Mapping[str, str]
    cases: tuple[str, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(case for case in self.cases if case not in self.shown and case not in self.excused)


def read_exemptions(path: Path, cases: Sequence[str]) -> Exemptions:
    """{alert: {case: reason}} of the cases that cannot exist or are not wanted."""
    exemptions: dict[str, dict[str, str]] = read_listed(path, dict)
    for alert, excused in exemptions.items():
        if not isinstance(excused, dict) or not set(excused) <= set(cases) or not all(excused.values()):
            raise RulesError(
                f"{path}: expected a reason for some of {', '.join(cases)}, found {alert}: {excused}"
            )
    return exemptions


def check_exemptions(exemptions: Exemptions, alerts: Sequence[Alert]) -> None:
    """RulesError for an exemption of an unknown alert: it may be a misspelt name."""
    unknown = exemptions.keys() - {alert.name for alert in alerts}
    if unknown:
        raise RulesError(f"expected exemptions of alerts that exist, found {', '.join(sorted(unknown))}")


def cover(
    alerts: Sequence[Alert], suites: Sequence[Suite], exemptions: Exemptions, cases: Sequence[str]
) -> list[Coverage]:
    """The coverage of each alert. Several rules of one name are one alert: a test cannot tell them apart."""
    check_exemptions(exemptions, alerts)
    names = dict.fromkeys(alert.name for alert in alerts)
    rows = []
    for name in names:
        rules = [alert for alert in alerts if alert.name == name]
        read = frozenset[str]().union(*map(_reads, rules))
        shown = {case for suite in suites for group in suite.groups for case in shown_by(group, name, read)}
        cannot = {case: why for case, why in _needless(rules).items() if case in set(cases) - shown}
        excused = {**cannot, **exemptions.get(name, {})}
        rows.append(Coverage(name, frozenset(shown & set(cases)), excused, tuple(cases)))
    return rows


def _needless(rules: Sequence[Alert]) -> dict[str, str]:
    """The cases that none of the rules needs."""
    known = [needless(rule) if tree_of(rule.expr) else {} for rule in rules]
    return {case: why for case, why in known[0].items() if all(case in each for each in known)}


def _reads(alert: Alert) -> frozenset[str]:
    return reads(alert) if tree_of(alert.expr) else metrics_of(alert.expr)


def shown_by(group: Group, alert: str, read: frozenset[str]) -> set[str]:
    """What one test shows of an alert that reads those series."""
    asked = [check for check in group.checks if check["alertname"] == alert]
    fires = {parse_duration(check["eval_time"]): bool(check["exp_alerts"]) for check in asked}
    fired = [at for at, now in fires.items() if now]
    silent = [at for at, now in fires.items() if not now]
    there = any(_metric(each) in read for each in group.data["input_series"])
    shown = {
        "fires": bool(fired),
        "silent": there and any(at < min(fired, default=at + 1) for at in silent),
        "moment": any(at - group.interval_ms in silent for at in fired),
        "resolves": any(at > min(fired, default=at) for at in silent),
        "missing": bool(asked) and not there,
    }
    return {case for case, is_shown in shown.items() if is_shown}


def _metric(series: Mapping[str, Any]) -> str:
    """The name of a series in a test's notation."""
    return str(series["series"]).partition("{")[0].strip()
