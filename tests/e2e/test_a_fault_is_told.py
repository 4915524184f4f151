"""A fault, its alert, exactly its receivers, and its end: the pattern that CONTRIBUTING.md shows."""

import pytest

from harness.stack import Stack

pytestmark = [pytest.mark.lab, pytest.mark.incident]


def test_redis_that_stops_is_told_to_its_receivers_alone(stack: Stack) -> None:
    with stack.faults.redis_stopped() as fault:
        fault.fires("RedisDown")
        stack.receivers.exactly("RedisDown")
    stack.alerts.until_resolved("RedisDown")

    stack.receivers.never_told("HostDown", "PostgresDown")
    assert stack.rollbacks.count() == 0
