"""Builders of plain records, a clock that tests move, and fakes that are passed in, never patched in."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import Alert, AlertStatus, Source
from rollback.domain.control import Rehearsal
from rollback.domain.decision import decide
from rollback.domain.deployment import Deployment, NewDeployment, Outcome, Release, Standing
from rollback.domain.errors import Blind, RollbackError
from rollback.domain.facts import Facts, HostSeen, Watched
from rollback.domain.policy import Mode, Policy
from rollback.domain.ports import (
    Active,
    Began,
    Fired,
    Gate,
    Pause,
    Rule,
    RunOutcome,
    RunResult,
    SourceState,
)
from rollback.domain.rollback import (
    Claimed,
    HostResult,
    HostState,
    Restored,
    Rollback,
    Verification,
    VerificationVerdict,
    VerifiedFixed,
)
from rollback.domain.stored import Batch, Notice, Quarantined, Settled, Step
from rollback.settings import Settings

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TRIGGER = "error_rate_threshold"
SERVICE, ENV = "shop", "production"


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@dataclass
class FakeClock:
    """Stands still until it is moved; a pause moves it. It can also be set, which makes nothing older."""

    at: datetime = NOON
    corrected: timedelta = timedelta(0)
    stop_after: int | None = None
    pauses: int = 0

    def now(self) -> datetime:
        return self.at

    def ticks(self) -> float:
        return (self.at - self.corrected).timestamp()

    def move(self, minutes: float) -> None:
        self.at += timedelta(minutes=minutes)

    def set(self, minutes: float) -> None:
        """Somebody corrects the clock by so many minutes."""
        self.at += timedelta(minutes=minutes)
        self.corrected += timedelta(minutes=minutes)

    def pause(self, seconds: float) -> bool:
        self.pauses += 1
        self.move(seconds / 60)
        return self.stop_after is not None and self.pauses > self.stop_after


@dataclass
class FakeMonitoring:
    """Answers what the test wants, or raises Blind; *believes* that the usual alert fires."""

    believes: bool = True
    pending_since: datetime | None = None
    watching_since: datetime = NOON - timedelta(days=1)
    actives: list[Active] = field(default_factory=list)
    active_alerts: list[Alert] = field(default_factory=list)
    unreadable: list[Quarantined] = field(default_factory=list)
    fired: list[Fired] = field(default_factory=list)
    vetoes: list[dict[str, str]] = field(default_factory=list)
    evidence: float | None = 1.0
    value: float | None = None
    numbers: dict[str, float] = field(default_factory=dict)
    measured: list[bool | None] = field(default_factory=lambda: [True])
    health: dict[str, bool | None] = field(default_factory=dict)
    is_proven: bool = True
    known_rules: dict[str, Rule] = field(default_factory=dict)
    blind: bool = False
    asked: list[str] = field(default_factory=list)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        if self.blind:
            raise Blind("nobody answers")

    def active(self) -> list[Active]:
        self._ask("active")
        anything = Active(labels={"alertname": "Anything"}, firing=True, since=NOON)
        watchdog = Active(labels={"rollback": "heartbeat"}, firing=True, since=self.watching_since)
        return [watchdog, *self.actives, *([anything] if self.believes else [])]

    def began(self, name: str, since: datetime, until: datetime) -> list[Began]:
        self._ask("began")
        pending = self.pending_since
        return [Began(labels={"alertname": name}, since=pending)] if pending else []

    def troubled(self, labels: dict[str, str], seconds: float) -> list[dict[str, str]]:
        self._ask("troubled")
        return self.vetoes

    def firing(self) -> tuple[list[Alert], list[Quarantined]]:
        self._ask("firing")
        return self.active_alerts, self.unreadable

    def fired_between(self, start: datetime, end: datetime) -> list[Fired]:
        self._ask(f"fired {start:%H:%M} {end:%H:%M}")
        return self.fired

    def number(self, expression: str, version: str | None = None) -> float | None:
        self._ask(f"number {expression}")
        if expression in self.numbers:
            return self.numbers[expression]
        return self.evidence if expression == "enough" else self.value

    def measure(self, expression: str, version: str) -> bool | None:
        self._ask(f"measure {expression} {version}")
        if expression in self.health:
            return self.health[expression]
        return self.measured.pop(0) if len(self.measured) > 1 else self.measured[0]

    def proven(self, service: str, env: str, seconds: float) -> bool:
        self._ask(f"proven {service} {env} {seconds:.0f}")
        return self.is_proven

    def rules(self, service: str, env: str) -> dict[str, Rule]:
        self._ask("rules")
        usual = Rule(
            name="Anything",
            labels={"rollback": "auto", "rollback_trigger": TRIGGER},
            evidence="enough",
            verify="healthy == bool 1",
            measures="healthy",
        )
        return {"Anything": usual, **self.known_rules}

    def sources(self) -> list[SourceState]:
        return [SourceState(name="prometheus", reachable=not self.blind, failures=0)]


@dataclass
class FakeProbes:
    """Hosts that answer, ready, with these versions; None does not answer at all."""

    live: dict[str, str | None] = field(default_factory=dict)

    def hosts(self, service: str) -> tuple[HostSeen, ...]:
        return tuple(
            HostSeen(
                host=host, answered=version is not None, version=version, ready=True if version else None
            )
            for host, version in self.live.items()
        )


@dataclass
class FakeExecutor:
    """Restores the hosts that it is told; asks the gate once, as the playbook does."""

    result: RunResult = field(
        default_factory=lambda: RunResult(
            outcome=RunOutcome.RESTORED,
            results=(HostResult(host="app1", state=HostState.DONE, at=after(6)),),
        )
    )
    steps: list[Step] = field(default_factory=list)
    runs: list[Rollback] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    rehearsals: tuple[Rehearsal, ...] = ()
    rehearsal_failure: RollbackError | None = None
    rehearsed: list[tuple[str, str]] = field(default_factory=list)

    def run(
        self, rollback: Rollback, on_step: Callable[[Step], None], stopping: Pause, gate: Gate
    ) -> RunResult:
        self.runs.append(rollback)
        if why := gate():
            self.closed.append(why)
            return RunResult(outcome=RunOutcome.CALLED_OFF, detail=why)
        for step in self.steps:
            on_step(step)
        return self.result

    def rehearse(self, service: str, target: Release, stopping: Pause) -> tuple[Rehearsal, ...]:
        self.rehearsed.append((service, target.version))
        if self.rehearsal_failure:
            raise self.rehearsal_failure
        return self.rehearsals


@dataclass
class FakeMessenger:
    sent: list[str] = field(default_factory=list)
    failure: RollbackError | None = None
    configured: bool = True

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
            "env": ENV,
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
        base = replace(Settings().policy(), environment=ENV, modes={TRIGGER: Mode.AUTO})
        return replace(base, **changes)

    def deployment(self, **changes: Any) -> Deployment:
        """Started at noon, live one minute later."""
        base = Deployment(
            id=1,
            service=SERVICE,
            env=ENV,
            version="2",
            hosts=("app1",),
            checksum="",
            rollback_safe=True,
            started_at=NOON,
            heard_at=NOON,
            finished_at=after(1),
            outcome=Outcome.LIVE,
        )
        return replace(base, **changes)

    def release(self, version: str = "1", **changes: Any) -> Release:
        """One that was live an hour before noon and has proven to be good."""
        base = Release(
            service=SERVICE,
            env=ENV,
            version=version,
            rollback_safe=True,
            live_at=after(-60),
            deployed_at=after(-61),
            standing=Standing.GOOD,
            standing_at=after(-30),
            standing_by="the test",
        )
        return replace(base, **changes)

    def rollback(self, **changes: Any) -> Rollback:
        base = Rollback(
            id=1,
            service=SERVICE,
            env=ENV,
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
            watched=Watched(asked=True, firing=True, evidence=1.0),
            hosts=(HostSeen(host="app1", answered=True, version="2", ready=True),),
            deployment=self.deployment(),
            deployment_began=NOON,
            releases=(
                self.release(),
                self.release("2", live_at=after(1), deployed_at=NOON, standing=Standing.UNPROVEN),
            ),
        )
        return replace(base, **changes)

    def result(self, host: str = "app1", state: HostState = HostState.DONE, detail: str = "") -> HostResult:
        return HostResult(host=host, state=state, at=after(6), detail=detail)

    def rule(self, name: str, **changes: Any) -> Rule:
        """A rule of another trigger than the usual one."""
        base = Rule(
            name=name,
            labels={"rollback": "auto", "rollback_trigger": "latency_degradation"},
            evidence=f"enough of {name}",
            verify=f"health of {name}",
            measures=f"number of {name}",
        )
        return replace(base, **changes)

    def new(self, version: str = "2", **changes: Any) -> NewDeployment:
        base = NewDeployment(
            service=SERVICE, env=ENV, version=version, hosts=("app1",), checksum="", rollback_safe=True
        )
        return replace(base, **changes)

    def live(
        self, store: SqliteStore, version: str, minutes: float, *, good: bool = False, **changes: Any
    ) -> Deployment:
        """Register a deployment that ends well one minute later; *good* by a person's word."""
        started = store.start_deployment(self.new(version, **changes), after(minutes))
        finished = store.finish_deployment(started.id, Outcome.LIVE, "", after(minutes + 1))
        if good:
            store.mark_release(SERVICE, ENV, version, Standing.GOOD, "the test", after(minutes + 1))
        return finished

    def pending(self, store: SqliteStore, at: datetime) -> Rollback:
        """A rollback of 2 to 1 that was accepted then."""
        alert = self.alert(starts_at=at)
        batch = Batch(at=at, source=Source.WEBHOOK, alerts=(alert,), retry_before=at)
        store.receive(batch).result()
        state = store.service_state(SERVICE, ENV)
        facts = self.facts(now=at, alert=alert, deployment=state.deployment, releases=state.releases)
        record = store.record(
            Settled(items=(store.waiting(1)[0],), decision=decide(facts)), lambda number: ()
        )
        assert record
        assert record.rollback_id
        return store.rollback(record.rollback_id)

    def rolled_back(self, store: SqliteStore, results: tuple[HostResult, ...], at: datetime) -> Rollback:
        """A rollback of 2 to 1 that was accepted, restored these hosts, and was measured as the cure then."""
        before = self.pending(store, at)
        fixed = Verification(verdict=VerificationVerdict.FIXED, at=at)
        for event in (Claimed(at=at), Restored(at=at, results=results), VerifiedFixed(at=at)):
            found = before.apply(event)
            if isinstance(event, VerifiedFixed):
                found = replace(found, verification=fixed)
            store.move(before, found, ())
            before = found
        return before

    def texts(self, store: SqliteStore) -> list[str]:
        """The messages that wait, oldest first."""
        waiting = sorted(store.notices_waiting(1000), key=lambda one: one.id)
        return [one.notice.text for one in waiting]


@pytest.fixture
def make() -> Make:
    return Make()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    found = SqliteStore(tmp_path / "rollback.db")
    yield found
    found.close()


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
