"""Alerts that nobody delivered, heartbeats and outages."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import Source
from rollback.domain.ports import Fired
from rollback.domain.reasons import LedgerKind
from rollback.domain.stored import LedgerEntry, Notice, Quarantined
from rollback.service.deciding import Decider
from rollback.service.intake import ALIVE, Intake, Reconciler

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class Scene:
    store: SqliteStore
    clock: Any
    monitoring: Any
    make: Any

    def __post_init__(self) -> None:
        policy = self.make.policy()
        self.intake = Intake(self.store, self.clock, lambda: policy)
        self.reconciler = Reconciler(self.store, self.clock, self.monitoring, self.intake, lambda: policy)

    @property
    def entries(self) -> list[LedgerEntry]:
        return self.store.ledger(0, 100)


@pytest.fixture
def scene(store: SqliteStore, clock: Any, monitoring: Any, make: Any) -> Scene:
    return Scene(store, clock, monitoring, make)


def test_an_undelivered_alert_is_found_and_waits_like_any_other(scene: Scene) -> None:
    scene.monitoring.active_alerts = [scene.make.alert()]

    scene.reconciler.tick()

    [item] = scene.store.waiting(10)
    assert item.source is Source.RECONCILE
    assert [entry.kind for entry in scene.entries] == [LedgerKind.ALERT_SEEN]


def test_what_was_delivered_and_is_found_again_is_one_alert(scene: Scene) -> None:
    scene.intake.receive(Source.WEBHOOK, (scene.make.alert(),)).result()
    scene.monitoring.active_alerts = [scene.make.alert()]

    receipt = scene.reconciler.tick()

    assert receipt is not None

    assert (receipt.accepted, receipt.duplicates) == (0, 1)
    assert len(scene.store.waiting(10)) == 1


def test_an_alertmanager_that_does_not_answer_is_survived(scene: Scene) -> None:
    scene.monitoring.blind = True

    assert scene.reconciler.tick() is None
    assert scene.store.marked(ALIVE) == NOON


def test_a_heartbeat_is_remembered_and_never_decided(scene: Scene) -> None:
    beat = scene.make.alert(labels={"rollback": "heartbeat"})

    scene.intake.receive(Source.WEBHOOK, (beat,)).result()

    assert scene.store.tally().last_heartbeat == NOON
    assert not scene.store.waiting(10)
    assert not scene.entries


def test_after_an_outage_what_fired_meanwhile_is_journalled(scene: Scene) -> None:
    scene.store.mark(ALIVE, NOON - timedelta(minutes=20))
    labels = {"alertname": "Anything", "service": "shop", "rollback_trigger": "x"}
    scene.monitoring.fired = [Fired(labels=labels, first=NOON, last=NOON)]

    assert scene.reconciler.catch_up(scene.reconciler.last_alive()) == 1
    assert scene.monitoring.asked == ["fired 11:40 12:00"]
    [entry] = scene.entries
    assert (entry.kind, entry.data["source"]) == (LedgerKind.ALERT_SEEN, "prometheus")


def test_two_missed_readings_are_an_outage(scene: Scene) -> None:
    scene.store.mark(ALIVE, NOON - timedelta(seconds=30))

    scene.reconciler.catch_up(scene.reconciler.last_alive())

    assert len(scene.monitoring.asked) == 1


def test_the_examined_gap_is_not_longer_than_an_alert_stays_fresh(scene: Scene) -> None:
    scene.store.mark(ALIVE, NOON - timedelta(days=30))

    scene.reconciler.catch_up(scene.reconciler.last_alive())

    assert scene.monitoring.asked == ["fired 11:00 12:00"]


@pytest.mark.parametrize("seconds", [None, 29])
def test_without_an_outage_nothing_is_examined(scene: Scene, seconds: int | None) -> None:
    if seconds:
        scene.store.mark(ALIVE, NOON - timedelta(seconds=seconds))

    assert scene.reconciler.catch_up(scene.reconciler.last_alive()) == 0
    assert not scene.monitoring.asked


def test_a_blind_catch_up_is_survived(scene: Scene) -> None:
    scene.store.mark(ALIVE, NOON - timedelta(minutes=20))
    scene.monitoring.blind = True

    assert scene.reconciler.catch_up(scene.reconciler.last_alive()) == 0


def test_what_cannot_be_read_is_set_aside_and_told_once(scene: Scene) -> None:
    bad = tuple(Quarantined(body=str(n), problem="startsAt is in the year 9999") for n in range(2))

    receipts = [
        scene.intake.receive(Source.WEBHOOK, (scene.make.alert(),), bad).result(),
        scene.intake.receive(Source.WEBHOOK, (scene.make.alert(),), bad).result(),
    ]

    assert [receipt.quarantined for receipt in receipts] == [2, 2]
    assert scene.store.tally().quarantined == 2
    assert len(scene.store.waiting(10)) == 1
    [text] = scene.make.texts(scene.store)
    assert text.startswith("2 alert(s) could not be read and were set aside: startsAt is in the year 9999.")
    assert len(scene.entries) == 1


def test_what_alertmanager_holds_and_nobody_can_read_is_set_aside_and_reading_goes_on(scene: Scene) -> None:
    scene.monitoring.active_alerts = [scene.make.alert()]
    scene.monitoring.unreadable = [Quarantined(body="{}", problem="the alert has no fingerprint")]

    for _ in range(3):
        scene.reconciler.tick()

    assert len(scene.store.waiting(10)) == 1
    assert scene.store.tally().quarantined == 1
    assert len(scene.make.texts(scene.store)) == 1


def test_what_belongs_to_no_change_is_told_once(store: SqliteStore, make: Any) -> None:
    notice = Notice(text="hello", colour="good")

    assert [store.tell_once(mark, (notice,), NOON) for mark in ("a", "a", "b")] == [True, False, True]
    assert make.texts(store) == ["hello", "hello"]


@pytest.mark.parametrize(("minutes", "woken"), [(0.01, False), (1, True), (-60, True)])
def test_a_held_alert_is_decided_again_also_when_the_clock_was_set_back(
    scene: Scene, probes: Any, minutes: float, woken: bool
) -> None:
    policy = scene.make.policy()
    scene.monitoring.blind, alert = True, scene.make.alert(minutes=0.5)
    scene.make.live(scene.store, "1", minutes=-60, good=True)
    scene.make.live(scene.store, "2", minutes=-1)
    scene.clock.move(minutes=1)
    scene.intake.receive(Source.WEBHOOK, (alert,)).result()
    Decider(scene.store, scene.clock, scene.monitoring, probes, lambda: policy).work()
    assert scene.store.tally().inbox_held == 1

    scene.clock.move(minutes=minutes)
    scene.intake.receive(Source.WEBHOOK, (alert,)).result()

    assert bool(scene.store.waiting(10)) is woken


def test_what_fired_while_alertmanager_was_away_is_journaled_when_it_is_back(scene: Scene) -> None:
    """What began and ended in between is delivered by nobody."""
    scene.monitoring.fired = [
        Fired(labels={"alertname": "Gone", "service": "shop"}, first=NOON, last=NOON + timedelta(minutes=1))
    ]
    scene.monitoring.blind = True
    scene.reconciler.tick()
    scene.clock.move(3)
    scene.reconciler.tick()
    scene.monitoring.blind = False

    scene.reconciler.tick()
    scene.reconciler.tick()

    assert [one for one in scene.monitoring.asked if one.startswith("fired")] == ["fired 12:00 12:03"]
    assert [(e.kind, e.data["alertname"]) for e in scene.entries] == [(LedgerKind.ALERT_SEEN, "Gone")]


def test_a_step_that_fails_leaves_the_heartbeat_of_the_store(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(scene.monitoring, "firing", broken)

    with pytest.raises(ZeroDivisionError):
        scene.reconciler.tick()

    assert scene.store.marked(ALIVE) == scene.clock.now()
