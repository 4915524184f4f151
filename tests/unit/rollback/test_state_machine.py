"""The whole service over the real store, driven at random, against a small model of what must always hold."""

import logging
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import Phase as Stage
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import Alert, AlertStatus, Source
from rollback.domain.control import Rehearsal
from rollback.domain.deployment import NewDeployment, Outcome, Release, Standing
from rollback.domain.errors import Blind, NotTaken, Refused
from rollback.domain.facts import HostSeen
from rollback.domain.policy import Mode, Policy
from rollback.domain.ports import Active, Began, Fired, Gate, Pause, Rule, RunOutcome, RunResult, SourceState
from rollback.domain.reasons import LedgerKind, Reason
from rollback.domain.rollback import ACTIVE, HostResult, HostState, Kind, Phase, Rollback
from rollback.domain.stored import Quarantined, Step
from rollback.service.asking import FreezeWish, People
from rollback.service.caretaking.caretaker import Caretaker
from rollback.service.caretaking.deployments import OpenDeployments
from rollback.service.caretaking.holds import Holds
from rollback.service.caretaking.measuring_again import BlindEnds
from rollback.service.caretaking.observing import LiveVersions
from rollback.service.caretaking.proposals import OpenProposals
from rollback.service.caretaking.proving import GoodReleases
from rollback.service.caretaking.repairing import Repairs
from rollback.service.deciding import Decider
from rollback.service.gating import Gatekeeper
from rollback.service.intake import Intake, Reconciler
from rollback.service.registering import Registry
from rollback.service.restoring import Restorer
from rollback.service.returning import Returner, Wish
from rollback.service.telling import Channel, Channels, Teller
from rollback.service.verifying import Verifier
from rollback.settings import Settings

ENV = "production"
SERVICES = ("cart", "shop")
HOSTS = ("app1", "app2")
VERSIONS = ("1", "2", "3", "4")
TRIGGERS = {"errors": Mode.AUTO, "latency": Mode.PROPOSE, "quiet": Mode.SHADOW}
NOON = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
POLICY = replace(Settings().policy(), modes=TRIGGERS, verification_samples=2)
UNDECIDED = """
    SELECT i.fingerprint, i.status, i.state, i.starts_at, d.reason FROM inbox AS i
    LEFT JOIN decisions AS d ON d.id = i.decision_id WHERE i.state <> 'decided'
"""
HAPPENED = """
    SELECT CASE WHEN asked_by <> '' THEN 'by hand' ELSE kind END || ' ' || phase FROM rollbacks
    UNION ALL SELECT reason FROM decisions
    UNION ALL SELECT kind FROM ledger
"""
services, hosts, versions = st.sampled_from(SERVICES), st.sampled_from(HOSTS), st.sampled_from(VERSIONS)
BETWEEN = ("fault stays", "fails", "veto", "blind", "away", "away and frozen", "over", "frozen")
often = st.sampled_from((True, True, True, False))


class CrashError(BaseException):
    """The process is gone: nothing in the daemon catches that."""


@dataclass
class World:
    """What is outside the daemon: time, hosts, alerts, Prometheus, Slack. Nobody else may change it."""

    now: datetime = NOON
    ticks: float = 0.0
    runs: dict[str, dict[str, str | None]] = field(
        default_factory=lambda: {service: dict.fromkeys(HOSTS, None) for service in SERVICES}
    )
    away: set[tuple[str, str]] = field(default_factory=set)
    failing: set[tuple[str, str]] = field(default_factory=set)
    bad: set[tuple[str, str]] = field(default_factory=set)
    firing: dict[str, Alert] = field(default_factory=dict)
    blind: bool = False
    evidence: bool = True
    veto: bool = False
    deaf: bool = False
    crash_in: int | None = None

    def wait(self, seconds: float) -> None:
        """Time passes; what only sets the clock moves `now` alone."""
        self.now += timedelta(seconds=seconds)
        self.ticks += seconds

    def step(self) -> None:
        """A moment at which the process may be killed."""
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in < 0:
                self.crash_in = None
                raise CrashError


class Clock:
    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.now

    def ticks(self) -> float:
        return self._world.ticks

    def pause(self, seconds: float) -> bool:
        self._world.step()
        self._world.wait(seconds)
        return False


class Prometheus:
    """Alerts that fire are known; a version is healthy unless it is bad."""

    def __init__(self, world: World) -> None:
        self._world = world

    def _ask(self) -> World:
        self._world.step()
        if self._world.blind:
            raise Blind("nobody answers")
        return self._world

    def active(self) -> list[Active]:
        alerts = self._ask().firing.values()
        watchdog = Active(labels={"rollback": "heartbeat"}, firing=True, since=NOON)
        return [watchdog, *(Active(labels=a.labels, firing=True, since=a.starts_at) for a in alerts)]

    def began(self, name: str, since: datetime, until: datetime) -> list[Began]:
        self._ask()
        return []

    def troubled(self, labels: dict[str, str], seconds: float) -> list[dict[str, str]]:
        return [{"alertname": "PostgresqlDown"}] if self._ask().veto else []

    def firing(self) -> tuple[list[Alert], list[Quarantined]]:
        return list(self._ask().firing.values()), []

    def fired_between(self, start: datetime, end: datetime) -> list[Fired]:
        self._ask()
        return []

    def number(self, expression: str, version: str | None = None) -> float | None:
        return 1.0 if self._ask().evidence else 0.0

    def measure(self, expression: str, version: str) -> bool | None:
        return (expression, version) not in self._ask().bad

    def proven(self, service: str, env: str, seconds: float) -> bool:
        live = set(self._ask().runs[service].values())
        return not any((service, version) in self._world.bad for version in live)

    def rules(self, service: str, env: str) -> dict[str, Rule]:
        self._ask()
        return {
            trigger: Rule(
                name=trigger,
                labels={"rollback": "auto", "rollback_trigger": trigger},
                evidence="enough",
                verify=service,
            )
            for trigger in TRIGGERS
        }

    def sources(self) -> list[SourceState]:
        return []


class Probes:
    def __init__(self, world: World) -> None:
        self._world = world

    def hosts(self, service: str) -> tuple[HostSeen, ...]:
        return tuple(
            HostSeen(host=host, answered=answered, version=version if answered else None, ready=answered)
            for host, version in self._world.runs[service].items()
            for answered in [(service, host) not in self._world.away and version is not None]
        )


class Program:
    """The executor: asks the gate, then brings host after host to the target; may be killed in between."""

    def __init__(self, world: World, touching: Callable[[Rollback], None]) -> None:
        self._world, self._touching = world, touching

    def run(
        self, rollback: Rollback, on_step: Callable[[Step], None], stopping: Pause, gate: Gate
    ) -> RunResult:
        if why := gate():
            return RunResult(outcome=RunOutcome.CALLED_OFF, detail=why)
        results = []
        for host in rollback.only or HOSTS:
            state, detail = self._bring(rollback, host, on_step)
            results.append(HostResult(host=host, state=state, at=self._world.now))
            on_step(self._step(host, state if not detail else HostState.DONE, detail))
            self._world.step()
        well = not any(r.state is HostState.FAILED for r in results)
        some = any(r.state in (HostState.DONE, HostState.ALREADY) for r in results)
        outcome = RunOutcome.RESTORED if well and some else RunOutcome.FAILED
        return RunResult(outcome=outcome, detail="", results=tuple(results))

    def rehearse(self, service: str, target: Release, stopping: Pause) -> tuple[Rehearsal, ...]:
        return ()

    def _bring(self, rollback: Rollback, host: str, on_step: Callable[[Step], None]) -> tuple[HostState, str]:
        key, live = (rollback.service, host), self._world.runs[rollback.service]
        if key in self._world.away:
            return HostState.UNREACHABLE, ""
        if live[host] == rollback.to_version:
            return HostState.ALREADY, "already"
        on_step(self._step(host, "started", ""))
        self._world.step()
        if key in self._world.failing:
            return HostState.FAILED, ""
        self._touching(rollback)
        live[host] = rollback.to_version
        self._world.step()
        return HostState.DONE, ""

    def _step(self, host: str, status: str, detail: str) -> Step:
        return Step(at=self._world.now, host=host, step="host", status=status, detail=detail)


class Messenger:
    configured = True

    def __init__(self, world: World) -> None:
        self._world = world

    def send(self, notice: Any) -> None:
        self._world.step()
        if self._world.deaf:
            raise NotTaken("Slack is away")


class Life:
    """One life of the daemon over the database; what it holds in memory is lost with it."""

    def __init__(self, database: Path, world: World, touching: Callable[[Rollback], None]) -> None:
        clock, monitoring, probes = Clock(world), Prometheus(world), Probes(world)
        self.store = store = SqliteStore(database)
        self._pause = clock.pause
        self.intake = Intake(store, clock, policy)
        self.decider = Decider(store, clock, monitoring, probes, policy)
        self.reconciler = Reconciler(store, clock, monitoring, self.intake, policy)
        self.registry = Registry(store, clock, probes, policy)
        self.people = People(store, self.decider.look, policy)
        self.returner = Returner(store, self.decider.look)
        slack = Channel(name="slack", messenger=Messenger(world))
        self.teller = Teller(store, clock, Channels(all=(slack,), patience=timedelta), slack)
        verifier = Verifier(store, clock, monitoring, probes, policy)
        gatekeeper = Gatekeeper(store, monitoring, self.decider.look)
        program = Program(world, touching)
        self.restorer = Restorer(store, clock, program, probes, gatekeeper, verifier, policy)
        held = Holds(store, clock, policy)
        self.caretaker = Caretaker(
            store,
            clock,
            monitoring,
            probes,
            policy,
            common={"holds": held.tell, "freezes": held.thaw},
            duties=[
                OpenDeployments(store),
                LiveVersions(store),
                BlindEnds(verifier, self.restorer, clock.pause),
                Repairs(store),
                OpenProposals(store),
                GoodReleases(store, monitoring),
            ],
        )
        self.former = {rollback.id for rollback in store.in_phase(*ACTIVE)}

    def drive(self) -> None:
        """As the worker's dispatch does, one rollback after the other."""
        for rollback in self.store.in_phase(*ACTIVE):
            resumed = rollback.id in self.former or rollback.phase is not Phase.PENDING
            self.restorer.drive(rollback, self._pause, resumed=resumed)


def policy() -> Policy:
    return POLICY


class Daemon(RuleBasedStateMachine):
    """Rules are what the world does to the daemon and what its threads do; invariants are the model."""

    steps = 0
    seen: ClassVar[Counter[str]] = Counter()
    """What has happened in all walks together, so that nobody believes in walks that go nowhere."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")  # what a disk forgets is another test's
        self._folder = tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None)
        self.database = Path(self._folder.name) / "rollback.db"
        self.world = World()
        self.life = Life(self.database, self.world, self.touching)
        self.eye = sqlite3.connect(self.database)
        self.accepted: set[tuple[str, str, str]] = set()
        self.live: dict[str, str | None] = dict.fromkeys(SERVICES)
        self.rejected: set[tuple[str, str]] = set()
        self.frozen: dict[str, datetime] = {}
        self.moved_at: dict[str, datetime] = {}
        self.ended: set[int] = set()
        self.touched: set[int] = set()
        self.known_rollbacks = 0
        self.lines = 0
        self.numbers = 0

    # What the world does.

    @initialize()
    def a_good_release(self) -> None:
        for service in SERVICES:
            self._deploy(service, "1", "live", safe=True)
            self.life.people.mark(service, "1", Standing.GOOD, "the test", "")

    @rule(seconds=st.sampled_from((1, 20, 70, 400, 700, 2000)))
    def time_passes(self, seconds: int) -> None:
        self.world.wait(seconds)

    @rule(minutes=st.sampled_from((1, 20, 60)))
    def clock_steps_back(self, minutes: int) -> None:
        self.world.now -= timedelta(minutes=minutes)

    @rule(service=services, trigger=st.sampled_from(sorted(TRIGGERS)), auto=often)
    def alert_fires(self, service: str, trigger: str, auto: bool) -> None:
        self.numbers += 1
        labels = {"alertname": trigger, "service": service, "env": ENV, "rollback_trigger": trigger}
        name = f"{service}-{trigger}"
        alert = Alert(
            fingerprint=name,
            starts_at=self.world.now + timedelta(milliseconds=self.numbers),
            status=AlertStatus.FIRING,
            labels={**labels, "rollback": "auto" if auto else "propose"},
        )
        self.world.firing.setdefault(name, alert)
        self.alert_is_delivered(name)

    @rule(service=services, trigger=st.sampled_from(sorted(TRIGGERS)))
    def alert_is_delivered_again(self, service: str, trigger: str) -> None:
        self.alert_is_delivered(f"{service}-{trigger}")

    @rule(service=services, trigger=st.sampled_from(sorted(TRIGGERS)))
    def alert_resolves(self, service: str, trigger: str) -> None:
        if alert := self.world.firing.pop(f"{service}-{trigger}", None):
            self._receive(
                Alert(
                    fingerprint=alert.fingerprint,
                    starts_at=alert.starts_at,
                    status=AlertStatus.RESOLVED,
                    labels=alert.labels,
                )
            )

    @rule(
        service=services,
        version=versions,
        outcome=st.sampled_from(("live", "live", "failed", "")),
        safe=often,
    )
    def deployment(self, service: str, version: str, outcome: str, safe: bool) -> None:
        with suppress(Refused):
            self._deploy(service, version, outcome, safe=safe)

    @rule(service=services, version=versions, seconds=st.integers(1, 300), bad=often)
    def release_brings_an_alert(self, service: str, version: str, seconds: int, bad: bool) -> None:
        """What the daemon is for."""
        self.deployment(service, version, "live", safe=True)
        self.version_turns_out(service, version, bad)
        self.time_passes(seconds)
        self.alert_fires(service, "errors", auto=True)

    @rule(
        service=services,
        version=versions,
        what=st.sampled_from(BETWEEN),
    )
    def something_comes_in_between(self, service: str, version: str, what: str) -> None:
        """Between a bad release and its end."""
        self._nothing_is_in_the_way(service)
        world, key = self.world, (service, HOSTS[1])
        was_bad = set(world.bad)
        self.release_brings_an_alert(service, version, 30, bad=True)
        if what == "fault stays":
            world.bad |= {(service, one) for one in VERSIONS}
        world.veto, world.blind = what == "veto", what == "blind"
        self.decide()
        world.blind = False
        if what == "fails":
            world.failing |= {(service, host) for host in HOSTS}
        if what.startswith("away"):
            world.away.add(key)
        if what == "frozen":
            self.freeze(service, 15)
        if what == "over":
            self.alert_resolves(service, "errors")
        self.drive()
        if what.endswith("and frozen"):
            self.freeze(service, 15)
        world.bad, world.veto = was_bad, False
        world.away.discard(key)
        world.failing.clear()
        self.all_go_on_working(60)

    def _nothing_is_in_the_way(self, service: str) -> None:
        self.time_passes(700)
        self.others_come_and_go(blind=False, evidence=True, veto=False, deaf=False)
        for name in ("", service):
            self.unfreeze(name)
        self.close_the_breaker(service)
        self.mark_a_release(service, "1", Standing.GOOD)
        self.alert_resolves(service, "errors")

    @rule(service=services)
    def deployment_reports_late(self, service: str) -> None:
        """Its playbook was slow, or its word comes twice."""
        latest = self.life.store.deployments(service, 1)
        with suppress(Refused):
            if latest:
                self._finish(latest[0].id, service, latest[0].version)

    @rule(service=services, version=versions)
    def somebody_changes_hosts_by_hand(self, service: str, version: str) -> None:
        self.world.runs[service] = dict.fromkeys(HOSTS, version)

    @rule(service=services, host=hosts, away=st.booleans())
    def host_comes_or_goes(self, service: str, host: str, away: bool) -> None:
        (self.world.away.add if away else self.world.away.discard)((service, host))

    @rule(service=services, host=hosts, failing=st.booleans())
    def host_can_or_cannot_be_switched(self, service: str, host: str, failing: bool) -> None:
        (self.world.failing.add if failing else self.world.failing.discard)((service, host))

    @rule(service=services, version=versions, bad=st.booleans())
    def version_turns_out(self, service: str, version: str, bad: bool) -> None:
        (self.world.bad.add if bad else self.world.bad.discard)((service, version))

    @rule(blind=st.booleans(), evidence=often, veto=st.booleans(), deaf=st.booleans())
    def others_come_and_go(self, blind: bool, evidence: bool, veto: bool, deaf: bool) -> None:
        self.world.blind, self.world.evidence = blind, evidence
        self.world.veto, self.world.deaf = veto and not evidence, deaf

    # What people do.

    @rule(service=st.sampled_from(("", *SERVICES)), minutes=st.sampled_from((1, 3, 15)))
    def freeze(self, service: str, minutes: int) -> None:
        lasting = timedelta(minutes=minutes)
        wish = FreezeWish(service=service, reason="a test", by="somebody", lasting=lasting)
        self.life.people.freeze(wish)
        self.frozen[service] = self.world.now + lasting

    @rule(service=st.sampled_from(("", *SERVICES)))
    def unfreeze(self, service: str) -> None:
        with suppress(Refused):
            self.life.people.unfreeze(service, "somebody")
            self.frozen.pop(service, None)

    @rule(service=services, yes=often, seconds=st.integers(1, 200))
    def something_is_proposed_and_answered(self, service: str, yes: bool, seconds: int) -> None:
        self._nothing_is_in_the_way(service)
        self.deployment(service, "2", "live", safe=True)
        for _ in range(2):
            self.alert_resolves(service, "latency")
            self.time_passes(seconds)
            self.alert_fires(service, "latency", auto=True)
            self.decide()
        self.answer_a_proposal(yes)

    @rule(yes=often)
    def answer_a_proposal(self, yes: bool) -> None:
        for proposal in self.life.store.proposals(ENV, 1):
            with self.dying(), suppress(Refused):
                (self.life.people.approve if yes else self.life.people.reject)(proposal.id, "somebody", "")

    @rule(service=services, version=st.one_of(st.none(), versions), further=st.booleans())
    def roll_back_by_hand(self, service: str, version: str | None, further: bool) -> None:
        wish = Wish(service=service, env=ENV, to_version=version, reason="", by="somebody", further=further)
        with self.dying(), suppress(Refused):
            self.life.returner.ask(wish, dry_run=False)

    @rule(service=services)
    def close_the_breaker(self, service: str) -> None:
        with suppress(Refused):
            self.life.people.close_breaker(service, "somebody", "")

    @rule(service=services, version=versions, standing=st.sampled_from(tuple(Standing)))
    def mark_a_release(self, service: str, version: str, standing: Standing) -> None:
        with self.dying(), suppress(Refused):
            self.life.people.mark(service, version, standing, "somebody", "")

    # What the daemon's threads do.

    @rule()
    def decide(self) -> None:
        with self.dying():
            self.life.decider.work()

    @rule()
    def drive(self) -> None:
        with self.dying():
            self.life.drive()

    @rule()
    def reconcile(self) -> None:
        with self.dying():
            self._see()
            self.life.reconciler.tick()

    @rule()
    def look_after(self) -> None:
        now = self.world.now
        self.frozen = {service: until for service, until in self.frozen.items() if until > now}  # for good
        with self.dying():
            while self.life.caretaker.work():
                pass

    @rule()
    def tell(self) -> None:
        with self.dying():
            self.life.teller.work()

    @rule()
    def all_work(self) -> None:
        self.reconcile()
        self.decide()
        self.drive()
        self.look_after()
        self.tell()

    @rule(seconds=st.integers(1, 60))
    def all_go_on_working(self, seconds: int) -> None:
        for _ in range(3):
            self.time_passes(seconds)
            self.all_work()

    @rule(steps=st.integers(0, 40))
    def it_will_crash(self, steps: int) -> None:
        self.world.crash_in = steps

    @rule()
    def crash(self) -> None:
        self.life.store.close()  # lets go of the files; every commit was durable before
        self.life = Life(self.database, self.world, self.touching)

    # What must always hold.

    @invariant()
    def counted(self) -> None:
        Daemon.steps += 1

    @invariant()
    def the_ledger_only_grows(self) -> None:
        [(count, last)] = self._read("SELECT count(*), coalesce(max(id), 0) FROM ledger")
        assert count == last >= self.lines
        self.lines = count

    @invariant()
    def every_alert_is_stored_once_and_none_is_lost(self) -> None:
        rows = self._read("SELECT fingerprint, starts_at, status FROM inbox")
        assert len(rows) == len(set(rows))
        assert set(rows) == self.accepted

    @invariant()
    def one_rollback_at_a_time(self) -> None:
        active = f"phase IN ({', '.join(repr(str(phase)) for phase in ACTIVE)})"
        query = f"SELECT service FROM rollbacks WHERE {active} GROUP BY service HAVING count(*) > 1"  # noqa: S608
        assert self._read(query) == []

    @invariant()
    def what_is_live_is_known(self) -> None:
        """Told by the ledger's order, which no clock can change."""
        for service in SERVICES:
            current = self.life.store.service_state(service, ENV).current
            assert (current.version if current else None) == self._live(service)

    @invariant()
    def rollbacks_begin_only_where_they_may(self) -> None:
        found = [r for r in self.life.store.rollbacks(None, 50) if r.id > self.known_rollbacks]
        for rollback in sorted(found, key=lambda r: r.id):
            self.known_rollbacks = rollback.id
            self._may_begin(rollback)
        for rollback in self.life.store.rollbacks(None, 50):
            if rollback.finished_at and rollback.id not in self.ended:
                self.ended.add(rollback.id)
                if rollback.changed:
                    self.moved_at[rollback.service] = rollback.finished_at
        rows = self._read("SELECT service, version FROM releases WHERE standing = 'rejected'")
        self.rejected = set(rows)

    def teardown(self) -> None:
        try:
            self._all_comes_to_an_end()
            Daemon.seen.update(row[0] for row in self._read(HAPPENED))
        finally:
            self.life.store.close()
            self.eye.close()
            self._folder.cleanup()

    def _all_comes_to_an_end(self) -> None:
        """Whatever happened: with all others back, nothing waits for ever."""
        world = self.world
        world.blind = world.deaf = world.veto = False
        world.crash_in = None
        world.firing.clear()
        [(newest,)] = self._read("SELECT coalesce(max(starts_at), '') FROM inbox")
        world.now = max(world.now, datetime.fromisoformat(newest) if newest else world.now)  # set right
        for _ in range(6):
            world.wait(3600)  # longer than stale_after, and then than the longest freeze
            self.life.reconciler.tick()
            self.life.decider.work()
            self.life.drive()
            while self.life.caretaker.work():
                pass
            while self.life.teller.work():
                pass
        assert self._read(UNDECIDED) == []
        assert self._read("SELECT * FROM notices WHERE state = 'waiting'") == []
        assert self.life.store.in_phase(*ACTIVE) == []

    def touching(self, rollback: Rollback) -> None:
        """A host is about to be moved."""
        if rollback.gated and rollback.attempt == 1 and rollback.id not in self.touched:
            assert not self._is_frozen(rollback.service)
        self.touched.add(rollback.id)

    def _may_begin(self, rollback: Rollback) -> None:
        key = (rollback.service, rollback.to_version)
        running = self.world.runs[rollback.service]
        unseen = any((rollback.service, host) in self.world.away for host in HOSTS)
        if rollback.kind is Kind.REPAIR:
            assert not self._is_frozen(rollback.service)
            return
        assert unseen or set(running.values()) != {rollback.to_version}
        if rollback.by:
            return
        assert key not in self.rejected
        assert not self._is_frozen(rollback.service)
        ended, now = self.moved_at.get(rollback.service), rollback.requested_at
        if ended and ended <= now + POLICY.clock_tolerance:  # later: the clock was set back since
            assert now >= ended + POLICY.cooldown
        assert not self.world.blind
        others = """
            SELECT count(*) FROM rollbacks WHERE deployment_id = ? AND id < ? AND moved = 1 AND asked_by = ''
        """
        assert self._read(others, rollback.deployment_id, rollback.id) == [(0,)]

    def _is_frozen(self, service: str) -> bool:
        return any(self.world.now < until for name, until in self.frozen.items() if name in ("", service))

    def _live(self, service: str) -> str | None:
        """What went live last: by a deployment's end, a rollback, or as it was seen."""
        query = """
            SELECT coalesce(json_extract(l.data, '$.to_version'), json_extract(l.data, '$.version'))
            FROM ledger AS l WHERE l.service = ? AND (
              l.kind IN ('live_observed', 'restored')
              OR (l.kind = 'deployment_finished' AND json_extract(l.data, '$.outcome') = 'live')
            ) ORDER BY l.id DESC LIMIT 1
        """
        rows = self._read(query, service)
        return str(rows[0][0]) if rows else None

    def _deploy(self, service: str, version: str, outcome: str, *, safe: bool) -> None:
        new = NewDeployment(
            service=service, env=ENV, version=version, hosts=HOSTS, checksum="", rollback_safe=safe
        )
        number = self.life.registry.start(new)["id"]
        for host in HOSTS if outcome != "failed" else HOSTS[:1]:
            if (service, host) not in self.world.away:
                self.world.runs[service][host] = version
        if outcome == "live":
            self._finish(number, service, version)
        elif outcome:
            self.life.registry.finish(number, Outcome.FAILED, "")

    def _finish(self, number: int, service: str, version: str) -> None:
        self.life.registry.finish(number, Outcome.LIVE, "")
        self.live[service] = version

    def alert_is_delivered(self, name: str) -> None:
        if alert := self.world.firing.get(name):
            self._receive(alert)

    def _receive(self, alert: Alert) -> None:
        receipt = self.life.intake.receive(Source.WEBHOOK, (alert,)).result()
        assert receipt.accepted == (0 if _key(alert) in self.accepted else 1)
        self.accepted.add(_key(alert))

    def _see(self) -> None:
        """What Alertmanager holds is about to be read."""
        if not self.world.blind and self.world.crash_in != 0:
            self.accepted |= {_key(alert) for alert in self.world.firing.values()}

    def _read(self, query: str, *values: object) -> list[Any]:
        return self.eye.execute(query, values).fetchall()

    @contextmanager
    def dying(self) -> Iterator[None]:
        """The daemon may be killed meanwhile; then another life begins."""
        try:
            yield
        except Blind:
            pass
        except CrashError:
            Daemon.seen["killed in the middle"] += 1
            self.crash()
        self.rollbacks_begin_only_where_they_may()


def _key(alert: Alert) -> tuple[str, str, str]:
    return alert.fingerprint, alert.starts_at.isoformat(timespec="microseconds"), str(alert.status)


def walk(examples: int, length: int) -> int:
    """How many steps were made."""
    Daemon.steps = 0
    Daemon.seen.clear()
    run_state_machine_as_test(
        Daemon,
        settings=settings(
            max_examples=examples,
            stateful_step_count=length,
            derandomize=True,
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=(Stage.generate,),
        ),
    )
    return Daemon.steps


def test_a_short_walk() -> None:
    assert walk(12, 60) > 500


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """A hundred thousand lines of log help nobody."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


EXPECTED = {
    *(f"rollback {phase}" for phase in Phase if phase not in ACTIVE),
    "by hand succeeded",
    "repair succeeded",
    *(Reason.APPROVED, Reason.FROZEN, Reason.BLIND, Reason.COOLDOWN),
    *(Reason.CLOCK_SKEW, Reason.STALE, Reason.RESOLVED, Reason.ALREADY_PROPOSED, Reason.DEPENDENCY_DOWN),
    *(LedgerKind.ROLLBACK_RESUMED, LedgerKind.LIVE_OBSERVED, LedgerKind.BREAKER_OPENED),
    "killed in the middle",
}
"""What ten thousand steps must have come to."""


@pytest.mark.hard
def test_ten_thousand_steps(record_testsuite_property: Callable[[str, object], None]) -> None:
    steps = walk(130, 100)

    record_testsuite_property("steps", steps)
    assert steps >= 10_000
    assert {str(kind) for kind in EXPECTED if not Daemon.seen[kind]} == set()
