"""Which case of which alert the unit tests here show, told by the names that they give to what they try."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from monitoring.catalog import Alert
from monitoring.durations import parse_duration
from ruletools.cases import needless, reads
from ruletools.coverage import Coverage, Exemptions, check_exemptions, read_exemptions
from ruletools.house.files import EXEMPTIONS
from ruletools.suites import Group, Suite, groups_of

CASES = ("fires", "below", "short", "resolves", "missing", "quiet", "reset", "first")
# What a stimulus of each case may be called.
STIMULI = {
    "below": frozenset({"below"}),
    "short": frozenset({"short"}),
    "quiet": frozenset({"idle", "silent", "quiet"}),
    "reset": frozenset({"reset"}),
}


def load_exemptions(path: Path = EXEMPTIONS) -> Exemptions:
    """The cases that cannot exist, as tests/rules has them."""
    return read_exemptions(path, CASES)


def cover(alerts: Sequence[Alert], suites: tuple[Suite, ...], exemptions: Exemptions) -> list[Coverage]:
    """The coverage of each alert."""
    check_exemptions(exemptions, alerts)
    return [_cover(alert, suites, exemptions.get(alert.name, {})) for alert in alerts]


def _cover(alert: Alert, suites: tuple[Suite, ...], excused: Mapping[str, str]) -> Coverage:
    read = reads(alert)
    shown = {case for group in groups_of(alert.name, suites) for case in _shown(group, read)}
    if _without_series(alert.name, suites):
        shown.add("missing")
    return Coverage(alert.name, frozenset(shown), {**needless(alert), **excused}, CASES)


def _without_series(alert: str, suites: tuple[Suite, ...]) -> bool:
    """Whether a group without any series asks about the alert; one that fires then shows so by firing."""
    return any(
        check["alertname"] == alert
        for suite in suites
        for group in suite.groups
        if not group.data["input_series"] or group.name == f"{alert}: missing"
        for check in group.checks
    )


def _shown(group: Group, read: frozenset[str]) -> set[str]:
    """What a test group shows of its alert, which reads the series *read*.

    Fires and resolves: to the second, by being asked one evaluation before and at the change. The others, but
    `first`: by stimuli of that name, of series that the alert reads, that are never among the alerts.
    """
    firing = {
        parse_duration(check["eval_time"]): bool(check["exp_alerts"])
        for check in group.checks
        if check["alertname"] == group.alert
    }
    step = group.interval_ms
    shown = {case for case, names in STIMULI.items() if _is_stimulus(group, case, names, read)}
    if any(now and (at == 0 or firing.get(at - step) is False) for at, now in firing.items()):
        shown.add("first" if group.name == f"{group.alert}: first ever" else "fires")
    if any(not now and at - step in _still_firing(group) for at, now in firing.items()):
        shown.add("resolves")
    return shown


def _is_stimulus(group: Group, case: str, names: frozenset[str], read: frozenset[str]) -> bool:
    """Whether the group shows that something of one of the names stays silent.

    It does where another stimulus fires meanwhile, or where the group is about nothing else and asks often
    enough to know.
    """
    checks = [check for check in group.checks if check["alertname"] == group.alert]
    expected = [alert for check in checks for alert in check["exp_alerts"]]
    if group.name == f"{group.alert}: {case}":
        return bool(checks) and not expected
    named = {name for each in group.data["input_series"] for name in _named(each["series"], read)} & names
    return bool(expected) and any(
        not any(name in alert["exp_labels"].values() for alert in expected) for name in named
    )


def _named(series: str, read: frozenset[str]) -> set[str]:
    """The label values of a series that the alert reads, and the host names in its addresses."""
    if series.partition("{")[0] not in read:
        return set()
    return set(re.findall(r'="([^"]*)"', series)) | set(re.findall(r"//([^/\"]+)/", series))


def _still_firing(group: Group) -> set[int]:
    """When the group says that its alert fires by asking for the ALERTS series."""
    return {
        parse_duration(each["eval_time"])
        for each in group.expressions
        if f'alertname="{group.alert}"' in each["expr"]
        and 'alertstate="firing"' in each["expr"]
        and any(sample["value"] for sample in each["exp_samples"])
    }
