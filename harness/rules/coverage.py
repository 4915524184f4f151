"""Which case of which alert its unit tests show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness.errors import HarnessError
from harness.rules.suites import TESTS, Group, Suite, groups_of
from monitoring.catalog import Alert
from monitoring.durations import parse_duration

CASES = ("fires", "below", "short", "resolves")
EXEMPTIONS = TESTS / "exemptions.yml"


@dataclass(frozen=True)
class Coverage:
    """The cases of one alert: shown, excused with a reason, or missing."""

    alert: str
    shown: frozenset[str]
    excused: Mapping[str, str]

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(case for case in CASES if case not in self.shown and case not in self.excused)


def load_exemptions(path: Path = EXEMPTIONS) -> dict[str, dict[str, str]]:
    """{alert: {case: reason}} of the cases that cannot exist."""
    exemptions: dict[str, dict[str, str]] = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    for alert, cases in exemptions.items():
        if not set(cases) <= set(CASES) or not all(cases.values()):
            raise HarnessError(
                f"{path}: expected a reason for some of {', '.join(CASES)}, found {alert}: {cases}"
            )
    return exemptions


def cover(
    alerts: Sequence[Alert], suites: tuple[Suite, ...], exemptions: Mapping[str, Mapping[str, str]]
) -> list[Coverage]:
    """The coverage of each alert. An exemption of an unknown alert is an error: it may be a misspelt name."""
    unknown = exemptions.keys() - {alert.name for alert in alerts}
    if unknown:
        raise HarnessError(f"expected exemptions of alerts that exist, found {', '.join(sorted(unknown))}")
    return [_cover(alert, groups_of(alert.name, suites), exemptions.get(alert.name, {})) for alert in alerts]


def _cover(alert: Alert, groups: list[Group], excused: Mapping[str, str]) -> Coverage:
    shown = {case for group in groups for case in _shown(group)}
    waits = {} if alert.for_ms else {"short": "it fires at once"}
    return Coverage(alert.name, frozenset(shown), {**waits, **excused})


def _shown(group: Group) -> set[str]:
    """What a test group shows.

    Fires and resolves: to the second, by being asked one evaluation before and at the change. Below and
    short: by stimuli of that name, or a group of that case, that are never among the alerts.
    """
    firing = {parse_duration(check["eval_time"]): bool(check["exp_alerts"]) for check in group.checks}
    step = group.interval_ms
    shown = {case for case in ("below", "short") if _is_stimulus(group, case)}
    if any(now and (at == 0 or firing.get(at - step) is False) for at, now in firing.items()):
        shown.add("fires")
    if any(not now and at - step in _still_firing(group) for at, now in firing.items()):
        shown.add("resolves")
    return shown


def _is_stimulus(group: Group, case: str) -> bool:
    if group.name == f"{group.alert}: {case}":
        return True
    named = any(
        f'"{case}"' in each["series"] or f"//{case}/" in each["series"] for each in group.data["input_series"]
    )
    expected = [alert for check in group.checks for alert in check["exp_alerts"]]
    return named and bool(expected) and not any(case in alert["exp_labels"].values() for alert in expected)


def _still_firing(group: Group) -> set[int]:
    """When the group says that alerts fire by asking for their ALERTS series."""
    return {
        parse_duration(each["eval_time"])
        for each in group.expressions
        if 'alertstate="firing"' in each["expr"]
    }
