"""Inhibitions compare labels: each must be on both sides, for two missing labels count as equal."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from monitoring.routing import MATCHER, Labels, matches
from ruletools.lint.content import Content
from ruletools.lint.findings import Finding, Level


def unequal(content: Content) -> Iterator[Finding]:
    """Alerts that fire, in their unit tests, without a label that an inhibition compares; and idle ones."""
    files = {alert.name: alert.file for alert in content.alerts}
    fired, lacking = [labels for labels in _fired(content) if labels["alertname"] in files], set()
    elsewhere: set[str] = set()
    for number, rule in enumerate(content.routes.get("inhibit_rules") or ()):
        if made := _asked(rule) & content.excused("made_elsewhere"):
            elsewhere |= made
            continue
        for side in ("source", "target"):
            involved = [labels for labels in fired if _all(rule[f"{side}_matchers"], labels)]
            lacking |= set(_lacking(rule, side, involved))
            if not involved:
                what = f"no alert is a {side} of {rule[f'{side}_matchers']}"
                mend = "mend the matchers, or delete the inhibition"
                yield content.at_routing(("inhibit_rules", number), what, mend, Level.ERROR)
    for name, what in sorted(lacking):
        if name not in content.excused("without_label"):
            mend = "keep the label in the expression or state it"
            yield content.at_rule(files[name], name, "expr", what, mend)
    yield from content.idle({name for name, _ in lacking}, "without_label")
    yield from content.idle(elsewhere, "made_elsewhere")


def _fired(content: Content) -> Iterator[Labels]:
    """The labels with which alerts fire in the unit tests."""
    checks = (check for suite in content.suites for group in suite.groups for check in group.checks)
    for check in checks:
        for alert in check["exp_alerts"]:
            yield {**alert["exp_labels"], "alertname": check["alertname"]}


def _lacking(rule: Mapping[str, Any], side: str, involved: Sequence[Labels]) -> Iterator[tuple[str, str]]:
    """The names of alerts, each with what it lacks."""
    for label in rule.get("equal", ()):
        what = (
            f"fires without {label}, which an inhibition compares (as a {side} of {rule[f'{side}_matchers']})"
        )
        yield from ((labels["alertname"], what) for labels in involved if label not in labels)


def _asked(rule: Mapping[str, Any]) -> set[str]:
    """The labels that its matchers ask for."""
    matchers = [MATCHER.fullmatch(text) for side in ("source", "target") for text in rule[f"{side}_matchers"]]
    return {found[1] for found in matchers if found}


def _all(matchers: Sequence[str], labels: Labels) -> bool:
    return all(matches(matcher, labels) for matcher in matchers)
