"""Every alert reaches exactly the receivers that its labels ask for, by day and at night.

Routes are read as tests/contract/test_routing_amtool.py holds against Alertmanager itself.
"""

import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools.paths import REPO, VENV
from harness.notify.table import Row, page, rows
from monitoring.catalog import Alert, load
from monitoring.routing import MATCHER, Labels, inhibited, routes_of
from monitoring.routing import receivers_of as routed
from monitoring.yaml_text import read_yaml
from ruletools.programs import amtool

CONFIG = REPO / "monitoring" / "alertmanager.yml"
ALERTS = load(REPO / "monitoring" / "rules")

BY_SEVERITY = {
    "critical": ["critical-pager", "critical"],
    "error": ["error-pager", "error"],
    "warning": ["warning-slack", "warning-mail"],
    "info": ["nobody"],
    "none": ["nobody"],
}
NO_TEAM: list[str] = []
BY_COMPONENT = {
    "authentication": ["slack-security"],
    "backend": NO_TEAM,
    "blackbox": NO_TEAM,
    "business": NO_TEAM,
    "database": ["slack-database"],
    "deploy": NO_TEAM,
    "host": NO_TEAM,
    "jobs": NO_TEAM,
    "meta": NO_TEAM,  # but what watches a database: see BY_JOB
    "middleware": NO_TEAM,  # but what it says about a store or tokens: see BY_PART
    "nginx": NO_TEAM,
    "process": NO_TEAM,
    "queue": NO_TEAM,
    "redis": ["slack-database"],
    "registration": NO_TEAM,
    "revenue": ["slack-finance"],
    "rollback": ["slack-deployments"],
    "slo": NO_TEAM,
    "system": NO_TEAM,
    "transactions": ["slack-finance"],
}
"""The channel of the team of each component, beside what the severity asks for."""
BY_PART = {"database": ["slack-database"], "redis": ["slack-database"], "jwt": ["slack-security"]}
BY_JOB = {name: ["slack-database"] for name in ("postgres", "redis", "mysqld")}
BY_ROLLBACK = {"auto": ["rollback"], "propose": ["rollback"], "heartbeat": ["dead-man", "rollback-heartbeat"]}

# What each receiver sends: PagerDuty key, Slack channels with the mention before the message, mail.
DESTINATIONS: dict[str, tuple[str | None, dict[str, str], bool]] = {
    "critical-pager": ("pagerduty_critical_key", {}, False),
    "critical": (None, {"#mita-alerts": "<!here>", "#mita-incidents": ""}, True),
    "error-pager": ("pagerduty_error_key", {}, False),
    "error": (None, {"#mita-alerts": "<!channel>"}, True),
    "warning-slack": (None, {"#mita-alerts": ""}, False),
    "warning-mail": (None, {}, True),
    "unrouted": (None, {"#mita-alerts": ""}, True),
    "slack-database": (None, {"#mita-database": ""}, False),
    "slack-security": (None, {"#mita-security": ""}, False),
    "slack-finance": (None, {"#mita-finance-team": ""}, False),
    "slack-deployments": (None, {"#mita-deployments": ""}, False),
    "rollback": (None, {}, False),
    "rollback-heartbeat": (None, {}, False),
    "dead-man": (None, {}, False),
    "nobody": (None, {}, False),
}


NOBODY = {"nobody"}
TELL_NO_PERSON = {"rollback", "rollback-heartbeat", "dead-man", *NOBODY}


@cache
def configuration() -> dict[str, Any]:
    document: dict[str, Any] = read_yaml(CONFIG.read_text())
    return document


ROWS = list(rows(configuration(), ALERTS))


def receivers_of(labels: Labels) -> list[str]:
    return [name for name, _ in routed(configuration(), labels)]


def asked_for(labels: dict[str, str]) -> list[str]:
    if labels.get("rollback") == "recovering":
        return ["nobody"]
    if labels.get("rollback") == "heartbeat":
        return BY_ROLLBACK["heartbeat"]
    both = labels["component"] == "rollback" and labels["symptom"] == "auth"
    return (
        BY_ROLLBACK.get(labels.get("rollback", ""), [])
        + (["slack-security"] if both else [])
        + (BY_PART.get(labels.get("part", ""), []) if labels["component"] == "middleware" else [])
        + (BY_JOB.get(labels.get("job", ""), []) if labels["component"] == "meta" else [])
        + BY_COMPONENT[labels["component"]]
        + BY_SEVERITY[labels["severity"]]
    )


def shapes(alert: Alert) -> Iterator[dict[str, str]]:
    """The labels of an alert with each part or job that a route asks about."""
    yield dict(alert.labels)
    for name, known in (("part", BY_PART), ("job", BY_JOB)):
        yield from ({**alert.labels, name: value} for value in (*known, "other"))


@pytest.mark.parametrize("alert", ALERTS, ids=[alert.name for alert in ALERTS])
def test_an_alert_reaches_exactly_its_receivers(alert: Alert) -> None:
    for labels in shapes(alert):
        assert receivers_of(labels) == asked_for(labels)


@pytest.mark.parametrize(
    "row", ROWS, ids=[f"{' '.join((row.alert.name, *row.series.values()))}" for row in ROWS]
)
def test_the_table_names_exactly_the_places_of_its_receivers(row: Row) -> None:
    labels = {**row.alert.labels, **row.series}
    asked = [place for name in asked_for(labels) for place in places_of(name)]
    machines = [place for place in asked if place in TELL_NO_PERSON]
    muted = labels["severity"] == "warning"

    assert sorted({*row.noon}) == sorted({*asked} - NOBODY or NOBODY)
    assert row.night == (tuple(machines) if muted else row.noon)


def places_of(receiver: str) -> Iterator[str]:
    key, channels, mail = DESTINATIONS[receiver]
    if key:
        yield f"PagerDuty {key.split('_')[1]}"
    yield from channels
    if mail:
        yield "mail"
    if receiver in TELL_NO_PERSON:
        yield receiver


def test_every_alert_has_its_line_in_the_table_and_the_page_is_it() -> None:
    assert {row.alert.name for row in ROWS} == {alert.name for alert in ALERTS}
    assert (REPO / "docs" / "who-is-told.md").read_text() == page(ROWS), (
        "docs/who-is-told.md differs; run: harness notify table > docs/who-is-told.md"
    )


def test_amlint_reads_the_routes_alike(tmp_path: Path) -> None:
    """A second opinion: it is no part of ours and none of Alertmanager's."""
    cases = [
        {"name": row.alert.name, "labels": labels, "expect": asked_for(labels)}
        for row in ROWS
        for labels in [{**row.alert.labels, **row.series}]
    ]
    (tmp_path / "cases.yml").write_text(yaml.safe_dump(cases))
    argv = [str(VENV / "bin" / "amlint"), "test", str(CONFIG), f"{tmp_path}/cases.yml"]
    answer = subprocess.run(argv, capture_output=True, text=True)

    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_every_component_has_its_place_in_the_table() -> None:
    assert {alert.labels["component"] for alert in ALERTS} == BY_COMPONENT.keys()


def test_what_the_application_and_its_exporter_say_of_a_database_reaches_its_team() -> None:
    for said in (
        {"component": "middleware", "part": "database"},
        {"component": "meta", "job": "postgres"},
        {"component": "redis"},
    ):
        assert "slack-database" in receivers_of({"severity": "critical", **said})


TEAMS = {name for names in [*BY_COMPONENT.values(), *BY_PART.values()] for name in names}


@pytest.mark.parametrize("severity", ["critical", "error", "warning", "page", "Critical", "criticl", ""])
def test_every_severity_reaches_a_person_beside_the_teams_whatever_the_component(severity: str) -> None:
    for component, rollback in product([*BY_COMPONENT, "unheard-of", ""], ["auto", ""]):
        labels = {"severity": severity, "component": component, "rollback": rollback, "part": "database"}
        told = {name for name, _ in routed(configuration(), labels)}
        assert told - TELL_NO_PERSON - TEAMS, labels
        assert ("rollback" in told) == (rollback == "auto")


def test_an_unknown_severity_is_told_where_what_no_route_takes_is_told() -> None:
    assert receivers_of({"severity": "unheard-of"}) == ["unrouted"]
    assert receivers_of({"severity": "page", "component": "database"}) == ["slack-database", "unrouted"]
    trigger = {"severity": "page", "component": "backend", "rollback": "auto"}
    assert receivers_of(trigger) == ["rollback", "unrouted"]


def destination(receiver: dict[str, Any]) -> tuple[str | None, dict[str, str], bool]:
    keys = [config["routing_key_file"].rpartition("/")[2] for config in receiver.get("pagerduty_configs", [])]
    channels = {config["channel"]: mention(config) for config in receiver.get("slack_configs", [])}
    return keys[0] if keys else None, channels, bool(receiver.get("email_configs"))


def mention(slack: dict[str, Any]) -> str:
    text = str(slack.get("pretext", ""))
    return next((found for found in ("<!here>", "<!channel>") if found in text), "")


def test_receivers_send_where_the_seed_says() -> None:
    assert {r["name"]: destination(r) for r in configuration()["receivers"]} == DESTINATIONS


def test_every_mail_goes_to_the_address_of_the_seed() -> None:
    mails = [mail["to"] for r in configuration()["receivers"] for mail in r.get("email_configs", [])]
    assert set(mails) == {"mikhail@mita.finance"}


def routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield route
    for child in route.get("routes", []):
        yield from routes(child)


def test_the_rollback_route_is_first_and_never_waits() -> None:
    route = configuration()["route"]["routes"][0]
    assert route["matchers"] == ['rollback=~"auto|propose"']
    assert (route["receiver"], route["continue"], route["group_wait"]) == ("rollback", True, "0s")
    assert route["group_by"] == ["alertname", "service", "env"]


def test_people_get_the_timing_of_the_seed() -> None:
    root = configuration()["route"]
    assert (root["group_wait"], root["group_interval"]) == ("30s", "5m")
    own = {route["receiver"]: route.get("group_interval") for route in root["routes"]}
    assert (own["warning-mail"], own["critical"], own["error"]) == ("15m", None, None)
    assert (own["critical-pager"], own["error-pager"]) == ("1m", "1m")  # an open page rings nobody again


def groups_of(alert: str, **labels: str) -> set[tuple[str, ...]]:
    """What makes the groups in which people are told: alerts of another one do not wait for it."""
    rule = next(each for each in ALERTS if each.name == alert).labels
    own = {"service": "shop", **rule, "alertname": alert, **labels}
    told = [route for route in routes_of(configuration(), own) if route["receiver"].split("-")[0] in OWN]
    return {(route["receiver"], *(own.get(name, "") for name in route["group_by"])) for route in told}


OWN = ("critical", "error")


@pytest.mark.parametrize("alert", ["HostDown", "PostgresDown", "HostMemoryPressure", "QueueDepthCritical"])
def test_what_happens_to_another_subject_is_told_anew(alert: str) -> None:
    assert not groups_of(alert, subject="app1") & groups_of(alert, subject="data")
    assert len(groups_of(alert)) == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("CriticalErrorRate", "SloJourneyFastBurn"),
        ("CriticalP95Latency", "SloLatencyFastBurn"),
        ("TransactionProcessingFailure", "UserRegistrationDown"),
        ("MitaSystemUnhealthy", "BackendInstanceDown"),
        ("BackendInstanceDown", "AllInstancesFailing"),
        ("HighErrorRate", "SloJourneyMediumBurn"),
    ],
)
def test_what_one_bad_release_does_is_one_group(first: str, second: str) -> None:
    assert groups_of(first, subject="a") == groups_of(second, subject="b")
    for elsewhere in ({"service": "other"}, {"env": "other"}):
        assert not groups_of(first) & groups_of(first, **elsewhere)


def test_an_instance_that_has_been_down_for_days_keeps_no_page_from_ringing() -> None:
    dead = groups_of("BackendInstanceDown")
    for alert in ("CriticalErrorRate", "EndpointDown", "RedisConnectionFailure"):
        assert not dead & groups_of(alert)


@pytest.mark.parametrize("lacks", ["service", "symptom"])
def test_what_a_site_forgot_to_say_joins_no_two_alerts(lacks: str) -> None:
    """A rule of a site's own may lack a label: two missing ones would count as equal."""
    about = {"subject": "a", "service": "shop", lacks: ""}
    for first, second in (
        ("CriticalErrorRate", "TransactionProcessingFailure"),
        ("HostDown", "PostgresDown"),
    ):
        assert not groups_of(first, **about) & groups_of(second, **about)


def test_only_warnings_are_muted_and_all_of_them() -> None:
    muted = [route for route in routes(configuration()["route"]) if "mute_time_intervals" in route]
    assert all(route["matchers"] == ['severity="warning"'] for route in muted)
    for route in configuration()["route"]["routes"]:
        if route["receiver"] in TEAMS:
            assert [child["mute_time_intervals"] for child in route["routes"]] == [["off-hours"]]


def test_the_night_is_two_ranges_in_local_time_on_every_day() -> None:
    [interval] = configuration()["time_intervals"]
    assert interval["time_intervals"] == [
        {
            "weekdays": ["sunday:saturday"],
            "times": [
                {"start_time": "18:00", "end_time": "24:00"},
                {"start_time": "00:00", "end_time": "08:00"},
            ],
            "location": "Europe/Sofia",
        }
    ]


def test_what_inhibits_compares_labels_that_every_alert_has() -> None:
    """Two missing labels count as equal; `env` and `host` come with the series, the others are on all.

    What tells of a crowd has every label that makes its kind, and lacks what all of that kind lack.
    """
    for rule in configuration()["inhibit_rules"]:
        if rule["source_matchers"] != ['crowd!=""']:
            assert set(rule.get("equal", [])) <= {"service", "env", "symptom", "subject", "host"}
        assert not any(
            "alertname" in matcher for matcher in rule["source_matchers"] + rule["target_matchers"]
        )


def test_a_crowd_has_the_labels_that_routes_choose_people_by() -> None:
    """And none by which an inhibition would take it for one alert: it has no symptom and no host."""
    [kind] = [
        rule["equal"] for rule in configuration()["inhibit_rules"] if rule["source_matchers"] == ['crowd!=""']
    ]
    asked = {
        parsed[1]
        for route in routes(configuration()["route"])
        for matcher in route.get("matchers", ())
        if (parsed := MATCHER.fullmatch(matcher))
    }

    assert asked - {"rollback", "symptom", "service"} <= {*kind}
    assert not {"symptom", "host", "subject", "rollback"} & {*kind}


SILENT_WHILE_RECOVERING = {
    "HighErrorRate",
    "HighP95Latency",
    "SloAvailabilityFastBurn",
    "SloAvailabilityMediumBurn",
    "SloAvailabilitySlowBurn",
    "SloAvailabilityBudgetDrain",
    "SloJourneyMediumBurn",
    "SloLatencyFastBurn",
    "SloLatencyMediumBurn",
    "SloLatencySlowBurn",
    "TransactionSuccessRateLow",
    "RegistrationFunnelDrop",
    "BackendHealthDegraded",
    "ComponentUnhealthy",
    "ComponentPerformanceDegradation",
}
SILENT_FOR_HALF_AN_HOUR = {"SloAvailabilityMediumBurn", "SloJourneyMediumBurn", "SloLatencyMediumBurn"}


def silenced_by(source: str, **differently: str) -> set[str]:
    """The alerts of a service that are silent while another one fires for it, or for one that differs."""
    place = {"service": "shop", "env": "prod"}
    labels = {alert.name: {**alert.labels, **place, "alertname": alert.name} for alert in ALERTS}
    other = {**labels[source], **differently}
    return {name for name, own in labels.items() if inhibited(configuration(), own, [other])}


def test_a_rollback_that_cures_silences_what_still_sees_the_fault_and_nothing_else() -> None:
    assert silenced_by("RollbackRecovering") == SILENT_WHILE_RECOVERING
    assert silenced_by("RollbackRecovered") == SILENT_FOR_HALF_AN_HOUR


@pytest.mark.parametrize("source", ["RollbackRecovering", "RollbackRecovered"])
def test_a_rollback_silences_neither_another_service_nor_another_environment(source: str) -> None:
    assert silenced_by(source, service="other") == set()
    assert silenced_by(source, env="test") == set()


def test_a_rollback_silences_nothing_that_the_daemon_is_asked_about_and_no_infrastructure() -> None:
    apart = {"host", "database", "redis", "meta", "rollback", "blackbox", "deploy", "revenue", "queue"}
    silent = silenced_by("RollbackRecovering") | silenced_by("RollbackRecovered")
    for alert in ALERTS:
        if alert.name in silent:
            assert "rollback" not in alert.labels
            assert alert.labels["component"] not in apart


def test_secrets_are_files_beside_the_configuration() -> None:
    text = CONFIG.read_text()
    assert "password:" not in text
    assert "routing_key:" not in text
    assert "api_url:" not in text
    assert text.count("/etc/alertmanager/secrets/") == 5


def test_amtool_accepts_the_file_and_its_templates() -> None:
    run = amtool("check-config", CONFIG)
    assert run.returncode == 0, run.stdout + run.stderr
