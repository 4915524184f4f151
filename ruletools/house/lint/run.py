"""What is wrong with the rules and routes beyond their syntax; each finding says how to mend it."""

from collections.abc import Callable, Iterator
from pathlib import Path

from monitoring.catalog import Alert
from monitoring.queries import NAME, query_of
from monitoring.rule_files import SEVERITIES
from monitoring.thresholds import said_threshold, threshold
from ruletools.house.files import REPO
from ruletools.house.lint.content import RULES, House, house
from ruletools.house.lint.dashboards import wrong_link
from ruletools.house.lint.loudness import louder_below
from ruletools.house.lint.rollbacks import rollbacks
from ruletools.house.lint.series import differing, without_series
from ruletools.lint.content import Content
from ruletools.lint.findings import Finding
from ruletools.lint.floors import without_floor
from ruletools.lint.inhibitions import unequal
from ruletools.lint.moments import two_moments
from ruletools.lint.refused import refused
from ruletools.lint.twice import twice
from ruletools.places import line_of_name, shown

LABELS = ("severity", "component", "symptom", "subject", "owner")
ANNOTATIONS = ("summary", "description", "runbook_url", "dashboard_url")


def lint(root: Path = REPO, prometheus: str | None = None) -> list[Finding]:
    """Every finding; with the address of a running Prometheus also how it differs from the catalogue.

    Rules that cannot be read are not judged further.
    """
    if wrong := list(_refused(root)):
        return wrong
    content = house(root)
    if wrong := list(twice(content)):
        return wrong
    found = [finding for check in EACH for alert in content.alerts for finding in check(content, alert)]
    found += [finding for check_all in GENERIC for finding in check_all(content)]
    found += [finding for check_house in ALL for finding in check_house(content)]
    found += differing(content, prometheus) if prometheus else []
    return sorted(found)


def _refused(root: Path) -> Iterator[Finding]:
    """What promtool says, at the line that it names or at the rule that it names."""
    for one in refused(sorted((root / RULES).glob("*.rules.yml"))):
        line = one.line or (line_of_name(one.path, one.rule) if one.rule else 1)
        yield Finding(shown(one.path, root), line, one.what, "mend what promtool names")


def _contract(content: House, alert: Alert) -> Iterator[Finding]:
    def finding(field: str, what: str, mend: str) -> Finding:
        return content.at_rule(alert.file, alert.name, field, what, mend)

    for label in LABELS:
        if label not in alert.labels:
            yield finding("labels", f"label {label} is missing", "add it: routing and inhibition match it")
    if alert.severity not in SEVERITIES:
        what = f"severity {alert.severity!r} is unknown"
        yield finding("labels.severity", what, f"use one of {', '.join(SEVERITIES)}")
    for annotation in ANNOTATIONS:
        if annotation not in alert.annotations:
            what = f"annotation {annotation} is missing"
            yield finding("annotations", what, "add it: a person needs it at night")


def _severity_in_name(content: House) -> Iterator[Finding]:
    wrong = [alert for alert in content.alerts if _said_severity(alert) not in (None, alert.severity)]
    for alert in wrong:
        if alert.name not in content.excused("severity_in_name"):
            what = f"the name says {_said_severity(alert)}, the severity is {alert.severity}"
            mend = f"let them agree, {content.keep}"
            yield content.at_rule(alert.file, alert.name, "labels.severity", what, mend)
    yield from content.idle({alert.name for alert in wrong}, "severity_in_name")


def _said_severity(alert: Alert) -> str | None:
    """The severity of which its name speaks; an error in a name is what the alert is about."""
    return next((word for word in ("critical", "warning") if word in alert.name.lower()), None)


def _texts(content: House, alert: Alert) -> Iterator[Finding]:
    if said_threshold(alert.annotations.get("description", "")) != threshold(alert.tree):
        what = "the description states another threshold than the rule"
        mend = "let `$threshold` be the rule's"
        yield content.at_rule(alert.file, alert.name, "annotations.description", what, mend)


def _query(content: House, alert: Alert) -> Iterator[Finding]:
    if alert.annotations.get(NAME) != query_of(alert.expr):
        what, mend = f"`{NAME}` is not its expression", "run `python -m monitoring.queries`"
        yield content.at_rule(alert.file, alert.name, f"annotations.{NAME}", what, mend)


def _runbook(content: House, alert: Alert) -> Iterator[Finding]:
    page = alert.annotations.get("runbook_url", "").rpartition("/runbooks/")[2]
    if not (content.runbooks / f"{page}.md").is_file():
        what, mend = f"its runbook {page!r} does not exist", f"write docs/runbooks/{alert.name}.md"
        yield content.at_rule(alert.file, alert.name, "annotations.runbook_url", what, mend)


def _dashboard(content: House, alert: Alert) -> Iterator[Finding]:
    if what := wrong_link(alert, content.dashboards):
        mend = "link one of monitoring/dashboards, or write it there"
        yield content.at_rule(alert.file, alert.name, "annotations.dashboard_url", what, mend)


EACH: tuple[Callable[[House, Alert], Iterator[Finding]], ...] = (
    _contract,
    rollbacks,
    _texts,
    _query,
    _runbook,
    _dashboard,
)
GENERIC: tuple[Callable[[Content], Iterator[Finding]], ...] = (
    unequal,
    louder_below,
    two_moments,
    without_floor,
)
ALL: tuple[Callable[[House], Iterator[Finding]], ...] = (_severity_in_name, without_series)
