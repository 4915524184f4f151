"""Nothing fires while everything is installed, nor while the first release goes out, nor after it."""

import os
import threading
import time
from collections.abc import Set
from pathlib import Path

import pytest

from harness.faults import truth
from harness.incident.receipts import ALERTMANAGER, names, sender
from harness.lab import addresses
from harness.stack.rollout import patiently

HEARTBEAT = "Watchdog"
TEN_MINUTES_S = 600.0
ABOUT_PROCESSORS = {"HighCpuUsage", "HostHighCpu"}
BUSY = 0.8
SPELL_S = 10.0

pytestmark = pytest.mark.lab


def test_nothing_fires_from_the_first_minute_on(new_lab: float) -> None:
    """What fires only in the installation wakes a person at every new site."""
    assert heard_since(new_lab) == ({HEARTBEAT}, [])


@pytest.mark.incident
def test_nothing_fires_for_ten_minutes(new_lab: float) -> None:
    """At the lab's pace these are two and a half hours of production.

    A lab host counts the work of the whole machine as its own: where that is busy with other things, the
    alerts about its processors tell the truth, and are no noise.
    """
    busy = threading.Event()
    watch = threading.Thread(target=watch_processors, args=(new_lab + TEN_MINUTES_S, busy), daemon=True)
    watch.start()
    patiently("ten minutes to be over", lambda: time.time() > new_lab + TEN_MINUTES_S, TEN_MINUTES_S)
    watch.join()

    fired, told = heard_since(new_lab, ABOUT_PROCESSORS if busy.is_set() else set())
    truth.quiet(new_lab, time.time(), sorted(fired - {HEARTBEAT}), told)  # harness report sla tells it
    assert (fired, told) == ({HEARTBEAT}, [])


def watch_processors(until: float, busy: threading.Event) -> None:
    """Say whether this machine's processors were once busy enough, for long enough, for such an alert."""
    before = idle_seconds()
    while time.time() < until:
        time.sleep(SPELL_S)
        now = idle_seconds()
        if now - before < (1 - BUSY) * SPELL_S * (os.cpu_count() or 1):
            busy.set()
        before = now


def idle_seconds() -> float:
    """How long the processors of this machine had nothing to do, since it was started."""
    ticks = Path("/proc/stat").read_text(encoding="ascii").split()
    return (int(ticks[4]) + int(ticks[5])) / os.sysconf("SC_CLK_TCK")


def heard_since(began: float, true: Set[str] = frozenset()) -> tuple[set[str], list[str]]:
    """The alerts that fired since a moment, and the receivers that were told of any but the heartbeat.

    Those that are *true* of this machine are left out.
    """
    fired = addresses.prometheus().query(f'ALERTS{{alertstate="firing"}}[{int(time.time() - began)}s]')
    told = [
        str(record["receiver"])
        for record in addresses.receivers().requests()
        if sender(record) == ALERTMANAGER and not any(names(record, name) for name in {HEARTBEAT, *true})
    ]
    return {series["metric"]["alertname"] for series in fired} - true, told
