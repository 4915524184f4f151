"""Per-site changes of alerts, no fork: {CriticalErrorRate: {threshold: 0.3, for: 1m, enabled: true}}."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from math import isfinite
from typing import Any

from monitoring.durations import parse_duration
from monitoring.errors import CatalogError
from monitoring.promql_parse import parse
from monitoring.queries import requery
from monitoring.rule_files import SEVERITIES
from monitoring.thresholds import has_limit, say_threshold, with_threshold

Rule = dict[str, Any]
Overrides = Mapping[str, Mapping[str, Any]]

OTHER_HOME = {
    "alertname": "the name joins rule, test and runbook",
    "severity": "it is a field of its own, beside `labels`",
}
_LABEL = re.compile(r"(?!__)[a-zA-Z_][a-zA-Z0-9_]*")


def _threshold(rule: Rule, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        raise CatalogError(f"expected a number, found {value!r}")
    tree = parse(rule["expr"])
    if not has_limit(tree):
        others = ", ".join(field for field in FIELDS if field != "threshold")
        raise CatalogError(
            f"expected an alert with a single number as its limit, found {tree}; possible here: {others}"
        )
    rule["expr"] = str(with_threshold(tree, value))
    annotations = rule.get("annotations", {})
    rule["annotations"] = {name: say_threshold(name, text, value) for name, text in annotations.items()}
    rule.update(requery(rule))


def _duration(name: str) -> Callable[[Rule, object], None]:
    def change(rule: Rule, value: object) -> None:
        parse_duration(value)
        rule[name] = str(value)

    return change


def _severity(rule: Rule, value: object) -> None:
    if value not in SEVERITIES:
        raise CatalogError(f"expected one of {', '.join(SEVERITIES)}, found {value!r}")
    rule["labels"] = rule.get("labels", {}) | {"severity": value}


def _labels(rule: Rule, value: object) -> None:
    if not isinstance(value, Mapping) or not all(
        isinstance(part, str) for pair in value.items() for part in pair
    ):
        raise CatalogError(f"expected a mapping of names to texts, found {value!r}")
    wrong = [name for name in value if not _LABEL.fullmatch(name) or name in OTHER_HOME]
    if wrong:
        because = OTHER_HOME.get(
            wrong[0], "a label's name has letters, digits and _ and begins with no digit"
        )
        raise CatalogError(f"expected labels other than {wrong[0]!r}: {because}")
    rule["labels"] = rule.get("labels", {}) | dict(value)


def _enabled(_rule: Rule, value: object) -> None:
    if not isinstance(value, bool):
        raise CatalogError(f"expected true or false, found {value!r}")


FIELDS: dict[str, Callable[[Rule, Any], None]] = {
    "threshold": _threshold,
    "for": _duration("for"),
    "keep_firing_for": _duration("keep_firing_for"),
    "severity": _severity,
    "labels": _labels,
    "enabled": _enabled,
}


def check(overrides: Overrides, alerts: Mapping[str, object]) -> None:
    """Every named alert and field exists; CatalogError with the list of what is possible otherwise."""
    if not isinstance(overrides, Mapping):
        raise CatalogError(f"expected overrides as a mapping of alert names, found {overrides!r}")
    for name, change in overrides.items():
        if name not in alerts:
            near = get_close_matches(str(name), alerts, n=1)
            meant = f" (is {near[0]} meant?)" if near else ""
            raise CatalogError(f"alert override {name}{meant}: expected one of {', '.join(sorted(alerts))}")
        if not isinstance(change, Mapping):
            raise CatalogError(
                f"alert override {name}: expected a mapping of {', '.join(FIELDS)}, found {change!r}"
            )
        for field in change:
            if field not in FIELDS:
                raise CatalogError(
                    f"alert override {name}: expected fields {', '.join(FIELDS)}, found {field!r}"
                )


def override(rule: Rule, change: Mapping[str, Any]) -> Rule | None:
    """The changed copy of an alert's rule, or None when the change switches it off."""
    changed = dict(rule)
    for field, value in change.items():
        try:
            FIELDS[field](changed, value)
        except CatalogError as error:
            raise CatalogError(f"alert override {rule['alert']}.{field}: {error}") from None
    return changed if change.get("enabled", True) else None
