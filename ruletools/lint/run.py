"""What is wrong with the rules and routes beyond their syntax; each finding says how to mend it."""

import re
from collections.abc import Callable, Iterator

from monitoring.catalog import Alert
from monitoring.queries import NAME, query_of
from monitoring.records import SEVERITIES
from monitoring.thresholds import said_threshold, threshold
from ruletools.lint.content import EXCEPTIONS, Content
from ruletools.lint.dashboards import wrong_link
from ruletools.lint.findings import Finding
from ruletools.lint.floors import without_floor
from ruletools.lint.inhibitions import unequal
from ruletools.lint.loudness import louder_below
from ruletools.lint.moments import two_moments
from ruletools.lint.places import lines_of
from ruletools.lint.rollbacks import rollbacks
from ruletools.lint.series import differing, without_series
from ruletools.programs import promtool

LABELS = ("severity", "component", "symptom", "owner")
ANNOTATIONS = ("summary", "description", "runbook_url", "dashboard_url")
_COMPLAINT = re.compile(
    r"^(?P<file>\S+\.rules\.yml): (?:yaml: line )?(?:(?P<line>\d+):(?:\d+:)? )?(?P<what>.*)$", re.M
)
_NAMED = re.compile(r'rule \d+, "(?P<name>[^"]+)"')


def lint(content: Content | None = None, prometheus: str | None = None) -> list[Finding]:
    """Every finding; with the address of a running Prometheus also how it differs from the catalogue.

    Rules that cannot be read are not judged further.
    """
    content = content or Content()
    refused = list(_refused(content)) or list(_twice(content))
    if refused:
        return refused
    found = [finding for check in EACH for alert in content.alerts for finding in check(content, alert)]
    found += [finding for check_all in ALL for finding in check_all(content)]
    found += differing(content, prometheus) if prometheus else []
    return sorted(found)


def _refused(content: Content) -> Iterator[Finding]:
    """What promtool says, at the line that it names or at the rule that it names."""
    answer = promtool(
        "check", "rules", "--lint=all", "--lint-fatal", *sorted(content.rules.glob("*.rules.yml"))
    )
    if not answer.returncode:
        return
    complaints = dict.fromkeys(_COMPLAINT.findall(answer.stderr))
    for path, line, what in complaints:
        at = content.rules / path.rpartition("/")[2]
        named = _NAMED.search(what)
        number = int(line or 0) or (lines_of(at)[named["name"]][""] if named else 1)
        yield content.at(at, number, what, "mend what promtool names")
    if not complaints:
        words = " ".join((answer.stdout + answer.stderr).split())
        yield content.at(content.rules, 1, words, "mend what promtool names")


def _twice(content: Content) -> Iterator[Finding]:
    """Alerts whose name another file has: it joins rule, test, runbook and override."""
    seen: dict[str, str] = {}
    for path in sorted(content.rules.glob("*.rules.yml")):
        for name in (name for name, lines in lines_of(path).items() if "alert" in lines):
            if seen.setdefault(name, path.name) != path.name:
                what, mend = f"there is such an alert in {seen[name]} too", "give it a name of its own"
                yield content.at_rule(path.name, name, "", what, mend)


def _contract(content: Content, alert: Alert) -> Iterator[Finding]:
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


def _severity_in_name(content: Content) -> Iterator[Finding]:
    wrong = [alert for alert in content.alerts if _said_severity(alert) not in (None, alert.severity)]
    for alert in wrong:
        if alert.name not in content.excused("severity_in_name"):
            what = f"the name says {_said_severity(alert)}, the severity is {alert.severity}"
            mend = f"let them agree, or say why not in tests/rules/{EXCEPTIONS}"
            yield content.at_rule(alert.file, alert.name, "labels.severity", what, mend)
    yield from content.idle({alert.name for alert in wrong}, "severity_in_name")


def _said_severity(alert: Alert) -> str | None:
    """The severity of which its name speaks; an error in a name is what the alert is about."""
    return next((word for word in ("critical", "warning") if word in alert.name.lower()), None)


def _texts(content: Content, alert: Alert) -> Iterator[Finding]:
    if said_threshold(alert.annotations.get("description", "")) != threshold(alert.tree):
        what = "the description states another threshold than the rule"
        mend = "let `$threshold` be the rule's"
        yield content.at_rule(alert.file, alert.name, "annotations.description", what, mend)


def _query(content: Content, alert: Alert) -> Iterator[Finding]:
    if alert.annotations.get(NAME) != query_of(alert.expr):
        what, mend = f"`{NAME}` is not its expression", "run `python -m monitoring.queries`"
        yield content.at_rule(alert.file, alert.name, f"annotations.{NAME}", what, mend)


def _runbook(content: Content, alert: Alert) -> Iterator[Finding]:
    page = alert.annotations.get("runbook_url", "").rpartition("/runbooks/")[2]
    if not (content.runbooks / f"{page}.md").is_file():
        what, mend = f"its runbook {page!r} does not exist", f"write docs/runbooks/{alert.name}.md"
        yield content.at_rule(alert.file, alert.name, "annotations.runbook_url", what, mend)


def _dashboard(content: Content, alert: Alert) -> Iterator[Finding]:
    if what := wrong_link(alert, content.dashboards):
        mend = "link one of monitoring/dashboards, or write it there"
        yield content.at_rule(alert.file, alert.name, "annotations.dashboard_url", what, mend)


EACH: tuple[Callable[[Content, Alert], Iterator[Finding]], ...] = (
    _contract,
    rollbacks,
    _texts,
    _query,
    _runbook,
    _dashboard,
)
ALL: tuple[Callable[[Content], Iterator[Finding]], ...] = (
    _severity_in_name,
    unequal,
    louder_below,
    without_series,
    two_moments,
    without_floor,
)
