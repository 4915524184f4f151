"""Whatever happens to the messengers, there is one rollback and the right version."""

import pytest

from harness.faults import FAULTS
from harness.stack import Stack

pytestmark = pytest.mark.lab
FAULT = FAULTS["error"]


@pytest.mark.incident
def test_alertmanager_that_sends_twice_causes_one_rollback(stack: Stack) -> None:
    """Its twin delivers the same alert; and killed after it delivered, it forgets that and delivers again."""
    with stack.load():
        stack.deploy("3.0.0", fault=FAULT)
        stack.decisions.until("CriticalErrorRate", "accepted")
        assert stack.deliver_again("CriticalErrorRate") == {"accepted": 0, "duplicates": 1, "quarantined": 0}
        stack.alertmanager.kill()
        stack.alertmanager.until_ready()
        stack.rollbacks.until_phase("succeeded")

    assert stack.rollbacks.count() == 1
    assert stack.live_version == "1.0.0"


@pytest.mark.incident
def test_daemon_killed_while_the_playbook_runs_records_one_rollback(stack: Stack) -> None:
    with stack.load():
        stack.deploy("3.0.0", fault=FAULT)
        stack.rollbacks.until_step()
        stack.daemon.kill()
        stack.daemon.until_ready()
        stack.rollbacks.until_phase("succeeded")

    assert stack.rollbacks.count() == 1
    assert stack.live_version == "1.0.0"


@pytest.mark.incident
def test_daemon_that_was_down_when_the_alert_fired_acts_once_it_is_back(stack: Stack) -> None:
    with stack.load():
        stack.deploy("3.0.0", fault=FAULT)
        stack.daemon.stop()
        stack.alerts.until_firing("CriticalErrorRate")
        stack.receivers.until_notified("pagerduty", "critical", alertname="CriticalErrorRate")
        stack.daemon.start()
        stack.rollbacks.until_phase("succeeded")

    assert stack.rollbacks.count() == 1
    assert stack.live_version == "1.0.0"
