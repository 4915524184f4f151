"""What is wrong with the rules beyond what promtool sees: file, line, what, and how to mend it."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.paths import REPO
from harness.rules.programs import promtool
from harness.rules.ruleset import RuleFile, line_of, load_files, metrics_of, name_of
from harness.rules.suites import RULES, Group, load_suites
from monitoring.catalog import Alert, load
from monitoring.records import SEVERITIES
from monitoring.thresholds import said_threshold, threshold

LABELS = ("severity", "component", "symptom", "owner")
ANNOTATIONS = ("summary", "description", "runbook_url", "dashboard_url")
ON_EVERY_ALERT = ("service", "symptom")
RUNBOOKS = REPO / "docs" / "runbooks"


@dataclass(frozen=True)
class Finding:
    """One thing to mend."""

    file: str
    line: int
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}; {self.mend}"


def lint(prometheus: str | None = None) -> list[Finding]:
    """Every finding; with the address of a running Prometheus also series that nothing exposes."""
    alerts = load(RULES)
    found = [finding for alert in alerts for finding in _contract(alert)]
    found += [finding for alert in alerts for finding in _texts(alert)]
    found += list(_unequal())
    found += list(_dead(prometheus)) if prometheus else []
    answer = promtool("check", "rules", *sorted(RULES.glob("*.rules.yml")))
    if answer.returncode:
        found.append(Finding("monitoring/rules", 1, answer.stderr.strip(), "mend what promtool names"))
    return found


def _at(alert: Alert, what: str, mend: str) -> Finding:
    line = line_of(RULES / alert.file, alert.name)
    return Finding(f"monitoring/rules/{alert.file}", line, f"{alert.name}: {what}", mend)


def _contract(alert: Alert) -> Iterator[Finding]:
    for label in LABELS:
        if label not in alert.labels:
            yield _at(alert, f"label {label} is missing", "add it: routing and inhibition match it")
    if alert.severity not in SEVERITIES:
        yield _at(alert, f"severity {alert.severity!r} is unknown", f"use one of {', '.join(SEVERITIES)}")
    for annotation in ANNOTATIONS:
        if annotation not in alert.annotations:
            yield _at(alert, f"annotation {annotation} is missing", "add it: a person needs it at night")
    if (alert.labels.get("rollback") == "auto") != ("verify" in alert.annotations):
        yield _at(alert, "`rollback: auto` and `verify` belong together", "add the other one")


def _texts(alert: Alert) -> Iterator[Finding]:
    if said_threshold(alert.annotations.get("description", "")) != threshold(alert.tree):
        yield _at(
            alert, "the description states another threshold than the rule", "let `$threshold` be the rule's"
        )
    page = alert.annotations.get("runbook_url", "").rpartition("/")[2]
    if not (RUNBOOKS / f"{page}.md").exists():
        yield _at(alert, f"its runbook {page!r} does not exist", f"write docs/runbooks/{alert.name}.md")


def _unequal() -> Iterator[Finding]:
    """Alerts that fire without a label that inhibition compares: two missing labels count as equal."""
    for suite in load_suites():
        for group in suite.groups:
            yield from _without(suite.path, group)


def _without(path: Path, group: Group) -> Iterator[Finding]:
    for check in group.checks:
        for alert in check["exp_alerts"]:
            missing = [label for label in ON_EVERY_ALERT if label not in alert["exp_labels"]]
            if missing:
                what = f"{check['alertname']} fires without {', '.join(missing)}"
                yield Finding(
                    str(path.relative_to(REPO)), 1, what, "keep the label in the expression or state it"
                )
                return


def _dead(prometheus: str) -> Iterator[Finding]:
    """Rules that read a series that nothing exposes at a running site."""
    exposed = _names(prometheus)
    files = load_files()
    recorded = {record for file in files for record in file.recordings}
    for file in files:
        yield from _dead_in(file, exposed | recorded)


def _dead_in(file: RuleFile, known: set[str]) -> Iterator[Finding]:
    for rule in file.rules:
        unknown = sorted(metrics_of(rule["expr"]) - known - {""})
        if unknown:
            what = f"{name_of(rule)} reads {', '.join(unknown)}, which nothing exposes"
            yield Finding(
                f"monitoring/rules/{file.name}", 1, what, "it can never fire here: mend the name or scrape it"
            )


def _names(prometheus: str) -> set[str]:
    address = f"{prometheus.rstrip('/')}/api/v1/label/__name__/values"
    if not address.startswith(("http://", "https://")):
        raise HarnessError(
            f"expected the address of a Prometheus such as http://127.0.0.1:9090, found {prometheus!r}"
        )
    try:
        with urllib.request.urlopen(address, timeout=10) as response:  # noqa: S310 - checked above
            return set(json.load(response)["data"])
    except (urllib.error.URLError, OSError) as error:
        raise HarnessError(f"expected a Prometheus at {prometheus}, {error}; is the lab up?") from None
