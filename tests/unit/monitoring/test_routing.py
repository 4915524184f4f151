"""Who must be told is read from Alertmanager's configuration as Alertmanager reads it."""

from typing import Any

import pytest
import yaml

from devtools.paths import REPO
from monitoring.routing import Destination, RoutingError, deliveries, inhibited, matches, receivers_of

CONFIG: dict[str, Any] = yaml.safe_load(
    """
route:
  receiver: fallback
  routes:
    - {matchers: ['rollback="auto"'], receiver: machine, continue: true}
    - matchers: ['component="database"']
      receiver: team
      continue: true
      routes:
        - {matchers: ['severity="warning"'], mute_time_intervals: [night]}
    - {matchers: ['severity="critical"'], receiver: loud}
    - {matchers: ['severity=~"error|critical"'], receiver: late}
    - {matchers: ['severity="warning"'], receiver: quiet, mute_time_intervals: [night]}
inhibit_rules:
  - source_matchers: ['severity="critical"']
    target_matchers: ['severity="warning"']
    equal: [service, symptom]
receivers:
  - {name: fallback}
  - {name: machine, webhook_configs: [{url: x}]}
  - {name: team, slack_configs: [{channel: '#team'}]}
  - name: loud
    slack_configs: [{channel: '#all'}, {channel: '#incidents'}]
    pagerduty_configs: [{routing_key_file: /etc/x/pagerduty_critical_key}]
    email_configs: [{to: a@example.org}]
  - {name: late, slack_configs: [{channel: '#late'}]}
  - {name: quiet, slack_configs: [{channel: '#all'}]}
"""
)


@pytest.mark.parametrize(
    ("matcher", "expected"),
    [
        ('a="1"', True),
        ("a=1", True),
        ('a!="1"', False),
        ('a=~"1|2"', True),
        ('a=~"."', True),
        ('a=~"x"', False),
        ('a!~"x.*"', True),
        ('missing=""', True),
        ('missing!=""', False),
    ],
)
def test_matcher_holds_as_alertmanager_reads_it(matcher: str, expected: bool) -> None:
    assert matches(matcher, {"a": "1"}) is expected


def test_regular_expression_matches_the_whole_value() -> None:
    assert not matches('a=~"crit"', {"a": "critical"})


def test_unknown_form_of_matcher_is_refused() -> None:
    with pytest.raises(RoutingError, match="expected a matcher"):
        matches("critical", {})


def test_routes_with_continue_add_up_and_the_first_without_ends_it() -> None:
    labels = {"severity": "critical", "component": "database", "rollback": "auto"}

    assert receivers_of(CONFIG, labels) == [("machine", False), ("team", False), ("loud", False)]


def test_child_route_inherits_its_receiver_and_adds_its_mute_times() -> None:
    labels = {"severity": "warning", "component": "database"}

    assert receivers_of(CONFIG, labels) == [("team", True), ("quiet", True)]


def test_alert_that_no_route_takes_goes_to_the_root() -> None:
    assert receivers_of(CONFIG, {"severity": "odd"}) == [("fallback", False)]


def test_destinations_are_where_people_look() -> None:
    found = [d.destination for d in deliveries(CONFIG, {"severity": "critical", "rollback": "auto"})]

    assert found == [
        Destination("pagerduty", "critical"),
        Destination("slack", "#all"),
        Destination("slack", "#incidents"),
        Destination("smtp", "a@example.org"),
    ]


@pytest.mark.parametrize(("symptom", "expected"), [("slow", True), ("errors", False)])
def test_louder_alert_silences_a_quieter_one_of_the_same_symptom(symptom: str, expected: bool) -> None:
    quiet = {"alertname": "A", "severity": "warning", "service": "s", "symptom": "slow"}
    loud = {"alertname": "B", "severity": "critical", "service": "s", "symptom": symptom}

    assert inhibited(CONFIG, quiet, [quiet, loud]) is expected
    assert not inhibited(CONFIG, loud, [quiet, loud])


def test_critical_alert_of_the_backend_goes_where_the_requirements_say() -> None:
    config = yaml.safe_load((REPO / "monitoring" / "alertmanager.yml").read_text())
    found = deliveries(config, {"severity": "critical", "component": "backend", "rollback": "auto"})

    assert [str(d.destination) for d in found] == [
        "pagerduty critical",
        "slack #mita-alerts",
        "slack #mita-incidents",
        "smtp mikhail@mita.finance",
    ]
    assert not any(d.muted_at_times for d in found)
