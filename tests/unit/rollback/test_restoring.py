"""One rollback from accepted to ended, with every way to go wrong on the way."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import Source
from rollback.domain.control import Cause, Freeze
from rollback.domain.deployment import Standing
from rollback.domain.errors import Blind, StoreUnavailable
from rollback.domain.policy import Policy
from rollback.domain.ports import Active, RunOutcome, RunResult
from rollback.domain.reasons import LedgerKind, Reason
from rollback.domain.rollback import HostState, Phase, Rollback, VerificationVerdict
from rollback.domain.stored import ServiceState, Step
from rollback.service.deciding import Decider
from rollback.service.gating import Gatekeeper
from rollback.service.intake import Intake
from rollback.service.restoring import Restorer
from rollback.service.returning import Returner, Wish
from rollback.service.verifying import Verifier

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
DONE, ALREADY, FAILED = HostState.DONE, HostState.ALREADY, HostState.FAILED
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
        """An alert at 12:05 has been decided: rollback 1 of 2 to 1 is pending."""
        self.make.live(self.store, "1", minutes=-60, good=True)
        self.make.live(self.store, "2", minutes=0)
        self.intake = Intake(self.store, self.clock, lambda: self.policy)
        self.decider = Decider(self.store, self.clock, self.monitoring, self.probes, lambda: self.policy)
        self.fires(5)
        self.restorer = restorer(self)

    def fires(self, minutes: float) -> None:
        """The alert is seen, and decided."""
        self.clock.at = NOON + timedelta(minutes=minutes)
        self.probes.live = {"app1": "2"}
        self.intake.receive(Source.WEBHOOK, (self.make.alert(),)).result()
        self.decider.work()
        self.probes.live = {"app1": "1"}

    def drive(self, number: int = 1, *, resumed: bool = False) -> Rollback:
        found = self.store.rollback(number)
        self.restorer.drive(found, self.clock.pause, resumed=resumed)
        return self.store.rollback(number)

    def restores(self, *hosts: tuple[str, HostState]) -> None:
        results = tuple(self.make.result(host, state, state) for host, state in hosts)
        self.executor.result = RunResult(outcome=RunOutcome.RESTORED, results=results)

    def fails(self, detail: str, *hosts: tuple[str, HostState]) -> None:
        results = tuple(self.make.result(host, state, state) for host, state in hosts)
        self.executor.result = RunResult(outcome=RunOutcome.FAILED, detail=detail, results=results)

    @property
    def rollback(self) -> Rollback:
        return self.store.rollback(1)

    @property
    def state(self) -> ServiceState:
        return self.store.service_state("shop", "production")

    @property
    def kinds(self) -> list[LedgerKind]:
        entries = [
            entry for entry in self.store.ledger(0, 1000) if "phase" in entry.data or "verdict" in entry.data
        ]
        return [entry.kind for entry in entries if entry.kind is not LedgerKind.DECIDED]

    @property
    def texts(self) -> list[str]:
        return list(self.make.texts(self.store))

    def interrupted(self, phase: Phase, attempt: int = 1) -> None:
        """The daemon died when the rollback was in this phase."""
        before = self.rollback
        self.store.move(before, replace(before, phase=phase, attempt=attempt), ())


def restorer(scene: Scene) -> Restorer:
    parts = (scene.store, scene.clock, scene.monitoring, scene.probes, lambda: scene.policy)
    verifier, gatekeeper = Verifier(*parts), Gatekeeper(scene.store, scene.monitoring, scene.decider.look)
    whole = (scene.store, scene.clock, scene.executor, scene.probes)
    return Restorer(*whole, gatekeeper, verifier, lambda: scene.policy)


@pytest.fixture
def scene(store: SqliteStore, clock: Any, monitoring: Any, probes: Any, executor: Any, make: Any) -> Scene:
    return Scene(store, clock, monitoring, probes, executor, make, make.policy())


def test_restored_and_measured_healthy_is_succeeded(scene: Scene) -> None:
    rollback = scene.drive()

    assert rollback.phase is Phase.SUCCEEDED
    assert rollback.verification
    assert rollback.verification.verdict is VerificationVerdict.FIXED
    assert len(rollback.verification.samples) == scene.policy.verification_samples
    assert scene.kinds == [
        LedgerKind.ROLLBACK_STARTED,
        LedgerKind.RESTORED,
        LedgerKind.VERIFIED,
        LedgerKind.ROLLBACK_FINISHED,
    ]


def test_only_a_rollback_that_cured_rejects_what_was_left(scene: Scene) -> None:
    scene.drive()

    standings = {release.version: release.standing for release in scene.state.releases}
    assert standings == {"1": Standing.GOOD, "2": Standing.REJECTED}
    assert scene.state.breaker is None


def test_one_that_did_not_cure_opens_the_breaker_and_makes_its_target_suspect(scene: Scene) -> None:
    scene.monitoring.measured = [False]

    scene.drive()

    standings = {release.version: release.standing for release in scene.state.releases}
    assert standings == {"1": Standing.SUSPECT, "2": Standing.UNPROVEN}
    assert scene.state.breaker
    assert scene.state.breaker.cause is Cause.FRUITLESS


@pytest.mark.parametrize("closed", [False, True])
def test_what_a_person_has_looked_at_does_not_count_again(scene: Scene, closed: bool) -> None:
    scene.monitoring.measured = [False]
    first = scene.drive()
    scene.store.close_breaker("shop", "production", "ann", "looked", scene.clock.now())
    if not closed:
        before = replace(first, finished_at=scene.clock.now() + timedelta(seconds=1))
        scene.store.move(first, before, ())
    scene.store.mark_release("shop", "production", "1", Standing.GOOD, "ann", scene.clock.now())
    scene.clock.move(minutes=15)
    scene.make.live(scene.store, "3", minutes=(scene.clock.now() - NOON).total_seconds() / 60)
    scene.monitoring.measured = [True]
    scene.probes.live = {"app1": "3"}
    at = (scene.clock.now() - NOON).total_seconds() / 60 + 2
    scene.clock.at = NOON + timedelta(minutes=at)
    scene.intake.receive(Source.WEBHOOK, (scene.make.alert(minutes=at, fingerprint="f9"),)).result()
    scene.decider.work()
    scene.probes.live = {"app1": "1"}

    assert scene.drive(2).phase is Phase.SUCCEEDED
    assert (scene.state.breaker is None) is closed


def test_the_target_is_live_from_the_restore_on(scene: Scene) -> None:
    scene.drive()

    current = scene.state.current
    assert current
    assert (current.version, current.live_at) == ("1", scene.rollback.restored_at)


def test_steps_are_recorded_while_it_runs_and_hosts_told_of_once(scene: Scene) -> None:
    steps = [("host", "started"), ("Switch the release", "changed"), ("host", "done")]
    scene.executor.steps = [Step(at=NOON, host="app1", step=s, status=t) for s, t in steps]

    scene.drive()

    assert [(s.step, s.status) for s in scene.store.steps(1)] == [("gate", "open"), *steps]
    assert [text.splitlines()[0] for text in scene.texts] == [
        "Rolling back shop (production) 2 to 1",
        "app1 of shop (production) runs 1",
        "shop (production) 1 is live again, measuring",
        "shop (production) is measured healthy again after going back from 2 to 1",
    ]


# The gate


def test_an_alert_that_is_over_at_the_gate_calls_it_off_in_one_message_and_nobody_is_paged(
    scene: Scene,
) -> None:
    scene.monitoring.believes = False

    rollback = scene.drive()

    assert (rollback.phase, rollback.changed, rollback.finished_at) == (
        Phase.CALLED_OFF,
        False,
        scene.clock.at,
    )
    assert scene.executor.closed == ["Anything was over before the first host was touched"]
    [text] = scene.texts
    assert text.splitlines()[0] == (
        "Called off before a host was touched: rollback of shop (production) 2 to 1: "
        "Anything was over before the first host was touched"
    )
    assert scene.state.open_end is None
    assert [(s.step, s.status) for s in scene.store.steps(1)] == [("gate", "closed")]


def test_an_alert_that_a_new_prometheus_has_not_seen_yet_is_not_over(scene: Scene) -> None:
    scene.monitoring.believes = False
    scene.monitoring.watching_since = scene.clock.at + timedelta(seconds=1)

    assert scene.drive().phase is Phase.SUCCEEDED


def test_a_person_who_freezes_in_the_last_moment_is_heard(scene: Scene) -> None:
    until = NOON + timedelta(hours=1)
    freeze = Freeze(id=0, service="", env="production", reason="a test", by="anna", since=NOON, until=until)
    scene.store.freeze(freeze)

    rollback = scene.drive()

    assert rollback.phase is Phase.CALLED_OFF
    assert rollback.detail == "anna has frozen automatic rollbacks: a test"


def test_a_dependency_that_is_found_to_be_down_after_the_decision_leaves_it_to_a_person(scene: Scene) -> None:
    scene.monitoring.vetoes = [{"alertname": "RedisDown", "env": "production", "instance": "redis:9121"}]

    rollback = scene.drive()
    scene.fires(7)

    assert (rollback.phase, rollback.changed) == (Phase.CALLED_OFF, False)
    assert rollback.detail == "a dependency is down: RedisDown (redis:9121)"
    assert scene.store.decisions(None, 1)[0].reason is Reason.DEPENDENCY_DOWN
    assert len(scene.store.rollbacks(None, 9)) == 1


@pytest.mark.parametrize(
    "veto",
    [{"env": "staging"}, {"host": "app1"}],
    ids=["of another environment", "about a host of the service that does not answer"],
)
def test_the_gate_knows_whose_dependency_it_is(scene: Scene, veto: dict[str, str]) -> None:
    scene.monitoring.vetoes = [{"alertname": "HostDown", **veto}]
    scene.probes.live = {"app1": None}

    assert scene.drive().phase is not Phase.CALLED_OFF


def test_the_strict_seed_asks_for_no_dependency_at_the_gate_either(scene: Scene) -> None:
    scene.policy = scene.make.policy(strict_seed=True)
    scene.monitoring.vetoes = [{"alertname": "RedisDown"}]

    assert scene.drive().phase is Phase.SUCCEEDED


def test_when_it_fires_again_after_that_it_is_decided_again(scene: Scene) -> None:
    scene.monitoring.believes = False
    scene.drive()

    scene.monitoring.believes = True
    scene.fires(7)

    assert scene.drive(2).phase is Phase.SUCCEEDED


def test_an_alert_that_flaps_is_not_called_off_again_and_again_without_a_pause(scene: Scene) -> None:
    scene.monitoring.believes = False
    scene.drive()

    scene.monitoring.believes = True
    scene.fires(5.9)
    assert len(scene.store.rollbacks(None, 9)) == 1
    scene.fires(6.1)

    assert (len(scene.store.rollbacks(None, 9)), scene.state.attempts) == (2, 0)


def test_prometheus_that_dies_after_the_decision_does_not_take_it_back(scene: Scene) -> None:
    scene.monitoring.blind = True

    rollback = scene.drive()

    assert [result.state for result in rollback.results] == [DONE]
    assert rollback.verification
    assert rollback.verification.verdict is VerificationVerdict.BLIND


def test_an_alert_that_is_pending_again_after_a_restart_of_prometheus_is_not_over(scene: Scene) -> None:
    scene.monitoring.believes = False
    scene.monitoring.actives = [Active(labels={"alertname": "Anything"}, firing=False, since=NOON)]

    assert scene.drive().phase is Phase.SUCCEEDED


def test_a_gate_that_breaks_stays_open(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Gatekeeper, alert: object) -> str:
        raise RuntimeError("no such thing")

    monkeypatch.setattr(Gatekeeper, "why_closed", broken)

    assert scene.drive().phase is Phase.SUCCEEDED


def test_what_a_person_asked_for_has_no_gate(scene: Scene) -> None:
    scene.monitoring.believes = False
    mine = replace(scene.rollback, by="anna")

    scene.restorer.drive(mine, scene.clock.pause)

    assert scene.executor.closed == []
    assert scene.rollback.phase is not Phase.CALLED_OFF


def test_once_a_host_may_have_been_touched_it_is_not_called_off_half_way(scene: Scene) -> None:
    scene.interrupted(Phase.RUNNING)
    scene.store.add_step(scene.rollback, Step(at=NOON, host="all", step="gate", status="open"))
    scene.monitoring.believes = False

    assert scene.drive(resumed=True).phase is Phase.SUCCEEDED
    assert not [text for text in scene.texts if text.startswith("Rolling back")]  # that was told before


def test_an_attempt_that_died_at_the_open_gate_is_asked_again_while_every_host_runs_what_is_left(
    scene: Scene,
) -> None:
    scene.interrupted(Phase.RUNNING)
    scene.store.add_step(scene.rollback, Step(at=NOON, host="all", step="gate", status="open"))
    scene.probes.live = {"app1": "2", "app2": "2"}
    scene.monitoring.believes = False

    assert scene.drive(resumed=True).phase is Phase.CALLED_OFF


@pytest.mark.parametrize(
    "live", [{}, {"app1": "2", "app2": None}, {"app1": "2", "app2": "1"}], ids=["unknown", "silent", "moved"]
)
def test_a_host_that_may_have_been_touched_is_brought_to_the_end(
    scene: Scene, live: dict[str, str | None]
) -> None:
    scene.interrupted(Phase.RUNNING)
    scene.store.add_step(scene.rollback, Step(at=NOON, host="all", step="gate", status="open"))
    scene.probes.live = live
    scene.monitoring.believes = False

    scene.drive(resumed=True)

    assert scene.executor.closed == []


@pytest.mark.parametrize(
    ("standing", "expected"), [(Standing.GOOD, Standing.GOOD), (Standing.UNPROVEN, Standing.REJECTED)]
)
def test_a_good_release_that_a_person_leaves_without_an_alert_stays_good(
    scene: Scene, standing: Standing, expected: Standing
) -> None:
    """A rollback was wrong: a person goes forward again, by name."""
    scene.drive()
    scene.store.mark_release("shop", "production", "1", standing, "the test", NOON)
    scene.probes.live = {"app1": "1"}
    wish = Wish(
        service="shop", env="production", to_version="2", reason="false alarm", by="ann", further=True
    )
    forward = Returner(scene.store, scene.decider.look).ask(wish, dry_run=False)
    scene.probes.live = {"app1": "2"}

    assert scene.drive(forward["id"]).phase is Phase.SUCCEEDED
    assert {r.version: r.standing for r in scene.state.releases}["1"] is expected


# Hosts


@pytest.mark.parametrize("outcome", [RunOutcome.FAILED, RunOutcome.TIMED_OUT])
def test_a_run_that_fails_is_failed_and_never_measured(scene: Scene, outcome: RunOutcome) -> None:
    results = (scene.make.result("app1"), scene.make.result("app2", FAILED, "no disk"))
    scene.executor.result = RunResult(outcome=outcome, detail="app2: no disk", results=results)

    rollback = scene.drive()

    assert (rollback.phase, rollback.detail, rollback.results) == (Phase.FAILED, "app2: no disk", results)
    assert rollback.verification is None
    assert "FAILED HALF-WAY: rollback of shop (production) 2 to 1: app2: no disk" in scene.texts[-1]
    assert scene.state.current
    assert scene.state.current.version == "2"
    assert scene.state.handled_by == 1  # it moved a host


def test_hosts_that_are_away_do_not_keep_the_others_from_being_restored_and_measured(scene: Scene) -> None:
    scene.restores(("app1", DONE), ("app2", UNREACHABLE), ("app3", LACKING))
    scene.probes.live = {"app1": "1", "app2": None, "app3": "2"}

    rollback = scene.drive()

    assert (rollback.phase, rollback.waiting) == (Phase.SUCCEEDED, ("app2", "app3"))
    assert any("app2 did not answer" in text and "app3 has no such release" in text for text in scene.texts)
    assert scene.state.open_end == rollback


def test_a_restored_host_that_stops_answering_is_worse(scene: Scene) -> None:
    scene.restores(("app1", DONE), ("app2", UNREACHABLE))
    scene.probes.live = {"app1": None, "app2": None}

    rollback = scene.drive()

    assert rollback.verification
    assert rollback.verification.verdict is VerificationVerdict.WORSE
    assert rollback.verification.samples[-1].unready_hosts == ("app1",)


def test_what_failed_and_moved_no_host_is_tried_again_and_told_of_the_first_and_the_last_time(
    scene: Scene,
) -> None:
    scene.fails("app1: does not answer", ("app1", UNREACHABLE))
    told = []
    for number in (1, 2, 3):
        assert scene.drive(number).phase is Phase.FAILED
        told.append([text for text in scene.texts if "FAILED" in text])
        scene.fires(5 + 2 * number)

    assert [len(texts) for texts in told] == [1, 1, 2]
    assert len([text for text in scene.texts if text.startswith("Rolling back shop (production)")]) == 1
    assert scene.state.attempts == 3
    assert len(scene.store.rollbacks("shop", 10)) == 3
    assert "proposed" in scene.texts[-1]


# Measuring


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

    assert rollback.verification
    assert (rollback.phase, rollback.verification.verdict) == (Phase.UNVERIFIED, verdict)
    assert "A person must look" in scene.texts[-1]
    assert scene.state.open_end == rollback


# The daemon ends in the middle


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

    scene.drive(resumed=True)

    assert [run.attempt for run in scene.executor.runs] == [2]
    assert LedgerKind.ROLLBACK_RESUMED in scene.kinds
    assert len(scene.store.rollbacks(None, 10)) == 1


def test_what_an_attempt_before_the_crash_moved_counts_as_moved(scene: Scene) -> None:
    scene.interrupted(Phase.RUNNING)
    for host, status in [("app1", "done"), ("app2", "started")]:
        scene.store.add_step(scene.rollback, Step(at=NOON, host=host, step="host", status=status))
    scene.restores(("app1", ALREADY), ("app2", ALREADY), ("app3", ALREADY))
    scene.probes.live = {"app1": "1"}

    rollback = scene.drive(resumed=True)

    assert {r.host: r.state for r in rollback.results} == {"app1": DONE, "app2": DONE, "app3": ALREADY}
    assert rollback.changed


def test_after_a_crash_another_version_on_a_host_is_somebodys_work_and_is_left(scene: Scene) -> None:
    scene.interrupted(Phase.RUNNING)
    scene.probes.live = {"app1": "1", "app2": "7"}

    rollback = scene.drive(resumed=True)

    assert rollback.phase is Phase.FAILED
    assert "app2 runs 7" in rollback.detail
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


# The database


def test_a_database_that_is_away_delays_but_does_not_lose_a_transition(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals, move = [1, 2, 3, 4], scene.store.move

    def flaky(*args: Any) -> None:
        if refusals:
            refusals.pop()
            raise StoreUnavailable
        move(*args)

    monkeypatch.setattr(scene.store, "move", flaky)

    assert scene.drive().phase is Phase.SUCCEEDED
    assert len(scene.executor.runs) == 1


@pytest.mark.parametrize(
    "problem", [StoreUnavailable(), UnicodeEncodeError("utf-8", "\udcff", 0, 1, "x"), Blind()]
)
def test_a_step_that_cannot_be_stored_does_not_end_the_run(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    scene.executor.steps = [Step(at=NOON, host="app1", step="host", status="done")]

    def refuse(*args: Any) -> None:
        raise problem

    monkeypatch.setattr(scene.store, "add_step", refuse)

    assert scene.drive().phase is Phase.SUCCEEDED


@pytest.mark.parametrize(
    ("phase", "ends"),
    [(Phase.PENDING, Phase.FAILED), (Phase.RUNNING, Phase.FAILED), (Phase.VERIFYING, Phase.UNVERIFIED)],
)
def test_what_cannot_be_driven_further_ends_so_that_a_person_is_called(
    scene: Scene, phase: Phase, ends: Phase
) -> None:
    if phase is not Phase.PENDING:
        scene.interrupted(phase)

    scene.restorer.give_up(1, "internal error", scene.clock.pause)

    assert (scene.rollback.phase, scene.rollback.detail) == (ends, "internal error")


def test_what_has_ended_is_not_given_up(scene: Scene) -> None:
    before = scene.drive()

    scene.restorer.give_up(1, "internal error", scene.clock.pause)

    assert scene.rollback == before
