"""What no site may cut is told with the input that cut it; what only adds passes."""

from typing import Any

import pytest

from devtools.paths import REPO
from monitoring.catalog import CatalogError, load
from monitoring.delivery import line
from monitoring.delivery.inputs import refuse_cuts
from monitoring.patch import merge
from monitoring.yaml_text import read_yaml

OURS = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text("utf-8"))
ALERTS = [{**alert.labels, "alertname": alert.name} for alert in load(REPO / "monitoring" / "rules")]
SAID = {
    "alertmanager_mail": {"to": "a@x.org", "from": "b@x.org", "smarthost": "x.org:25"},
    "alertmanager_without": {"dead_man": "a test"},
}


def judged(**said: Any) -> str:
    """What is said of a site, nothing where its line holds."""
    given = {f"alertmanager_{name}": value for name, value in said.items()}
    try:
        refuse_cuts(OURS, SAID | given, ALERTS, daemon=True)
    except CatalogError as error:
        return str(error)
    return ""


def cuts(changed: dict[str, Any]) -> list[str]:
    return line.cuts(merge(OURS, changed), ALERTS, daemon=True, dead_man=False)


def test_the_repository_cuts_nothing() -> None:
    assert cuts({}) == []


def test_amtool_is_asked_nothing_that_is_a_template() -> None:
    """Its newer versions refuse the braces."""
    asked = [part for question in line.questions(OURS, ALERTS) for part in question]
    assert "alertname=CriticalErrorRate" in asked
    assert not [part for part in asked if "{{" in part]


def test_a_site_that_adds_and_renames_cuts_nothing() -> None:
    shop = {"name": "shop", "webhook_configs": [{"url": "http://chat.example.org/"}]}
    quiet = {"source_matchers": ['alertname="A"'], "target_matchers": ['alertname="B"']}

    assert not judged(
        channels={"alerts": "#ops"},
        receivers=[shop],
        routes=[{"receiver": "shop", "matchers": ['severity="critical"']}],
        inhibit_rules=[quiet],
        without={"dead_man": "x", "pagerduty": "one room"},
    )


def test_a_site_without_anybody_to_tell_is_refused_by_the_input_that_says_so() -> None:
    told = judged(without={"dead_man": "x", "mail": "y", "pagerduty": "z", "slack": "w"})

    assert told.startswith("alertmanager_without: an alert of severity critical reaches no person")


def test_a_receiver_of_the_site_may_be_the_only_one_that_tells() -> None:
    chat = {"name": "chat", "webhook_configs": [{"url": "http://chat.example.org/"}]}
    nobody = {"dead_man": "x", "mail": "y", "pagerduty": "z", "slack": "w"}

    assert not judged(without=nobody, receivers=[chat], routes=[{"receiver": "chat"}])
    some = judged(
        without=nobody, receivers=[chat], routes=[{"receiver": "chat", "matchers": ['severity="critical"']}]
    )
    assert "severity error reaches no person" in some and "severity critical" not in some


@pytest.mark.parametrize(
    "matchers",
    [['component="backend"'], ['severity=~"error|warning"'], ['env="x"'], ['instance=~"app.+"', 'part="db"']],
)
def test_an_inhibition_that_would_silence_a_trigger_is_refused(matchers: list[str]) -> None:
    rule = {"source_matchers": ['alertname="Planned"'], "target_matchers": matchers}

    told = judged(inhibit_rules=[rule])

    assert told.startswith("alertmanager_inhibit_rules: the inhibition of ")
    kept = {**rule, "target_matchers": [*matchers, 'rollback!~"auto|propose"']}
    assert not judged(inhibit_rules=[kept])


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"route": {"routes": []}}, "the rollback daemon is not told at all times of"),
        ({"receivers": [{"name": "rollback", "webhook_configs": None}]}, "the rollback daemon is not told"),
        (
            {"receivers": [{"name": "rollback-heartbeat", "webhook_configs": None}]},
            "the heartbeat does not reach the rollback daemon",
        ),
        (
            {"receivers": [{"name": "critical", "slack_configs": [], "email_configs": []}]},
            "",
        ),
    ],
)
def test_a_file_that_cuts_is_told_whatever_made_it(changed: dict[str, Any], says: str) -> None:
    told = cuts(changed)

    assert [sentence for sentence in told if says in sentence] if says else told == []


def test_amtool_is_asked_with_the_labels_that_are_known() -> None:
    alert = {"alertname": "A", "rollback": "auto", "subject": "{{ $labels.host }}", "severity": "critical"}

    first = line.questions(OURS, [alert])[0]

    assert first == [
        "--verify.receivers=rollback,critical-pager,critical",
        "alertname=A",
        "rollback=auto",
        "severity=critical",
    ]


def test_the_daemon_is_no_person() -> None:
    told = cuts({"route": {"receiver": "rollback", "routes": []}})

    assert any("severity critical reaches no person" in sentence for sentence in told)


def test_a_heartbeat_that_nobody_outside_hears_is_told() -> None:
    assert "the heartbeat does not reach the dead-man switch" in line.cuts(
        OURS, ALERTS, daemon=True, dead_man=True
    )


def test_a_mute_of_what_must_wake_somebody_is_told() -> None:
    routes = [
        {**route, "mute_time_intervals": ["off-hours"]}
        if route["receiver"] in ("critical", "critical-pager", "rollback")
        else route
        for route in OURS["route"]["routes"]
    ]
    told = cuts({"route": {"routes": routes}})

    assert any("severity critical waits for hours" in sentence for sentence in told)
    assert any("the rollback daemon is not told at all times" in sentence for sentence in told)
