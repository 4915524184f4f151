"""One rollback from accepted to ended, with every way to go wrong on the way."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollback.adapters.memory import MemoryStore
from rollback.domain.alert import Source
from rollback.domain.errors import StoreUnavailable
from rollback.domain.ports import RunOutcome, RunResult
from rollback.domain.reasons import LedgerKind
from rollback.domain.records import NoticeState, Step
from rollback.domain.rollback import Phase, Rollback, VerificationVerdict
from rollback.service.deciding import Decider
from rollback.service.intake import Intake
from rollback.service.restoring import Restorer
from rollback.service.verifying import Verifier

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class Scene:
    store: MemoryStore
    clock: Any
    monitoring: Any
    probes: Any
    executor: Any
    make: Any

    def __post_init__(self) -> None:
        """An alert at 12:05 has been decided: rollback 1 of 2 to 1 is pending."""
        self.policy = self.make.policy()
        self.make.live(self.store, "1", minutes=-60)
        self.make.live(self.store, "2", minutes=0)
        self.clock.at = NOON + timedelta(minutes=5)
        Intake(self.store, self.clock, lambda: self.policy).receive(Source.WEBHOOK, (self.make.alert(),))
        Decider(self.store, self.clock, self.monitoring, lambda: self.policy).work()
        verifier = Verifier(self.store, self.clock, self.monitoring, self.probes, lambda: self.policy)
        self.restorer = Restorer(
            self.store, self.clock, self.executor, self.probes, verifier, lambda: self.policy
        )

    def drive(self, *, resumed: bool = False) -> Any:
        self.restorer.drive(self.rollback, self.clock.pause, resumed=resumed)
        return self.rollback

    @property
    def rollback(self) -> Rollback:
        return self.store.rollback(1)

    @property
    def kinds(self) -> list[LedgerKind]:
        return [entry.kind for entry in self.store.entries if "rollback_id" in entry.data][1:]

    @property
    def texts(self) -> list[str]:
        return [message.waiting.notice.text for message in self.store.messages]

    def interrupted(self, phase: Phase, attempt: int = 1) -> None:
        """The daemon died when the rollback was in this phase."""
        before = self.rollback
        self.store.move(before, replace(before, phase=phase, attempt=attempt), ())


@pytest.fixture
def scene(store: MemoryStore, clock: Any, monitoring: Any, probes: Any, executor: Any, make: Any) -> Scene:
    monitoring.measured = [True]
    probes.live = {"app1": "1"}
    return Scene(store, clock, monitoring, probes, executor, make)


def test_restored_and_measured_healthy_is_succeeded(scene: Scene) -> None:
    rollback = scene.drive()

    assert rollback.phase is Phase.SUCCEEDED
    assert rollback.verification.verdict is VerificationVerdict.FIXED
    assert len(rollback.verification.samples) == scene.policy.verification_samples
    assert scene.kinds == [
        LedgerKind.ROLLBACK_STARTED,
        LedgerKind.RESTORED,
        LedgerKind.VERIFIED,
        LedgerKind.ROLLBACK_FINISHED,
    ]


def test_the_target_is_live_from_the_restore_on(scene: Scene) -> None:
    scene.drive()

    state = scene.store.service_state("shop")
    assert state.current is not None
    assert state.current.version == "1"
    assert state.current.live_at == scene.rollback.restored_at


def test_steps_of_hosts_are_recorded_while_it_runs_and_hosts_told_of_once(scene: Scene) -> None:
    steps = [("host", "started"), ("Switch the release", "changed"), ("host", "done")]
    scene.executor.steps = [Step(at=NOON, host="app1", step=s, status=t) for s, t in steps]

    scene.drive()

    assert [(s.step, s.status) for s in scene.store.steps(1)] == steps
    assert scene.texts == [
        "Rolling back shop 2 to 1",
        "app1 runs 1",
        "shop 1 is live again, measuring",
        "Rollback of shop 2 to 1: measured healthy again",
    ]


@pytest.mark.parametrize("outcome", [RunOutcome.FAILED, RunOutcome.TIMED_OUT])
def test_a_run_that_does_not_restore_every_host_is_failed_and_never_measured(
    scene: Scene, outcome: RunOutcome
) -> None:
    scene.executor.result = RunResult(outcome=outcome, detail="app2 is unreachable")

    rollback = scene.drive()

    assert (rollback.phase, rollback.detail) == (Phase.FAILED, "app2 is unreachable")
    assert rollback.verification is None
    assert "FAILED: app2 is unreachable" in scene.texts[-1]
    current = scene.store.service_state("shop").current
    assert current is not None
    assert current.version == "2"


@pytest.mark.parametrize(
    ("measured", "live", "verdict"),
    [
        ([False], {"app1": "1"}, VerificationVerdict.NOT_FIXED),
        ([None], {"app1": "1"}, VerificationVerdict.BLIND),
        ([False], {"app1": None}, VerificationVerdict.WORSE),
        ([True], {"app1": "2"}, VerificationVerdict.WORSE),
    ],
)
def test_restored_but_not_measured_healthy_is_unverified_and_people_are_told(
    scene: Scene, measured: list[bool | None], live: dict[str, str | None], verdict: VerificationVerdict
) -> None:
    scene.monitoring.measured = measured
    scene.probes.live = live

    rollback = scene.drive()

    assert (rollback.phase, rollback.verification.verdict) == (Phase.UNVERIFIED, verdict)
    assert "a person must look" in scene.texts[-1]


def test_measuring_ends_at_the_time_out_and_not_before(scene: Scene) -> None:
    scene.monitoring.measured = [False]

    rollback = scene.drive()

    assert rollback.finished_at - rollback.restored_at == scene.policy.verification_timeout


def test_the_expression_of_the_alert_is_asked_for_the_target(scene: Scene) -> None:
    scene.drive()

    assert set(scene.monitoring.asked) - {"began"} == {"measure healthy == bool 1 1"}


def test_a_blind_moment_does_not_end_the_measuring(scene: Scene) -> None:
    scene.monitoring.measured = [None, True, None, True, True]

    assert scene.drive().verification.verdict is VerificationVerdict.FIXED


def test_a_stop_while_the_executor_runs_hands_the_rollback_over_unchanged(scene: Scene) -> None:
    scene.executor.result = RunResult(outcome=RunOutcome.HANDED_OVER)

    assert scene.drive().phase is Phase.RUNNING


def test_a_stop_while_measuring_leaves_it_to_the_next_start_which_measures_anew(scene: Scene) -> None:
    scene.clock.stop_after = 1
    assert scene.drive().phase is Phase.VERIFYING

    scene.clock.stop_after = None
    rollback = scene.drive(resumed=True)

    assert rollback.phase is Phase.SUCCEEDED
    assert len(scene.executor.runs) == 1
    assert rollback.attempt == 1


@pytest.mark.parametrize("live", [{"app1": "2"}, {"app1": "1"}, {"app1": None}, {}])
def test_after_a_crash_the_playbook_is_run_again(scene: Scene, live: dict[str, str | None]) -> None:
    scene.interrupted(Phase.RUNNING)
    scene.probes.live = live
    scene.executor.steps = []

    scene.restorer.drive(scene.rollback, scene.clock.pause, resumed=True)

    assert [run.attempt for run in scene.executor.runs] == [2]
    assert LedgerKind.ROLLBACK_RESUMED in scene.kinds
    assert len(scene.store.all_rollbacks) == 1


def test_after_a_crash_another_version_on_a_host_is_somebodys_work_and_is_left(scene: Scene) -> None:
    scene.interrupted(Phase.RUNNING)
    scene.probes.live = {"app1": "1", "app2": "7"}

    rollback = scene.drive(resumed=True)

    assert rollback.phase is Phase.FAILED
    assert "app2" in rollback.detail
    assert not scene.executor.runs


def test_a_rollback_during_which_the_daemon_dies_again_and_again_ends(scene: Scene) -> None:
    scene.interrupted(Phase.RUNNING, attempt=3)

    assert scene.drive(resumed=True).phase is Phase.FAILED
    assert not scene.executor.runs


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.RUNNING])
def test_after_too_long_an_absence_a_person_decides(scene: Scene, phase: Phase) -> None:
    if phase is Phase.RUNNING:
        scene.interrupted(phase)
    scene.clock.move(minutes=61)

    rollback = scene.drive(resumed=True)

    assert rollback.phase is Phase.FAILED
    assert "away for so long" in rollback.detail


def test_one_that_no_worker_had_taken_is_simply_taken_after_a_crash(scene: Scene) -> None:
    assert scene.drive(resumed=True).phase is Phase.SUCCEEDED
    assert [run.attempt for run in scene.executor.runs] == [1]


class Flaky(MemoryStore):
    """A store that cannot take transitions for a while."""

    refusals = 0

    def move(self, *args: Any) -> None:
        if self.refusals:
            self.refusals -= 1
            raise StoreUnavailable
        super().move(*args)

    def add_step(self, *args: Any) -> None:
        raise StoreUnavailable


def test_a_database_that_is_away_delays_but_does_not_lose_a_transition(
    clock: Any, monitoring: Any, probes: Any, executor: Any, make: Any
) -> None:
    store = Flaky()
    monitoring.measured = [True]
    executor.steps = [Step(at=NOON, host="app1", step="host", status="done")]
    scene = Scene(store, clock, monitoring, probes, executor, make)
    store.refusals = 4

    assert scene.drive().phase is Phase.SUCCEEDED
    assert len(executor.runs) == 1


@pytest.mark.parametrize(
    ("phase", "ends"),
    [
        (Phase.PENDING, Phase.FAILED),
        (Phase.RUNNING, Phase.FAILED),
        (Phase.VERIFYING, Phase.UNVERIFIED),
        (Phase.SUCCEEDED, Phase.SUCCEEDED),
    ],
)
def test_what_cannot_be_driven_further_ends_so_that_a_person_is_called(
    scene: Scene, phase: Phase, ends: Phase
) -> None:
    if phase is not Phase.PENDING:
        scene.interrupted(phase)

    scene.restorer.give_up(1, "internal error", scene.clock.pause)

    assert scene.rollback.phase is ends


def test_messages_wait_in_the_store_from_the_moment_of_the_change(scene: Scene) -> None:
    scene.drive()

    assert {message.state for message in scene.store.messages} == {NoticeState.WAITING}
