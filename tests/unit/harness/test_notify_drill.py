"""Which labels a drill has to reach a receiver, and what its counts say; against the shipped routes."""

import re
import runpy
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from devtools.errors import UserError
from devtools.paths import REPO
from harness.notify.drill import drilled, integrations, labels_for, labels_of, of_its_own
from harness.notify.taken import Counts, read, sentences, settled
from harness.notify.testing import labels
from harness.notify.why import reached
from monitoring.catalog import Alert, load
from monitoring.routing import inhibited
from monitoring.yaml_text import read_yaml

CONFIG = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text())
ALERTS = load(REPO / "monitoring" / "rules")
SOFIA = ZoneInfo("Europe/Sofia")
NOON, NIGHT = (datetime(2026, 11, 27, hour, tzinfo=SOFIA) for hour in (12, 3))
TO_PEOPLE = [
    one["name"]
    for one in CONFIG["receivers"]
    if {*one} & {"slack_configs", "pagerduty_configs", "email_configs"}
]


@pytest.mark.parametrize("receiver", TO_PEOPLE)
def test_every_receiver_of_people_can_be_told_by_day(receiver: str) -> None:
    drill = labels_for(CONFIG, receiver, {}, NOON)

    assert receiver in [one.receiver for one in reached(CONFIG, drill, NOON)]
    assert "rollback" not in drill


@pytest.mark.parametrize("receiver", ["slack-database", "slack-finance", "unrouted"])
def test_drill_of_a_channel_reaches_nobody_else(receiver: str) -> None:
    drill = labels_for(CONFIG, receiver, {}, NOON)

    assert [one.receiver for one in reached(CONFIG, drill, NOON)] == [receiver]


@pytest.mark.parametrize("receiver", ["rollback", "rollback-heartbeat"])
def test_daemon_is_never_drilled(receiver: str) -> None:
    with pytest.raises(UserError, match="only alerts with the label rollback reach it"):
        labels_for(CONFIG, receiver, {}, NOON)


def test_muted_receiver_names_what_mutes_it() -> None:
    with pytest.raises(UserError, match=r"warning-mail: expected .* found it muted by off-hours"):
        labels_for(CONFIG, "warning-mail", {}, NIGHT)


def test_route_of_a_site_with_its_own_labels_is_found() -> None:
    route = {"receiver": "shop", "matchers": ['team=~"shop|till"', 'env="live"', 'kind!="x"']}
    receivers = [{"name": "shop", "slack_configs": [{"channel": "#shop"}]}, {"name": "x"}]
    site = {"route": {"receiver": "x", "routes": [route]}, "receivers": receivers}

    assert {"team": "shop", "env": "live"}.items() <= labels_for(site, "shop", {}, NOON).items()


@pytest.mark.parametrize("alert", ALERTS, ids=lambda one: one.name)
def test_drill_of_an_alert_silences_nothing_and_reaches_no_daemon(alert: Alert) -> None:
    drill = of_its_own(labels_of(alert, None, {"env": "production"}), NOON)
    real = [
        {"service": "shop", "env": "production", "host": "app1", "subject": "app1", **one.labels}
        for one in ALERTS
    ]

    assert not {"rollback", "rollback_trigger", "louder"} & {*drill}
    assert not any(inhibited(CONFIG, one, [drill]) for one in real)


def test_two_drills_are_two_groups_and_a_service_that_was_asked_for_stays() -> None:
    first, second = (of_its_own({"service": "drill"}, NOON.replace(microsecond=n)) for n in (1, 2))

    assert first != second
    assert of_its_own({"service": "shop"}, NOON) == {"service": "shop"}


def test_drill_ends_by_itself() -> None:
    begun, ended = (drilled({}, "s", NOON, ended=over) for over in (False, True))

    assert begun["endsAt"] == "2026-11-27T10:10:00+00:00"
    assert ended["endsAt"] == ended["startsAt"] == "2026-11-27T10:00:00+00:00"


def test_messages_of_a_muted_route_are_not_expected() -> None:
    loud = {"alertname": "x", "severity": "critical", "component": "database"}
    quiet = loud | {"severity": "warning"}

    assert integrations(CONFIG, list(reached(CONFIG, loud, NIGHT))) == {
        "pagerduty": 1,
        "slack": 3,
        "email": 1,
    }
    assert integrations(CONFIG, list(reached(CONFIG, quiet, NIGHT))) == {}


EXPOSED = """
alertmanager_notification_requests_total{integration="slack"} 7
alertmanager_notification_requests_failed_total{integration="slack"} 3
alertmanager_notifications_failed_total{integration="slack",reason="clientError"} 1
alertmanager_notifications_failed_total{integration="slack",reason="other"} 1
alertmanager_notification_requests_total{integration="email",receiver_name="mine"} 2
alertmanager_notification_requests_total{integration="email",receiver_name="theirs"} 9
"""


def test_counts_are_read_by_integration_and_by_receiver_where_they_say_it() -> None:
    assert read(EXPOSED, ["mine"]) == Counts({"slack": 7, "email": 2}, {"slack": 3}, {"slack": 2})
    assert read(EXPOSED, ["mine"]).since(Counts({"slack": 5}, {"slack": 3})).taken("slack") == 2


@pytest.mark.parametrize(
    ("seen", "done", "words"),
    [
        (Counts({"slack": 2}), True, ""),
        (Counts({"slack": 3}, {"slack": 1}), True, ""),
        (Counts(), False, "2 of 2 not sent yet"),
        (Counts({"slack": 1}), False, "1 of 2 not sent yet"),
        (Counts({"slack": 9}, {"slack": 9}), False, "2 of 2 not taken: 9 .* tries again"),
        (Counts({"slack": 2}, {"slack": 1}, {"slack": 1}), True, "1 of 2 not taken: 1 .* has given up"),
    ],
)
def test_sentence_says_what_the_other_side_did(seen: Counts, done: bool, words: str) -> None:
    assert settled({"slack": 2}, seen) == done
    assert re.match(words or "$", sentences({"slack": 2}, seen)["slack"])


@pytest.mark.parametrize("said", ["rollback=auto", "severity=critical", "drill=", "env", "=x", "env="])
def test_label_that_a_drill_must_not_have_is_refused(said: str) -> None:
    with pytest.raises(UserError, match="--label: expected"):
        labels([said])


def test_script_says_what_to_type_where_its_environment_is_missing(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "test_alertmanager.py"
    script.parent.mkdir()
    script.write_text((REPO / "scripts" / "test_alertmanager.py").read_text())

    with pytest.raises(SystemExit, match=f"type `make setup` in {tmp_path}"):
        runpy.run_path(str(script), run_name="__main__")
