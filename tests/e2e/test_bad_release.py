"""A bad release under honest load is rolled back by itself, and only a bad one."""

import pytest

from harness.faults import FAULTS
from harness.incident.receipts import names
from harness.stack import Stack

pytestmark = pytest.mark.lab
MOST_IN_A_CHANNEL = 3
"""It began, how it stands, it is over."""


OF_THE_LAB = (
    "HostHighCpu",
    "HighCpuUsage",
    "EndpointFlapping",
    "BackendInstanceFlapping",
    "SloErrorBudgetExhausted",
    "MitaTestAlert",
)
"""What its processors do, which tests share; restarts, which its pace brings together; the budget of a lab
that is minutes old, which the tests before have spent; and drills."""


def told_sparingly(stack: Stack) -> None:
    """One page at most, one thread of the daemon, and few messages of Alertmanager."""
    pages = [page for page in stack.receivers.paged() if not any(name in page for name in OF_THE_LAB)]
    threads = stack.receivers.threads()
    assert len(pages) <= 1, pages
    assert len([thread for thread in threads if thread.startswith("rollback-")]) == 1, threads
    for channel in ("#mita-alerts", "#mita-incidents"):
        posted = stack.receivers.posted(channel)
        told = [one for one in posted if not any(names(one, name) for name in OF_THE_LAB)]
        assert len(told) <= MOST_IN_A_CHANNEL, [one["body"]["attachments"][0]["fallback"] for one in told]


def test_release_that_fails_requests_is_rolled_back_once(stack: Stack) -> None:
    """Alert, routing, rollback, measured recovery, no human."""
    stack.alerts.until_forgotten("CriticalErrorRate")
    stack.receivers.mark()  # what was told of the one before
    with stack.load():
        stack.deploy("3.0.0", fault=FAULTS["error"])
        stack.alerts.until_firing("CriticalErrorRate")
        stack.receivers.until_notified("pagerduty", "critical", alertname="CriticalErrorRate")
        stack.rollbacks.until_phase("succeeded")
        stack.alerts.until_resolved("CriticalErrorRate")

    rollback = stack.rollbacks.only()
    assert (rollback["from_version"], rollback["to_version"]) == ("3.0.0", "1.0.0")
    assert rollback["verification"]["verdict"] == "fixed"
    assert stack.live_version == "1.0.0"
    told_sparingly(stack)


def test_release_that_became_slow_is_rolled_back_once(rested_stack: Stack) -> None:
    stack = rested_stack
    stack.alerts.until_forgotten("CriticalP95Latency")
    stack.receivers.mark()  # what was told of the one before
    with stack.load():
        stack.deploy("3.1.0", fault=FAULTS["latency"])
        stack.alerts.until_firing("CriticalP95Latency")
        # Not a channel: it may have heard of the release before, and then hears every five minutes only.
        stack.receivers.until_notified("pagerduty", "critical", alertname="CriticalP95Latency")
        stack.rollbacks.until_phase("succeeded")
        stack.alerts.until_resolved("CriticalP95Latency")

    assert stack.rollbacks.only()["verification"]["verdict"] == "fixed"
    assert stack.live_version == "1.0.0"
    told_sparingly(stack)
