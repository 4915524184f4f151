"""What the repository says about the lab is what the lab does."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from devtools.wait import until
from harness.incident.patience import CALM_S
from harness.lab import addresses, containers
from harness.stack import Stack
from harness.stack.traffic import OrdinaryDay
from monitoring.catalog import load
from ruletools.house.files import RULES
from ruletools.house.lint.run import lint
from ruletools.house.lint.runbooks import commands
from ruletools.lint.findings import Level

pytestmark = pytest.mark.lab


def test_every_query_has_the_series_that_it_reads(stack: Stack) -> None:
    """The committed catalogue of exposed series lets CI ask the same without a lab.

    The way back is rehearsed, and told of, once there is a release to go back to.
    """
    prometheus = addresses.prometheus()
    stack.deploy("1.1.0")
    stack.until("the first rehearsal", lambda: bool(prometheus.query("mita_rollback_rehearsal_ok")))

    found = lint(prometheus=prometheus.base)

    assert [str(finding) for finding in found if finding.level is Level.ERROR] == []


def test_the_runbook_of_a_firing_alert_opens_from_its_notification(installed: OrdinaryDay) -> None:
    """At the daemon, by the address that the lab's inventory states; the dead-man switch always fires."""
    alertmanager = addresses.alertmanager()
    [alert] = until("Watchdog", lambda: alertmanager.alerts(alertname="Watchdog"), deadline_s=CALM_S)

    page = requests.get(alert["annotations"]["runbook_url"], timeout=CALM_S)

    assert page.status_code == 200
    assert "<h1>Watchdog</h1>" in page.text


def test_the_heartbeat_is_heard_outside(installed: OrdinaryDay) -> None:
    until(
        "a heartbeat at the switch outside",
        lambda: addresses.receivers().hearts()["lab"]["beats"],
        deadline_s=60,
    )


def test_a_person_sees_who_is_told(stack: Stack) -> None:
    """The play says which receivers, their places hear of it, and nothing is decided."""
    receivers = addresses.receivers()
    before = receivers.reset()
    decided = len(addresses.daemon().decisions())

    words = stack.play("playbooks/test_alert.yml", "-e", "severity=critical", "-e", "component=database")

    assert "Told within a minute: slack-database, critical-pager, critical." in words

    def places() -> set[str]:
        told = [r for r in receivers.requests(before) if "MitaTestAlert" in json.dumps(r)]
        return {str(record["receiver"]) for record in told}

    stack.until("the pager and the channels to be told", lambda: {"slack", "pagerduty"} <= places())
    assert len(addresses.daemon().decisions()) == decided


def test_the_commands_of_the_runbooks_run_as_they_are_written(installed: OrdinaryDay) -> None:
    """Each once, whatever pages it stands on. Silence with status 1 is how a search finds nothing."""
    absent = {
        f"{name}.rules.yml" for name in ("grafana", "nginx", "mysqld", "process", "pushgateway")
    }  # the lab has none of them
    left_out = {alert.name for alert in load(RULES) if alert.file in absent}
    written = {
        (one.host, one.text.replace(one.page, "Watchdog")) for one in commands() if one.page not in left_out
    }

    with ThreadPoolExecutor(4) as pool:
        answers = dict(zip(written, pool.map(lambda command: answer(*command), written), strict=True))

    assert len(written) > 80
    assert {command: found for command, found in answers.items() if found[0] and found != (1, "")} == {}


def answer(host: str, command: str) -> tuple[int, str]:
    """The exit status and the words of a command on a host."""
    done = containers.get(host).exec_run(["bash", "-o", "pipefail", "-c", command])
    return done.exit_code, done.output.decode(errors="replace").strip()
