"""Measure every component once a second and publish what was measured."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from .faults import Fault
from .metrics import Metrics

log = logging.getLogger("uvicorn.error")
INTERVAL_S = 1.0
FIRST_LOOK_S = 0.01
SLOW_MS = 1000.0
CHECK_TIMEOUT_S = 12.0  # above the components' own time-outs, so that theirs are what is reported
Check = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Measurement:
    """One check of one component."""

    health: float  # 1 works, 0.5 works slowly, 0 fails
    milliseconds: float
    error: str = ""


async def measure(check: Check, slow_ms: float = SLOW_MS) -> Measurement:
    """Run a check and time it. A failure is a measurement."""
    started = time.perf_counter()
    error = ""
    try:
        await asyncio.wait_for(check(), CHECK_TIMEOUT_S)
    except Exception as caught:  # whatever a component throws, it does not work
        error = type(caught).__name__
    elapsed_ms = (time.perf_counter() - started) * 1000
    return Measurement(0.0 if error else 0.5 if elapsed_ms > slow_ms else 1.0, elapsed_ms, error)


class Health:
    """The last measurement of every component, in this worker."""

    def __init__(
        self, checks: dict[str, Check], metrics: Metrics, faults: list[Fault], slow_ms: float = SLOW_MS
    ) -> None:
        self.slow_ms = slow_ms
        self.checks = checks
        self.metrics = metrics
        self.faults = faults
        self.started = time.monotonic()
        self.last: dict[str, Measurement] = {}

    @property
    def ready(self) -> bool:
        """Whether every component was measured and works, if slowly."""
        return len(self.last) == len(self.checks) and all(found.health > 0 for found in self.last.values())

    async def known(self, seconds: float) -> None:
        """Return once every component was measured, however it is, or when the time is over."""
        deadline = time.monotonic() + seconds
        while len(self.last) < len(self.checks) and time.monotonic() < deadline:
            await asyncio.sleep(FIRST_LOOK_S)

    async def sample(self, name: str) -> None:
        """Measure one component and publish it, and the mean of all once all are known."""
        found = await measure(self.checks[name], self.slow_ms)
        health = found.health
        for fault in self.faults:
            health = fault.component_health(health, time.monotonic() - self.started)
        before = self.last.get(name)
        self.last[name] = Measurement(health, found.milliseconds, found.error)
        if (before is None or before.health > 0) and health == 0:
            log.warning("component %s does not work: %s", name, found.error or "reported by the release")
        self.metrics.component_health.labels(name).set(health)
        self.metrics.component_time.labels(name).set(found.milliseconds)
        if len(self.last) == len(self.checks):
            self.metrics.health.set(sum(known.health for known in self.last.values()) / len(self.checks))

    async def watch(self, name: str, stop: asyncio.Event) -> None:
        """Measure a component every second until told to stop. A slow one does not delay the others."""
        while not stop.is_set():
            await self.sample(name)
            await pause(stop)


async def pause(stop: asyncio.Event, seconds: float = INTERVAL_S) -> None:
    """Wait for this time, or less when it is time to stop."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
