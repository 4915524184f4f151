"""One alert as it is in force at a site: each value and where it comes from, routes, runbook, fault."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from monitoring.catalog import Alert, load
from monitoring.promql_parse import parse
from monitoring.routing import Labels, Route, routes_of, silencers
from monitoring.slo import TARGET
from monitoring.thresholds import has_limit, threshold
from ruletools.errors import RulesError
from ruletools.house.files import REPO, RULES
from ruletools.house.hooks import Cause
from ruletools.house.site.read import Rule, Site
from ruletools.names import near
from ruletools.places import line_of_field

RUNBOOKS = "docs/runbooks"
LINKS = {"runbook_url": "prometheus_runbooks_url", "dashboard_url": "prometheus_dashboards_url"}


@dataclass(frozen=True)
class Value:
    """A value in force, where it is stated, what is stated there if that differs, and what scaled it."""

    field: str
    value: Any
    place: str
    stated: Any = None
    scaled: str = ""


@dataclass(frozen=True)
class Effective:
    """An alert at a site; `rule` is None where it is switched off, at `off`."""

    alert: str
    site: Site
    rule: Rule | None
    off: str
    values: tuple[Value, ...]
    routes: tuple[Route, ...]
    muted_by: tuple[str, ...]
    runbook: str
    runbook_url: str
    cause: Cause


def effective(name: str, site: Site, causes: Mapping[str, Cause]) -> Effective:
    """What a person wants to know about an alert at a site; RulesError where it or the site is wrong."""
    alerts = _alerts()
    if name not in alerts:
        raise RulesError(f"expected the name of an alert, found {name!r}; {near(name, alerts)}")
    rules, stated, config = site.rules, site.unscaled, site.alertmanager
    rule, alert = rules.get(name), alerts[name]
    labels = {other: _labels(found, site) for other, found in rules.items()}
    return Effective(
        alert=name,
        site=site,
        rule=rule,
        off="" if rule else f"prometheus_alert_overrides, {_override(site, name, 'enabled')}",
        values=tuple(_values(alert, rule, stated[name], site)) if rule else (),
        routes=tuple(routes_of(config, labels[name])) if rule else (),
        muted_by=tuple(_muted_by(config, labels[name], list(labels.values()))) if rule else (),
        runbook=f"{RUNBOOKS}/{name}.md",
        runbook_url=site.links.annotations(alert.annotations)["runbook_url"],
        cause=causes[name],
    )


@cache
def _alerts() -> Mapping[str, Alert]:
    return {alert.name: alert for alert in load(RULES)}


def _labels(rule: Rule, site: Site) -> Labels:
    """The labels by which it is routed, as far as rule and site state them."""
    env = {"env": site.values["prometheus_environment"]} if "prometheus_environment" in site.values else {}
    return {**env, **rule["labels"], "alertname": rule["alert"]}


def _values(alert: Alert, rule: Rule, stated: Rule, site: Site) -> Iterator[Value]:
    """`stated` is the rule with the site's overrides, before the time scale."""
    now, before = parse(rule["expr"]), parse(stated["expr"])
    if has_limit(now):
        yield _value(alert, site, "threshold", threshold(now), threshold(before))
    scaled = str(now) != str(before)
    same = rule["expr"].strip()
    yield _value(alert, site, "expr", same, stated["expr"].strip() if scaled else same)
    for field in ("for", "keep_firing_for"):
        if field in rule or field in stated:
            yield _value(alert, site, field, rule.get(field), stated.get(field))
    for label in rule["labels"]:
        yield _value(alert, site, f"labels.{label}", rule["labels"][label], rule["labels"][label])
    for link, variable in LINKS.items():
        value = rule["annotations"][link]
        if value == alert.annotations[link]:
            yield _value(alert, site, f"annotations.{link}", value, value)
        else:
            yield Value(f"annotations.{link}", value, f"{variable}, {site.origin(variable)}")


def _value(alert: Alert, site: Site, field: str, value: Any, stated: Any) -> Value:
    field_in_file = "expr" if field == "threshold" else field
    path = _overridden_by(site.overrides.get(alert.name, {}), field)
    line = line_of_field(RULES / alert.file, alert.name, field_in_file)
    where = f"{(RULES / alert.file).relative_to(REPO)}:{line}"
    if alert.file == TARGET.name and site.values["prometheus_slo"]:
        where += f", made anew with prometheus_slo, {site.origin('prometheus_slo')}"
    if path:
        where = f"prometheus_alert_overrides, {_override(site, alert.name, *path)}"
    if value == stated:
        return Value(field, value, where)
    origin = site.origin("prometheus_time_scale")
    return Value(field, value, where, stated, f"time scale {site.time_scale:g}, {origin}")


def _override(site: Site, *path: str) -> str:
    return site.origin("prometheus_alert_overrides", *path)


def _overridden_by(change: Mapping[str, Any], field: str) -> tuple[str, ...]:
    """The path in the change that states the field; the last one wins, as it is applied last."""
    found: tuple[str, ...] = ()
    label = field.removeprefix("labels.")
    for key, value in change.items():
        if key == field or (key == "severity" and field == "labels.severity"):
            found = (key,)
        elif key == "labels" and field.startswith("labels.") and label in value:
            found = (key, label)
    return found


def _muted_by(config: Mapping[str, Any], labels: Labels, others: list[Labels]) -> Iterator[str]:
    """The alerts that may inhibit this one: labels that the series bring may be equal."""
    for other, equal in silencers(config, labels, others):
        known = [name for name in equal if name in labels and name in other]
        if all(labels[name] == other[name] for name in known):
            yield f"{other['alertname']} (same {', '.join(equal)})" if equal else other["alertname"]
