"""What fired and whom it reached while nothing was wrong."""

import os
import time
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from harness.faults import truth
from harness.incident.receipts import ALERTMANAGER, destination, names, sender
from harness.lab import addresses

HEARTBEAT = "Watchdog"
ABOUT_PROCESSORS = frozenset({"HighCpuUsage", "HostHighCpu"})
"""A lab host counts the work of the whole machine as its own: where that is busy, they tell the truth."""
BUSY = 0.8
SPELL_S = 10.0


@dataclass(frozen=True, kw_only=True)
class Heard:
    """The alerts that fired, and the places that were told of any."""

    fired: frozenset[str]
    told: tuple[str, ...]
    awake: bool
    """Whether the heartbeat was seen: who slept has heard nothing."""

    @property
    def nothing(self) -> bool:
        """Whether it was as quiet as it should be."""
        return self.awake and not self.fired and not self.told


def left_alone(began: float, seconds: float, known: Set[str] = frozenset()) -> Heard:
    """Wait until so many seconds have gone by since then; what was heard, apart from the heartbeat.

    What is *known* is left out. The journal of faults is told of it, too, unless the witness slept.
    """
    true = {HEARTBEAT, *known, *_watched(began + seconds)}
    heard = since(began, true)
    if heard.awake:  # `harness report sla` tells it
        truth.quiet(began, time.time(), sorted(heard.fired), list(heard.told))
    return heard


def since(began: float, known: Set[str] = frozenset({HEARTBEAT})) -> Heard:
    """What fired since then, and the places that were told of anything but what is known."""
    found = addresses.prometheus().query(f'ALERTS{{alertstate="firing"}}[{int(time.time() - began)}s]')
    fired = frozenset(one["metric"]["alertname"] for one in found)
    told = [
        str(destination(record))
        for record in addresses.receivers().requests()
        if sender(record) == ALERTMANAGER and not any(names(record, name) for name in known)
    ]
    return Heard(fired=fired - known, told=tuple(told), awake=HEARTBEAT in fired)


def _watched(until: float) -> Set[str]:
    """Wait until then; the alerts about processors, if those of this machine were once busy enough."""
    busy, before = False, _idle_seconds()
    while time.time() < until:
        time.sleep(SPELL_S)
        now = _idle_seconds()
        busy = busy or now - before < (1 - BUSY) * SPELL_S * (os.cpu_count() or 1)
        before = now
    return ABOUT_PROCESSORS if busy else frozenset()


def _idle_seconds() -> float:
    """How long the processors of this machine had nothing to do, since it was started."""
    ticks = Path("/proc/stat").read_text(encoding="ascii").split()
    return (int(ticks[4]) + int(ticks[5])) / os.sysconf("SC_CLK_TCK")
