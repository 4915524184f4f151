"""Who must be told is read from Alertmanager's configuration as Alertmanager reads it."""

from typing import Any

import pytest

from devtools.paths import REPO
from monitoring.destinations import INTEGRATIONS, Destination, RoutingError
from monitoring.routing import deliveries, inhibited, matches, receivers_of
from monitoring.yaml_text import read_yaml

CONFIG: dict[str, Any] = read_yaml(
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


def to_team(**integrations: Any) -> dict[str, Any]:
    return {"route": {"receiver": "team"}, "receivers": [{"name": "team", **integrations}]}


@pytest.mark.parametrize("kind", sorted(INTEGRATIONS))
def test_integration_has_a_destination_or_is_an_error(kind: str) -> None:
    entry = {"channel": "#a", "to": "a@example.org", "routing_key_file": "pagerduty_critical_key"}
    config = to_team(**{f"{kind}_configs": [entry]})

    if kind == "webhook":
        assert deliveries(config, {}) == []
    elif kind in ("email", "pagerduty", "slack"):
        assert len(deliveries(config, {})) == 1
    else:
        with pytest.raises(RoutingError, match=rf"receiver team: expected .*found {kind}_configs; say in"):
            deliveries(config, {})


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("slak_configs", "found slak_configs; is slack_configs meant"),
        ("slack_config", "found slack_config; is slack_configs meant"),
        ("slack", "found slack"),
        ("carrier_pigeon_configs", "found carrier_pigeon_configs"),
    ],
)
def test_key_that_alertmanager_does_not_know_is_an_error(key: str, says: str) -> None:
    with pytest.raises(RoutingError, match=f"receiver team: .*{says}"):
        deliveries(to_team(**{key: [{"channel": "#a"}]}), {})


@pytest.mark.parametrize(
    ("integrations", "says"),
    [
        ({"email_configs": [{}]}, "expected to in its email integration"),
    ],
)
def test_integration_without_its_destination_is_an_error(integrations: dict[str, Any], says: str) -> None:
    with pytest.raises(RoutingError, match=f"receiver team: {says}"):
        deliveries(to_team(**integrations), {})


@pytest.mark.parametrize(
    ("kind", "entry", "place"),
    [
        ("slack", {"title": "x"}, "channel of receiver team"),
        ("pagerduty", {"service_key": "x"}, "service of receiver team"),
        ("pagerduty", {"routing_key_file": "/a/key"}, "service of receiver team"),
    ],
)
def test_a_place_that_the_file_does_not_name_is_that_of_its_receiver(
    kind: str, entry: dict[str, str], place: str
) -> None:
    [found] = deliveries(to_team(**{f"{kind}_configs": [entry]}), {})

    assert found.destination == Destination(kind, place)


@pytest.mark.parametrize(
    "route",
    [
        {"matchers": ['{a="1",b=~"2|3"}']},
        {"matchers": ['a="1", b!="4"']},
        {"matchers": ["a = 1", "b =~ 2|3"]},
        {"match": {"a": "1"}, "match_re": {"b": "2|3"}},
        {"matchers": [r'quoted="say \"1, 2\""', 'a="1"']},
    ],
)
def test_matchers_are_read_in_each_form_that_alertmanager_takes(route: dict[str, Any]) -> None:
    config = {"route": {"receiver": "root", "routes": [{"receiver": "child", **route}]}}
    labels = {"a": "1", "b": "2", "quoted": 'say "1, 2"'}

    assert receivers_of(config, labels) == [("child", False)]
    assert receivers_of(config, {**labels, "a": "5"}) == [("root", False)]


def test_the_older_form_of_an_inhibition_silences_too() -> None:
    rule = {"source_match": {"a": "1"}, "target_match_re": {"b": "2|3"}, "equal": ["same"]}

    assert inhibited({"inhibit_rules": [rule]}, {"b": "2"}, [{"a": "1"}])
    assert not inhibited({"inhibit_rules": [rule]}, {"b": "4"}, [{"a": "1"}])


@pytest.mark.parametrize("first_is_muted", [True, False])
def test_place_that_one_route_always_tells_is_not_muted_by_another(first_is_muted: bool) -> None:
    muted = {"receiver": "team", "continue": True, "mute_time_intervals": ["night"]}
    always = {"receiver": "team", "continue": True}
    config = to_team(slack_configs=[{"channel": "#a"}])
    config["route"]["routes"] = [muted, always] if first_is_muted else [always, muted]

    assert [d.muted_at_times for d in deliveries(config, {})] == [False]


@pytest.mark.parametrize(("symptom", "expected"), [("slow", True), ("errors", False)])
def test_louder_alert_silences_a_quieter_one_of_the_same_symptom(symptom: str, expected: bool) -> None:
    quiet = {"alertname": "A", "severity": "warning", "service": "s", "symptom": "slow"}
    loud = {"alertname": "B", "severity": "critical", "service": "s", "symptom": symptom}

    assert inhibited(CONFIG, quiet, [quiet, loud]) is expected
    assert not inhibited(CONFIG, loud, [quiet, loud])


def test_critical_alert_of_the_backend_goes_where_the_requirements_say() -> None:
    config = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text())
    found = deliveries(config, {"severity": "critical", "component": "backend", "rollback": "auto"})

    assert [str(d.destination) for d in found] == [
        "pagerduty critical",
        "slack #mita-alerts",
        "slack #mita-incidents",
        "smtp mikhail@mita.finance",
    ]
    assert not any(d.muted_at_times for d in found)
