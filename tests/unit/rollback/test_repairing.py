"""Hosts that were away, and measurements that were blind: both are taken up again when that is possible."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import Source
from rollback.domain.control import Cause, Freeze, Rehearsal
from rollback.domain.deployment import Standing
from rollback.domain.policy import Mode, Policy
from rollback.domain.ports import RunOutcome, RunResult
from rollback.domain.rollback import HostState, Kind, Phase, Rollback, VerificationVerdict
from rollback.domain.stored import ServiceState
from rollback.service.caretaking.measuring_again import BlindEnds
from rollback.service.caretaking.repairing import Repairs
from rollback.service.deciding import Decider
from rollback.service.gating import Gatekeeper
from rollback.service.intake import Intake
from rollback.service.looking import Look
from rollback.service.restoring import Restorer
from rollback.service.verifying import Verifier

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DONE, FAILED = HostState.DONE, HostState.FAILED
UNREACHABLE, LACKING = HostState.UNREACHABLE, HostState.LACKING


@dataclass
class Scene:
    store: SqliteStore
    clock: Any
    monitoring: Any
    probes: Any
    executor: Any
    make: Any
    policy: Policy

    def __post_init__(self) -> None:
        self.make.live(self.store, "1", minutes=-60, good=True)
        self.make.live(self.store, "2", minutes=0)
        parts = (self.store, self.clock, self.monitoring, self.probes, lambda: self.policy)
        self.verifier = Verifier(*parts)
        look = Decider(*parts).look
        gatekeeper = Gatekeeper(self.store, self.monitoring, look)
        whole = (self.store, self.clock, self.executor, self.probes, gatekeeper, self.verifier)
        self.restorer = Restorer(*whole, lambda: self.policy)
        self.repairs = Repairs(self.store)
        self.blind_ends = BlindEnds(self.verifier, self.restorer, self.clock.pause)

    def rolled_back(self, **hosts: HostState) -> Rollback:
        """Rollback 1 of 2 to 1, begun at 12:05, has ended with these hosts."""
        self.clock.move(minutes=5)
        self.probes.live = dict.fromkeys(hosts, "2")
        intake = Intake(self.store, self.clock, lambda: self.policy)
        intake.receive(Source.WEBHOOK, (self.make.alert(),)).result()
        Decider(self.store, self.clock, self.monitoring, self.probes, lambda: self.policy).work()
        self.probes.live = {host: "1" if state is DONE else None for host, state in hosts.items()}
        return self.run(1, **hosts)

    def run(self, number: int, **hosts: HostState) -> Rollback:
        """Drive the rollback; the executor says this of the hosts."""
        results = tuple(self.make.result(host, state) for host, state in hosts.items())
        well = any(state is DONE for state in hosts.values()) and FAILED not in hosts.values()
        outcome = RunOutcome.RESTORED if well else RunOutcome.FAILED
        self.executor.result = RunResult(outcome=outcome, detail="" if well else "no", results=results)
        self.restorer.drive(self.store.rollback(number), self.clock.pause)
        return self.store.rollback(number)

    def attend(self, duty: Any, minutes: float = 2) -> ServiceState:
        """One round, so many minutes later."""
        self.clock.move(minutes=minutes)
        duty.attend(self.state, Look(self.clock, self.policy, self.monitoring, self.probes))
        return self.state

    def rehearsed(self, **hosts: bool) -> None:
        found = tuple(Rehearsal(host=host, ok=ok, at=self.clock.now()) for host, ok in hosts.items())
        self.store.rehearsed("shop", "production", found, ())

    @property
    def state(self) -> ServiceState:
        return self.store.service_state("shop", "production")

    @property
    def texts(self) -> list[str]:
        return list(self.make.texts(self.store))


@pytest.fixture
def scene(store: SqliteStore, clock: Any, monitoring: Any, probes: Any, executor: Any, make: Any) -> Scene:
    return Scene(store, clock, monitoring, probes, executor, make, make.policy())


# Repairs


def test_a_host_that_answers_again_is_brought_to_what_the_service_runs(scene: Scene) -> None:
    scene.rolled_back(app1=DONE, app2=UNREACHABLE)
    told = len(scene.texts)
    assert scene.attend(scene.repairs).active_rollback is None

    scene.probes.live["app2"] = "2"
    repair = scene.attend(scene.repairs).active_rollback

    assert repair
    assert (repair.kind, repair.only, repair.to_version) == (Kind.REPAIR, ("app2",), "1")
    scene.probes.live["app2"] = "1"
    ended = scene.run(repair.id, app2=DONE)
    assert ended.phase is Phase.SUCCEEDED
    assert scene.state.open_end is None
    [text] = scene.texts[told:]
    assert text.startswith("app2 of shop (production) runs 1 again, measured healthy\n")
    assert scene.state.breaker is None  # it is no second rollback


def test_where_it_is_rehearsed_a_host_is_ready_when_that_went_well_since(scene: Scene) -> None:
    scene.rehearsed(app1=True, app2=True)
    scene.rolled_back(app1=DONE, app2=LACKING)
    scene.probes.live["app2"] = "2"
    assert scene.attend(scene.repairs).active_rollback is None

    scene.rehearsed(app1=True, app2=False)
    assert scene.attend(scene.repairs).active_rollback is None

    scene.rehearsed(app1=True, app2=True)
    assert scene.attend(scene.repairs).active_rollback


def test_a_repair_in_vain_is_repeated_with_growing_pauses_and_without_a_message(scene: Scene) -> None:
    scene.rolled_back(app1=DONE, app2=UNREACHABLE)
    scene.probes.live["app2"] = "2"
    told, seen = scene.texts, []

    for minute in range(1, 16):
        repair = scene.attend(scene.repairs, minutes=1).active_rollback
        if repair:
            seen.append(minute)
            assert scene.run(repair.id, app2=UNREACHABLE).phase is Phase.FAILED

    assert seen == [1, 3, 7, 15]
    assert scene.texts == told
    assert scene.state.open_end == scene.store.rollback(1)


def test_a_host_that_could_not_be_repaired_is_a_persons(scene: Scene) -> None:
    scene.rolled_back(app1=DONE, app2=UNREACHABLE)
    scene.probes.live["app2"] = "2"
    repair = scene.attend(scene.repairs).active_rollback
    assert repair
    scene.run(repair.id, app2=FAILED)

    for _ in range(20):
        assert scene.attend(scene.repairs).active_rollback is None

    assert scene.state.open_end == scene.store.rollback(repair.id)
    assert "FAILED" in scene.texts[-1]


def test_a_repair_that_brings_one_of_two_leaves_the_other_waiting(scene: Scene) -> None:
    scene.rolled_back(app1=DONE, app2=UNREACHABLE, app3=UNREACHABLE)
    scene.probes.live["app2"] = "2"
    repair = scene.attend(scene.repairs).active_rollback
    assert repair
    assert repair.only == ("app2", "app3")
    scene.probes.live["app2"] = "1"
    scene.run(repair.id, app2=DONE, app3=UNREACHABLE)

    assert scene.state.open_end
    assert scene.state.open_end.waiting == ("app3",)
    first = "app2 of shop (production) runs 1 again, measured healthy; app3 still waits"
    assert scene.texts[-1].splitlines()[0] == first
    scene.probes.live["app3"] = "2"
    again = scene.attend(scene.repairs).active_rollback
    assert again
    assert again.only == ("app3",)


def obstructed(scene: Scene, obstacle: str) -> None:
    now = scene.clock.now()
    if obstacle == "mode":
        modes = dict.fromkeys(scene.policy.modes, Mode.PROPOSE)
        scene.policy = replace(scene.policy, modes=modes)
    elif obstacle == "freeze":
        freeze = Freeze(
            id=0, service="", env="production", reason="x", by="a", since=now, until=now + timedelta(hours=1)
        )
        scene.store.freeze(freeze)
    else:
        scene.monitoring.measured = [False]


@pytest.mark.parametrize(
    ("obstacle", "said"),
    [("mode", "is not set to auto"), ("freeze", "are frozen by a: x"), ("breaker", "the breaker is open")],
)
def test_what_stands_in_the_way_of_a_repair_is_said_once(scene: Scene, obstacle: str, said: str) -> None:
    if obstacle == "breaker":
        obstructed(scene, obstacle)
    scene.rolled_back(app1=DONE, app2=UNREACHABLE)
    if obstacle != "breaker":
        obstructed(scene, obstacle)
    scene.probes.live["app2"] = "2"

    for _ in range(3):
        assert scene.attend(scene.repairs).active_rollback is None

    [text] = [text for text in scene.texts if "can be brought to 1 now" in text]
    assert said in text


@pytest.mark.parametrize("change", ["deployment", "live", "acknowledged", "whole"])
def test_what_has_been_overtaken_is_not_repaired(scene: Scene, change: str) -> None:
    hosts = {"app1": DONE, "app2": DONE if change == "whole" else UNREACHABLE}
    ended = scene.rolled_back(**hosts)
    scene.probes.live["app2"] = "2"
    now = scene.clock.now()
    if change == "deployment":
        scene.store.start_deployment(scene.make.new("3"), now)
    elif change == "live":
        scene.store.observe_live("shop", "production", "7", now)
    elif change == "acknowledged":
        scene.store.acknowledge(ended.id, "anna", "", now)

    assert scene.attend(scene.repairs).active_rollback is None


# Measuring again


def measured_again(scene: Scene, rounds: int = 12) -> ServiceState:
    for _ in range(rounds):
        scene.attend(scene.blind_ends, minutes=0.25)
    return scene.state


@pytest.fixture
def blind(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Rollback 1 has ended; Prometheus has been away since the decision."""
    run = scene.executor.run

    def dying(*args: Any) -> Any:
        scene.monitoring.blind = True
        return run(*args)

    monkeypatch.setattr(scene.executor, "run", dying)
    scene.rolled_back(app1=DONE)
    return scene


def test_what_ended_blind_is_told_with_what_follows(blind: Scene) -> None:
    [end] = blind.store.rollbacks("shop", 10)

    assert end.verification
    assert (end.phase, end.verification.verdict) == (Phase.UNVERIFIED, VerificationVerdict.BLIND)
    assert "It is measured again by itself when Prometheus answers" in blind.texts[-1]
    assert blind.state.breaker is None


@pytest.mark.parametrize(
    ("healthy", "phase", "standing", "opened"),
    [
        (True, Phase.SUCCEEDED, Standing.REJECTED, None),
        (False, Phase.UNVERIFIED, Standing.UNPROVEN, Cause.FRUITLESS),
    ],
)
def test_it_is_measured_when_prometheus_is_back_and_the_verdict_replaced_with_all_that_follows(
    blind: Scene, healthy: bool, phase: Phase, standing: Standing, opened: Cause | None
) -> None:
    finished_at, told = blind.store.rollback(1).finished_at, len(blind.texts)
    assert measured_again(blind, 20).open_end == blind.store.rollback(1)
    assert len(blind.texts) == told

    blind.monitoring.blind, blind.monitoring.measured = False, [healthy]
    state = measured_again(blind)

    end = blind.store.rollback(1)
    assert end.verification
    assert (end.phase, end.finished_at) == (phase, finished_at)
    assert end.verification.verdict is (
        VerificationVerdict.FIXED if healthy else VerificationVerdict.NOT_FIXED
    )
    assert next(r.standing for r in state.releases if r.version == "2") is standing
    assert (state.breaker.cause if state.breaker else None) is opened
    assert len(blind.texts) == told + 1


def test_a_late_verdict_does_not_open_again_what_a_person_has_closed(blind: Scene) -> None:
    earlier, changed = (
        blind.store.rollbacks,
        blind.make.rollback(
            id=0, phase=Phase.SUCCEEDED, finished_at=blind.clock.at, results=(blind.make.result(),)
        ),
    )
    blind.store.rollbacks = lambda service, limit: [*earlier(service, limit), changed]  # type: ignore[method-assign]
    blind.monitoring.blind = False

    state = measured_again(blind)

    assert blind.store.rollback(1).phase is Phase.SUCCEEDED
    assert state.breaker is None


def test_no_faster_than_the_interval(blind: Scene) -> None:
    blind.monitoring.blind = False
    asked = len(blind.monitoring.asked)

    for _ in range(10):
        blind.attend(blind.blind_ends, minutes=0)

    assert blind.monitoring.asked[asked:].count("rules") == 1


@pytest.mark.parametrize("change", ["deployment", "live", "acknowledged"])
def test_what_has_been_overtaken_is_not_measured_again(blind: Scene, change: str) -> None:
    blind.monitoring.blind, now = False, blind.clock.now()
    if change == "deployment":
        blind.store.start_deployment(blind.make.new("3"), now)
    elif change == "live":
        blind.store.observe_live("shop", "production", "7", now)
    else:
        blind.store.acknowledge(1, "anna", "", now)

    measured_again(blind)

    assert blind.store.rollback(1).phase is Phase.UNVERIFIED
