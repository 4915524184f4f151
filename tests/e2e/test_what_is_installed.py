"""What the repository says about the lab is what the lab does."""

from pathlib import Path

import pytest
import requests

from harness import clients
from harness.proof.incident import CALM_S
from harness.rules.findings import Level
from harness.rules.lint import lint
from harness.wait import until

pytestmark = pytest.mark.lab


def test_every_query_has_the_series_that_it_reads(installed: Path) -> None:
    """The committed catalogue of exposed series lets CI ask the same without a lab."""
    found = lint(prometheus=clients.prometheus().base)

    assert [str(finding) for finding in found if finding.level is Level.ERROR] == []


def test_the_runbook_of_a_firing_alert_opens_from_its_notification(installed: Path) -> None:
    """At the daemon, by the address that the lab's inventory states; the dead-man switch always fires."""
    alertmanager = clients.alertmanager()
    [alert] = until("Watchdog", lambda: alertmanager.alerts(alertname="Watchdog"), deadline_s=CALM_S)

    page = requests.get(alert["annotations"]["runbook_url"], timeout=CALM_S)

    assert page.status_code == 200
    assert "<h1>Watchdog</h1>" in page.text
