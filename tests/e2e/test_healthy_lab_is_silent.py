"""Nothing fires while everything is installed, nor while the first release goes out, nor after it."""

import time

import pytest

from harness import clients
from harness.proof.receipts import ALERTMANAGER, names, sender
from harness.proof.steps import patiently
from harness.stack.installation import Installation

HEARTBEAT = "Watchdog"
TEN_MINUTES_S = 600.0

pytestmark = pytest.mark.lab


def test_nothing_fires_from_the_first_minute_on(installation: Installation) -> None:
    """What fires only in the installation wakes a person at every new site."""
    if not installation.anew:
        pytest.skip("the lab stood before: what fires may be of earlier tests; `make down` makes it new")

    assert heard_since(installation.began) == (set(), [])


@pytest.mark.incident
def test_nothing_fires_for_ten_minutes(installation: Installation) -> None:
    """At the lab's pace these are two and a half hours of production."""
    if not installation.anew:
        pytest.skip("the lab stood before: what fires may be of earlier tests; `make down` makes it new")
    over = installation.began + TEN_MINUTES_S
    patiently("ten minutes to be over", lambda: time.time() > over, TEN_MINUTES_S)

    assert heard_since(installation.began) == (set(), [])


def heard_since(began: float) -> tuple[set[str], list[str]]:
    """The alerts that fired since a moment, and the receivers that Alertmanager told of any."""
    fired = f'ALERTS{{alertstate="firing",alertname!="{HEARTBEAT}"}}[{int(time.time() - began)}s]'
    told = [
        str(record["receiver"])
        for record in clients.receivers().requests()
        if sender(record) == ALERTMANAGER and not names(record, HEARTBEAT)
    ]
    return {series["metric"]["alertname"] for series in clients.prometheus().query(fired)}, told
