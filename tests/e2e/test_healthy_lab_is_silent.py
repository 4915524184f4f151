"""Nothing fires while everything is installed, nor while the first release goes out, nor after it."""

import time

import pytest

from harness.incident.receipts import ALERTMANAGER, names, sender
from harness.lab import addresses
from harness.stack.rollout import patiently

HEARTBEAT = "Watchdog"
TEN_MINUTES_S = 600.0

pytestmark = pytest.mark.lab


def test_nothing_fires_from_the_first_minute_on(new_lab: float) -> None:
    """What fires only in the installation wakes a person at every new site."""
    assert heard_since(new_lab) == ({HEARTBEAT}, [])


@pytest.mark.incident
def test_nothing_fires_for_ten_minutes(new_lab: float) -> None:
    """At the lab's pace these are two and a half hours of production."""
    patiently("ten minutes to be over", lambda: time.time() > new_lab + TEN_MINUTES_S, TEN_MINUTES_S)

    assert heard_since(new_lab) == ({HEARTBEAT}, [])


def heard_since(began: float) -> tuple[set[str], list[str]]:
    """The alerts that fired since a moment, and the receivers that were told of any but the heartbeat."""
    fired = addresses.prometheus().query(f'ALERTS{{alertstate="firing"}}[{int(time.time() - began)}s]')
    told = [
        str(record["receiver"])
        for record in addresses.receivers().requests()
        if sender(record) == ALERTMANAGER and not names(record, HEARTBEAT)
    ]
    return {series["metric"]["alertname"] for series in fired}, told
