"""Errors that come with the traffic: no release is to blame, and no rollback can mend them."""

import pytest

from harness.stack import Stack

pytestmark = pytest.mark.lab
ERRORS = 0.5


def test_without_a_recent_deployment_nothing_is_rolled_back(stack: Stack) -> None:
    stack.until_window_is_over()

    with stack.load(error_ratio=ERRORS):
        stack.alerts.until_firing("CriticalErrorRate")
        decision = stack.decisions.until("CriticalErrorRate", "no_deployment_in_window")

    assert decision["verdict"] == "ignore"
    assert stack.rollbacks.count() == 0
    assert stack.live_version == "1.0.0"


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
