"""Errors that come with the traffic: no release is to blame, and no rollback can mend them."""

import pytest

from harness.stack import Stack

pytestmark = pytest.mark.lab
ERRORS = 0.5


def test_healthy_release_is_left_alone_and_not_blamed_for_errors_after_its_window(stack: Stack) -> None:
    with stack.load():
        stack.deploy("1.1.0")
        stack.until_window_is_over()
    assert [name for name in stack.triggers() if stack.receivers.told_firing(name)] == []
    assert (stack.rollbacks.count(), stack.live_version) == (0, "1.1.0")

    with stack.load(error_ratio=ERRORS):
        stack.alerts.until_firing("CriticalErrorRate")
        decision = stack.decisions.until("CriticalErrorRate", "no_deployment_in_window")

    assert decision["verdict"] == "ignore"
    assert stack.rollbacks.count() == 0
    assert stack.live_version == "1.1.0"


@pytest.mark.incident
def test_with_a_recent_deployment_it_is_rolled_back_and_found_not_to_help(stack: Stack) -> None:
    stack.deploy("1.1.0")

    with stack.load(error_ratio=ERRORS):
        stack.rollbacks.until_phase("unverified", "succeeded", "failed")

    rollback = stack.rollbacks.only()
    assert (rollback["phase"], rollback["verification"]["verdict"]) == ("unverified", "not_fixed")
    assert "not_fixed" in [entry.get("verdict") for entry in stack.ledger("verified")]
    assert stack.live_version == "1.0.0"


@pytest.mark.incident
def test_alert_that_was_firing_before_the_deployment_does_not_roll_it_back(stack: Stack) -> None:
    stack.until_window_is_over()

    with stack.load(error_ratio=ERRORS):
        stack.alerts.until_firing("CriticalErrorRate")
        stack.deploy("1.1.0")
        assert stack.deliver_again("CriticalErrorRate")["duplicates"] == 1
        stack.until_decided()

    assert stack.rollbacks.count() == 0
    assert stack.live_version == "1.1.0"
