"""What routing, people and the rollback daemon rely on is on every alert."""

import re

import pytest

from devtools.paths import REPO
from monitoring import contract, slo
from monitoring.catalog import Alert, load, load_recordings
from monitoring.promql import Binary, Selector
from monitoring.promql_parse import parse
from monitoring.rule_files import SEVERITIES
from monitoring.thresholds import comparison, said_threshold, threshold
from ruletools.programs import promtool

RULES = REPO / "monitoring" / "rules"
ALERTS = load(RULES)
RECORDED = {recording.record for recording in load_recordings(RULES)}
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=[alert.name for alert in ALERTS])


@each_alert
def test_labels(alert: Alert) -> None:
    assert {"severity", "component", "symptom", "subject", "owner"} <= alert.labels.keys()
    assert alert.severity in SEVERITIES


@each_alert
def test_annotations(alert: Alert) -> None:
    assert {"summary", "description", "runbook_url", "dashboard_url"} <= alert.annotations.keys()
    assert alert.annotations["runbook_url"].endswith(f"/runbooks/{alert.name}")
    assert "$value" in alert.annotations["description"]


@each_alert
def test_a_description_states_the_threshold_of_the_rule(alert: Alert) -> None:
    """So that an override changes both."""
    number = threshold(alert.tree)
    assert said_threshold(alert.annotations["description"]) == number


@pytest.mark.parametrize("alert", [a for a in ALERTS if a.rollback_trigger], ids=lambda alert: alert.name)
def test_a_trigger_says_how_to_verify_a_rollback(alert: Alert) -> None:
    """An expression over a recorded series that answers 1 or 0, with the alert's own number."""
    verify = parse(alert.annotations["verify"])
    assert isinstance(verify, Binary)
    assert verify.return_bool
    assert threshold(verify) == threshold(alert.tree)
    assert isinstance(verify.lhs, Selector)
    assert verify.lhs.metric in RECORDED
    assert {matcher.name: matcher.value for matcher in verify.lhs.matchers} == {
        "service": "{{ $labels.service }}",
        "env": "{{ $labels.env }}",
    }


def test_verification_holds_exactly_where_the_alert_does_not() -> None:
    opposite = {">": "<=", "<": ">=", "==": ">", ">=": "<", "<=": ">"}
    for alert in (a for a in ALERTS if a.rollback_trigger):
        verify, condition = parse(alert.annotations["verify"]), comparison(alert.tree)
        assert isinstance(verify, Binary)
        assert isinstance(condition, Binary)
        assert verify.op == opposite[condition.op], alert.name


def test_recorded_names_say_level_metric_and_operations() -> None:
    assert all(re.fullmatch(r"[a-z]+:[a-z0-9_:]+:[a-z0-9_]+", name) for name in RECORDED), RECORDED


def test_the_slo_rules_follow_from_their_promises() -> None:
    text = slo.generate(slo.SOURCE.read_text())
    assert slo.TARGET.read_text() == text, "expected no difference; run `python -m monitoring.slo`"


def test_the_rules_of_the_contract_follow_from_it() -> None:
    text = contract.generate(contract.SOURCE.read_text())
    assert contract.TARGET.read_text() == text, "expected no difference; run `python -m monitoring.contract`"


def test_promtool_accepts_every_file() -> None:
    run = promtool("check", "rules", *sorted(RULES.glob("*.rules.yml")))
    assert run.returncode == 0, run.stdout + run.stderr
    run = promtool("check", "config", "--syntax-only", REPO / "monitoring" / "prometheus.yml")
    assert run.returncode == 0, run.stdout + run.stderr
