"""When the way back is rehearsed, to which release, and what is written down."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.control import Rehearsal
from rollback.domain.deployment import Outcome, Standing
from rollback.domain.errors import Blind, ShuttingDown
from rollback.domain.policy import Policy
from rollback.domain.rollback import HostState, Phase
from rollback.domain.stored import ServiceState
from rollback.service.caretaking.rehearsing import AGAIN_S, Rehearser, wanted

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = ("shop", "production")


@dataclass
class Scene:
    store: SqliteStore
    clock: Any
    executor: Any
    probes: Any
    make: Any
    policy: Policy

    def __post_init__(self) -> None:
        """1 is good, 2 is live since 12:01."""
        self.make.live(self.store, "1", minutes=-60, good=True)
        self.make.live(self.store, "2", minutes=0)
        self.probes.live = {"app1": "2", "app2": "2"}
        parts = (self.store, self.clock, self.executor, self.probes, lambda: self.policy)
        self.rehearser = Rehearser(*parts, lambda seconds: False)

    def work(self, minutes: float) -> bool:
        """One look at that minute; the executor finds both hosts well."""
        self.clock.at = NOON + timedelta(minutes=minutes)
        self.executor.rehearsals = tuple(
            Rehearsal(host=host, ok=True, at=self.clock.at) for host in ("app1", "app2")
        )
        return self.rehearser.work()

    @property
    def state(self) -> ServiceState:
        return self.store.service_state(*KEY)

    def rolled_back(self, minutes: float, state: HostState = HostState.UNREACHABLE) -> None:
        """A rollback to 1 ended then; app2 waits."""
        results = (self.make.result("app1"), self.make.result("app2", state))
        at = NOON + timedelta(minutes=minutes)
        self.make.rolled_back(self.store, results, at)


@pytest.fixture
def scene(store: SqliteStore, clock: Any, executor: Any, probes: Any, make: Any) -> Scene:
    return Scene(store, clock, executor, probes, make, make.policy())


def test_the_way_back_is_rehearsed_at_once_and_every_few_minutes(scene: Scene) -> None:
    worked = [minutes for minutes in (2, 3, 6.9, 7, 8, 12) if scene.work(minutes)]

    assert worked == [2, 7, 12]
    assert scene.executor.rehearsed == [("shop", "1")] * 3
    assert [(r.host, r.ok, r.at) for r in scene.state.rehearsals] == [
        ("app1", True, NOON + timedelta(minutes=12)),
        ("app2", True, NOON + timedelta(minutes=12)),
    ]


def test_a_clock_that_is_set_back_makes_nobody_rehearse_without_end_nor_never(scene: Scene) -> None:
    scene.work(2)
    scene.clock.set(-60)
    tries = []
    for second in range(0, 12 * 60, 3):
        scene.executor.rehearsals = (Rehearsal(host="app1", ok=True, at=scene.clock.at),)
        tries += [second] if scene.rehearser.work() else []
        scene.clock.move(3 / 60)

    assert tries == [300, 600]


def test_it_is_rehearsed_right_after_a_deployment_has_ended(scene: Scene) -> None:
    scene.work(2)
    scene.make.live(scene.store, "3", minutes=3)

    assert scene.work(4.1)
    assert not scene.work(4.2)


@pytest.mark.parametrize("ending", [Outcome.LIVE, Outcome.FAILED, None])
def test_it_is_not_while_a_deployment_runs(scene: Scene, ending: Outcome | None) -> None:
    started = scene.store.start_deployment(scene.make.new("3"), NOON + timedelta(minutes=2))
    assert not scene.work(10)
    if ending:
        scene.store.finish_deployment(started.id, ending, "", NOON + timedelta(minutes=10))

    assert scene.work(17.1)  # one that never ends is dead by then


def test_it_is_not_while_a_rollback_runs(scene: Scene) -> None:
    scene.make.pending(scene.store, NOON + timedelta(minutes=3))

    assert not scene.work(10)


@pytest.mark.parametrize("lacking", ["target", "hosts"])
def test_a_service_without_a_target_or_without_hosts_is_not_rehearsed(scene: Scene, lacking: str) -> None:
    if lacking == "hosts":
        scene.probes.live = {}
    else:
        scene.store.mark_release(*KEY, "1", Standing.REJECTED, "the test", NOON)

    assert [minutes for minutes in (2, 3, 8) if scene.work(minutes)] == [2, 8]
    assert scene.executor.rehearsed == []
    assert scene.state.rehearsals == ()


def test_a_rehearsal_that_cannot_run_proves_no_host(scene: Scene) -> None:
    scene.executor.rehearsal_failure = Blind("no key")

    scene.work(2)

    assert [(r.host, r.ok, r.detail) for r in scene.state.rehearsals] == [
        ("app1", False, "no key"),
        ("app2", False, "no key"),
    ]


def test_a_rehearsal_that_failed_is_tried_once_more_before_it_is_told(scene: Scene) -> None:
    scene.executor.rehearsal_failure = Blind("no route")
    paused: list[float] = []

    def pause(seconds: float) -> bool:
        paused.append(seconds)
        scene.executor.rehearsal_failure = None
        return False

    scene.rehearser._pause = pause
    scene.work(2)

    assert [r.ok for r in scene.state.rehearsals] == [True, True]
    assert paused == [AGAIN_S]


def test_what_needs_the_hosts_keeps_the_second_try_from_being_made(scene: Scene) -> None:
    scene.executor.rehearsal_failure = Blind("no route")
    scene.rehearser._pause = lambda seconds: True

    scene.work(2)

    assert scene.state.rehearsals == ()
    assert scene.executor.rehearsed == [("shop", "1")]


def test_one_that_was_interrupted_says_nothing_and_is_repeated(scene: Scene) -> None:
    scene.executor.rehearsal_failure = ShuttingDown()
    scene.work(2)
    assert scene.state.rehearsals == ()

    scene.executor.rehearsal_failure = None
    scene.work(2.1)

    assert len(scene.state.rehearsals) == 2


def test_what_needs_the_hosts_interrupts_it(scene: Scene) -> None:
    assert not scene.rehearser._interrupted(0)
    scene.make.pending(scene.store, NOON + timedelta(minutes=3))
    assert scene.rehearser._interrupted(0)


def test_a_deployment_that_begins_interrupts_it(scene: Scene) -> None:
    scene.store.start_deployment(scene.make.new("3"), scene.clock.at)

    assert scene.rehearser._interrupted(0)


def test_a_program_that_rehearses_nothing_leaves_no_record(scene: Scene) -> None:
    scene.clock.at = NOON + timedelta(minutes=2)

    assert scene.rehearser.work()
    assert not scene.rehearser.work()
    assert scene.state.rehearsals == ()


# To which release


def test_hosts_that_wait_are_asked_about_the_release_that_they_wait_for(scene: Scene) -> None:
    scene.rolled_back(5)

    target = wanted(scene.state)

    assert target
    assert target.version == "1"


def test_a_host_that_waits_and_answers_is_rehearsed_soon(scene: Scene) -> None:
    scene.rolled_back(5)
    scene.probes.live = {"app1": "1", "app2": None}
    assert [minutes for minutes in (6, 7, 8) if scene.work(minutes)] == [6]

    scene.probes.live = {"app1": "1", "app2": "2"}
    assert [minutes for minutes in (8.1, 8.2, 9.1) if scene.work(minutes)] == [8.1, 9.1]


def test_without_a_good_release_the_best_guess_is_rehearsed(scene: Scene) -> None:
    scene.store.mark_release(*KEY, "1", Standing.UNPROVEN, "the test", NOON)

    target = wanted(scene.state)

    assert target
    assert target.version == "1"


def test_when_a_deployment_stopped_half_way_the_release_before_it_is_the_target(scene: Scene) -> None:
    scene.store.mark_release(*KEY, "2", Standing.GOOD, "the test", NOON)
    started = scene.store.start_deployment(scene.make.new("3"), NOON + timedelta(minutes=2))
    scene.store.finish_deployment(started.id, Outcome.FAILED, "", NOON + timedelta(minutes=3))

    target = wanted(scene.state)

    assert target
    assert target.version == "2"


def test_nothing_is_wanted_of_a_service_that_never_was_live(scene: Scene) -> None:
    assert wanted(scene.store.service_state("other", "production")) is None
    assert scene.store.in_phase(Phase.PENDING) == []
