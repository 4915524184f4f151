"""What is decided again and what is not, and what happens when the world moves in between."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollback.adapters.memory import MemoryStore
from rollback.domain.alert import AlertStatus, Source
from rollback.domain.deployment import NewDeployment, Outcome
from rollback.domain.errors import ConcurrentChange
from rollback.domain.policy import Policy
from rollback.domain.reasons import LedgerKind, Reason, Verdict
from rollback.domain.rollback import Phase
from rollback.service.deciding import Decider
from rollback.service.intake import Intake

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class Scene:
    """A service with 1 live since long ago, 2 since noon, and a daemon to decide about alerts."""

    store: MemoryStore
    clock: Any
    monitoring: Any
    make: Any
    policy: Policy

    def __post_init__(self) -> None:
        self.intake = Intake(self.store, self.clock, lambda: self.policy)
        self.decider = Decider(self.store, self.clock, self.monitoring, lambda: self.policy)

    def arrive(self, *alerts: Any, minutes: float) -> None:
        self.clock.at = NOON + timedelta(minutes=minutes)
        self.intake.receive(Source.WEBHOOK, alerts).result()
        self.decider.work()

    @property
    def reasons(self) -> list[Reason]:
        return [decision.reason for decision in self.store.all_decisions]


@pytest.fixture
def scene(store: MemoryStore, clock: Any, monitoring: Any, make: Any) -> Scene:
    make.live(store, "1", minutes=-60)
    make.live(store, "2", minutes=0)
    return Scene(store, clock, monitoring, make, make.policy())


def end_rollback(scene: Scene) -> None:
    """The active rollback fails now."""
    [active] = scene.store.in_phase(Phase.PENDING)
    failed = scene.make.rollback(**{**vars(active), "phase": Phase.FAILED, "finished_at": scene.clock.now()})
    scene.store.move(active, failed, ())


def test_an_alert_after_a_deployment_rolls_it_back(scene: Scene) -> None:
    scene.arrive(scene.make.alert(), minutes=5)

    [decision] = scene.store.all_decisions
    [rollback] = scene.store.all_rollbacks
    assert (decision.verdict, decision.rollback_id) == (Verdict.ROLL_BACK, rollback.id)
    assert (rollback.from_version, rollback.to_version) == ("2", "1")
    assert scene.store.entries[-1].data["rollback_id"] == rollback.id


def test_the_version_that_is_left_is_rejected(scene: Scene) -> None:
    scene.arrive(scene.make.alert(), minutes=5)

    assert scene.store.releases["shop", "2"].rejected_at == NOON + timedelta(minutes=5)


def test_repeats_of_a_decided_alert_change_nothing(scene: Scene) -> None:
    for minutes in (5, 6, 7, 20):
        scene.arrive(scene.make.alert(), minutes=minutes)

    assert scene.reasons == [Reason.ACCEPTED]


@pytest.mark.parametrize(
    ("minutes", "reason"), [(-1, Reason.ALERT_BEFORE_DEPLOYMENT), (40, Reason.NO_DEPLOYMENT_IN_WINDOW)]
)
def test_an_alert_that_the_deployment_cannot_explain_is_not_decided_again(
    scene: Scene, minutes: float, reason: Reason
) -> None:
    alert = scene.make.alert(minutes=minutes)

    scene.arrive(alert, minutes=41)
    scene.arrive(alert, minutes=45)

    assert scene.reasons == [reason]
    assert scene.store.tally().inbox_held == 0


def test_blind_holds_until_prometheus_answers_and_then_rolls_back(scene: Scene) -> None:
    scene.monitoring.blind = True
    scene.arrive(scene.make.alert(), minutes=5)
    scene.monitoring.blind = False
    scene.arrive(scene.make.alert(), minutes=6)

    assert scene.reasons == [Reason.BLIND, Reason.ACCEPTED]


def test_an_unchanged_answer_adds_no_record(scene: Scene) -> None:
    scene.monitoring.blind = True

    for minutes in (5, 6, 7):
        scene.arrive(scene.make.alert(), minutes=minutes)

    assert scene.reasons == [Reason.BLIND]
    assert [e.kind for e in scene.store.entries].count(LedgerKind.DECIDED) == 1


def test_a_storm_of_repeats_of_a_held_alert_is_decided_once_per_interval(scene: Scene) -> None:
    scene.monitoring.blind = True
    scene.arrive(scene.make.alert(), minutes=5)

    for second in range(1, 7):
        scene.arrive(scene.make.alert(), minutes=5 + second / 60)

    assert scene.monitoring.asked == ["began"]


def test_prometheus_is_not_waited_for_again_by_the_rest_of_a_pass(scene: Scene) -> None:
    scene.monitoring.blind = True

    scene.arrive(*[scene.make.alert(fingerprint=f"f{n}") for n in range(50)], minutes=5)

    assert scene.monitoring.asked == ["began"]
    assert scene.reasons == [Reason.BLIND] * 50


def test_prometheus_is_not_asked_where_its_answer_cannot_matter(scene: Scene) -> None:
    scene.arrive(scene.make.alert(minutes=-1), minutes=5)
    scene.arrive(scene.make.alert(status=AlertStatus.RESOLVED), minutes=5)
    scene.arrive(scene.make.alert(labels={"rollback_trigger": "other"}), minutes=5)

    assert scene.monitoring.asked == []


def test_an_alert_that_was_pending_before_the_deployment_is_left_alone(scene: Scene) -> None:
    scene.monitoring.pending_since = NOON - timedelta(minutes=1)

    scene.arrive(scene.make.alert(minutes=1), minutes=1)

    assert scene.reasons == [Reason.ALERT_BEFORE_DEPLOYMENT]


def test_during_the_switch_it_waits_and_afterwards_rolls_back(scene: Scene) -> None:
    new = NewDeployment(service="shop", version="3", hosts=("app1",), checksum="", rollback_safe=True)
    started = scene.store.start_deployment(new, NOON + timedelta(minutes=40))
    alert = scene.make.alert(minutes=41)

    scene.arrive(alert, minutes=41)
    scene.store.finish_deployment(started.id, Outcome.LIVE, "", NOON + timedelta(minutes=42))
    scene.arrive(alert, minutes=42)

    assert scene.reasons == [Reason.DEPLOYMENT_IN_PROGRESS, Reason.ACCEPTED]
    assert scene.store.all_rollbacks[0].to_version == "2"


def test_a_second_alert_is_told_why_it_changes_nothing_at_each_stage(scene: Scene) -> None:
    second = scene.make.alert(fingerprint="f2", minutes=6)
    scene.arrive(scene.make.alert(), minutes=5)

    scene.arrive(second, minutes=6)
    end_rollback(scene)
    scene.arrive(second, minutes=7)
    scene.arrive(second, minutes=30)
    scene.arrive(second, minutes=31)

    assert scene.reasons == [
        Reason.ACCEPTED,
        Reason.ROLLBACK_IN_PROGRESS,
        Reason.COOLDOWN,
        Reason.ALREADY_HANDLED,
    ]


def test_after_the_cooldown_a_later_deployment_is_rolled_back_by_an_alert_of_the_cooldown(
    scene: Scene,
) -> None:
    scene.arrive(scene.make.alert(), minutes=5)
    end_rollback(scene)
    scene.make.live(scene.store, "3", minutes=8)
    alert = scene.make.alert(fingerprint="f2", minutes=10)

    scene.arrive(alert, minutes=10)
    scene.arrive(alert, minutes=15.1)

    assert scene.reasons == [Reason.ACCEPTED, Reason.COOLDOWN, Reason.ACCEPTED]
    assert scene.store.all_rollbacks[1].to_version == "1"


def test_an_alert_that_ends_before_it_is_decided_is_not_acted_on(scene: Scene) -> None:
    alert = scene.make.alert()

    scene.arrive(alert, scene.make.alert(status=AlertStatus.RESOLVED), minutes=5)

    assert scene.reasons == [Reason.RESOLVED, Reason.RESOLVED]
    assert not scene.store.all_rollbacks


def test_a_held_alert_is_settled_when_it_gets_too_old(scene: Scene) -> None:
    scene.monitoring.blind = True
    scene.arrive(scene.make.alert(), minutes=5)

    scene.clock.at = NOON + timedelta(minutes=66)
    scene.store.wake_expired(scene.clock.now() - scene.policy.stale_after)
    scene.decider.work()

    assert scene.reasons == [Reason.BLIND, Reason.STALE]
    assert scene.store.tally().inbox_held == 0


class Interrupting(MemoryStore):
    """A store in which another deployment begins just before the decision is stored, as often as asked."""

    interruptions = 0

    def record(self, *args: Any) -> Any:
        if self.interruptions:
            self.interruptions -= 1
            new = NewDeployment(service="shop", version="9", hosts=("app1",), checksum="", rollback_safe=True)
            self.start_deployment(new, NOON + timedelta(minutes=5))
        return super().record(*args)


def test_when_a_deployment_begins_meanwhile_it_is_decided_again_on_the_new_facts(
    clock: Any, monitoring: Any, make: Any
) -> None:
    store = Interrupting()
    make.live(store, "1", minutes=-60)
    make.live(store, "2", minutes=0)
    scene = Scene(store, clock, monitoring, make, make.policy())
    store.interruptions = 1

    scene.arrive(make.alert(), minutes=5.1)

    assert scene.reasons == [Reason.DEPLOYMENT_IN_PROGRESS]
    assert not store.all_rollbacks


class Contested(MemoryStore):
    """A store in which somebody always was first with one alert."""

    def record(self, item: Any, *args: Any) -> Any:
        if item.id == 1:
            raise ConcurrentChange
        return super().record(item, *args)


def test_an_alert_that_cannot_be_settled_holds_up_no_other(clock: Any, monitoring: Any, make: Any) -> None:
    scene = Scene(Contested(), clock, monitoring, make, make.policy())

    scene.arrive(make.alert(), make.alert(fingerprint="f2"), minutes=5)

    assert scene.reasons == [Reason.NO_DEPLOYMENT_IN_WINDOW]
    assert [item.id for item in scene.store.waiting(10)] == [1]


def test_a_preview_decides_and_stores_nothing(scene: Scene) -> None:
    decision = scene.decider.preview(scene.make.alert(minutes=0))

    assert decision.verdict is Verdict.ROLL_BACK
    assert not scene.store.all_decisions
    assert not scene.store.all_rollbacks
