"""Builders of plain records, a clock that tests move, and fakes that are passed in, never patched in."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollback.adapters.memory import MemoryStore
from rollback.domain.alert import Alert, AlertStatus, Source
from rollback.domain.deployment import Deployment, NewDeployment, Outcome, Release
from rollback.domain.errors import Blind, RollbackError
from rollback.domain.facts import Facts
from rollback.domain.policy import Mode, Policy
from rollback.domain.ports import Fired, Pause, RunOutcome, RunResult, SourceState
from rollback.domain.records import Notice, Step
from rollback.domain.rollback import Rollback

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TRIGGER = "error_rate_threshold"
SERVICE = "shop"


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@dataclass
class FakeClock:
    """Stands still until it is moved; a pause moves it."""

    at: datetime = NOON
    stop_after: int | None = None
    pauses: int = 0

    def now(self) -> datetime:
        return self.at

    def move(self, minutes: float) -> None:
        self.at += timedelta(minutes=minutes)

    def pause(self, seconds: float) -> bool:
        self.pauses += 1
        self.at += timedelta(seconds=seconds)
        return self.stop_after is not None and self.pauses > self.stop_after


@dataclass
class FakeMonitoring:
    """Answers what the test wants, or raises Blind."""

    pending_since: datetime | None = None
    active: list[Alert] = field(default_factory=list)
    fired: list[Fired] = field(default_factory=list)
    measured: list[bool | None] = field(default_factory=list)
    rule: Alert | None = None
    blind: bool = False
    asked: list[str] = field(default_factory=list)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.blind:
            raise Blind("nobody answers")

    def began(self, alert: Alert) -> datetime | None:
        self._ask("began")
        return self.pending_since

    def firing(self) -> list[Alert]:
        self._ask("firing")
        return self.active

    def fired_between(self, start: datetime, end: datetime) -> list[Fired]:
        self._ask(f"fired {start:%H:%M} {end:%H:%M}")
        return self.fired

    def measure(self, expression: str, version: str) -> bool | None:
        self._ask(f"measure {expression} {version}")
        return self.measured.pop(0) if len(self.measured) > 1 else self.measured[0]

    def labels_of(self, alertname: str) -> Alert | None:
        self._ask("rules")
        return self.rule

    def sources(self) -> list[SourceState]:
        return [SourceState(name="prometheus", reachable=not self.blind, failures=0)]


@dataclass
class FakeProbes:
    live: dict[str, str | None] = field(default_factory=dict)

    def live_versions(self, service: str) -> dict[str, str | None]:
        return self.live


@dataclass
class FakeExecutor:
    result: RunResult = field(default_factory=lambda: RunResult(outcome=RunOutcome.RESTORED))
    steps: list[Step] = field(default_factory=list)
    runs: list[Rollback] = field(default_factory=list)

    def run(self, rollback: Rollback, on_step: Callable[[Step], None], stopping: Pause) -> RunResult:
        self.runs.append(rollback)
        for step in self.steps:
            on_step(step)
        return self.result


@dataclass
class FakeMessenger:
    sent: list[str] = field(default_factory=list)
    failure: RollbackError | None = None

    def send(self, notice: Notice) -> None:
        if self.failure:
            raise self.failure
        self.sent.append(notice.text)


class Make:
    """Records with sensible values; a test names only what it is about."""

    def alert(self, *, minutes: float = 5, **changes: Any) -> Alert:
        labels = {
            "alertname": "Anything",
            "service": SERVICE,
            "rollback": "auto",
            "rollback_trigger": TRIGGER,
        }
        base = Alert(
            fingerprint="f1",
            starts_at=after(minutes),
            status=AlertStatus.FIRING,
            labels={**labels, **changes.pop("labels", {})},
            annotations={"verify": "healthy == bool 1"},
        )
        return replace(base, **changes)

    def policy(self, **changes: Any) -> Policy:
        base = Policy(
            modes={TRIGGER: Mode.AUTO},
            deployment_window=timedelta(minutes=30),
            deployment_timeout=timedelta(minutes=15),
            cooldown=timedelta(minutes=10),
            stale_after=timedelta(hours=1),
            clock_tolerance=timedelta(seconds=5),
            reconcile_interval=timedelta(seconds=15),
            verification_interval=timedelta(seconds=15),
            verification_timeout=timedelta(seconds=90),
            verification_samples=3,
            max_attempts=3,
        )
        return replace(base, **changes)

    def deployment(self, **changes: Any) -> Deployment:
        """Started at noon, live one minute later."""
        base = Deployment(
            id=1,
            service=SERVICE,
            version="2",
            hosts=("app1",),
            checksum="",
            rollback_safe=True,
            started_at=NOON,
            finished_at=after(1),
            outcome=Outcome.LIVE,
        )
        return replace(base, **changes)

    def release(self, version: str = "1", **changes: Any) -> Release:
        base = Release(service=SERVICE, version=version, rollback_safe=True, live_at=after(-60))
        return replace(base, **changes)

    def rollback(self, **changes: Any) -> Rollback:
        base = Rollback(
            id=1,
            service=SERVICE,
            from_version="2",
            to_version="1",
            decision_id=1,
            deployment_id=1,
            requested_at=after(5),
            changed_at=after(5),
        )
        return replace(base, **changes)

    def facts(self, **changes: Any) -> Facts:
        """Facts with which every guard passes: an alert five minutes after a deployment, decided at once."""
        base = Facts(
            now=after(5.1),
            alert=self.alert(),
            source=Source.WEBHOOK,
            policy=self.policy(),
            deployment=self.deployment(),
            target=self.release(),
        )
        return replace(base, **changes)

    def live(self, store: MemoryStore, version: str, minutes: float, **changes: Any) -> Deployment:
        """Register a deployment that ends well one minute later."""
        new = NewDeployment(
            service=SERVICE, version=version, hosts=("app1",), checksum="", rollback_safe=True
        )
        started = store.start_deployment(replace(new, **changes), after(minutes))
        return store.finish_deployment(started.id, Outcome.LIVE, "", after(minutes + 1))


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def monitoring() -> FakeMonitoring:
    return FakeMonitoring()


@pytest.fixture
def probes() -> FakeProbes:
    return FakeProbes()


@pytest.fixture
def executor() -> FakeExecutor:
    return FakeExecutor()


@pytest.fixture
def messenger() -> FakeMessenger:
    return FakeMessenger()
