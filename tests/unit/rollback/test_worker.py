"""The daemon's threads: what was accepted is driven, whatever goes wrong beside it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from devtools.wait import until
from rollback import worker as module
from rollback.adapters.sqlite import SqliteStore
from rollback.domain.errors import Blind, StoreUnavailable
from rollback.domain.rollback import AttemptFailed, Claimed, Phase, Rollback
from rollback.worker import Loop, Worker

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class Restorer:
    """Ends each rollback as failed, or breaks as often as it is told."""

    store: SqliteStore
    breaks: int = 0
    cannot_give_up: int = 0
    driven: list[tuple[int, bool]] = field(default_factory=list)
    given_up: list[str] = field(default_factory=list)

    def drive(self, rollback: Rollback, pause: Callable[[float], bool], *, resumed: bool) -> None:
        self.driven.append((rollback.id, resumed))
        if self.breaks:
            self.breaks -= 1
            raise RuntimeError("broken")
        self.end(rollback)

    def give_up(self, rollback_id: int, problem: str, pause: Callable[[float], bool]) -> None:
        if self.cannot_give_up:
            self.cannot_give_up -= 1
            raise RuntimeError("broken too")
        self.given_up.append(problem)
        self.end(self.store.rollback(rollback_id))

    def end(self, rollback: Rollback) -> None:
        self.store.move(rollback, rollback.apply(AttemptFailed(at=NOON, detail="the end")), ())


@dataclass
class Idle:
    """Every other part: does nothing, or breaks."""

    error: Exception | None = None
    worked: int = 0
    caught_up: list[str | None] = field(default_factory=list)
    forgets: Exception | None = None

    def work(self, *_: Any) -> bool:
        self.worked += 1
        if self.error:
            raise self.error
        return False

    def tick(self) -> None:
        self.work()

    def last_alive(self) -> str | None:
        if self.forgets:
            raise self.forgets
        return f"before tick {self.worked + 1}"

    def catch_up(self, last: str | None) -> int:
        self.caught_up.append(last)
        return 0

    def failing(self) -> list[str]:
        return []


@dataclass
class Scene:
    store: SqliteStore
    make: Any
    restorer: Restorer
    others: dict[str, Any] = field(
        default_factory=lambda: {n: Idle() for n in ("decide", "reconcile", "tell")}
    )
    care: Idle = field(default_factory=Idle)
    rehearse: Idle = field(default_factory=Idle)

    def __post_init__(self) -> None:
        self.make.live(self.store, "1", minutes=-60, good=True)
        self.make.live(self.store, "2", minutes=0)
        first, second, last = (self.others[name] for name in ("decide", "reconcile", "tell"))
        restorer: Any = self.restorer
        care: Any = self.care
        rehearse: Any = self.rehearse
        parts = (first, second, restorer, {"slack": last}, care, rehearse)
        self.worker = Worker(self.store, *parts, lambda: 0.05, threading.Event())

    def pending(self) -> Rollback:
        found: Rollback = self.make.pending(self.store, self.make.alert().starts_at)
        return found

    def until_ended(self) -> Rollback | None:
        def ended() -> Rollback | None:
            found = self.store.rollback(1)
            return None if found.active else found

        return until("the rollback to end", ended, deadline_s=30, interval_s=0.01)


@pytest.fixture
def scene(store: SqliteStore, make: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(module, "DISPATCH_SECONDS", 0.01)
    monkeypatch.setattr(module, "REST_SECONDS", 0.02)
    found = Scene(store, make, Restorer(store))
    yield found
    found.worker.stop()
    assert found.worker.join(5)


def test_an_absence_is_examined_once_from_what_the_former_life_left(scene: Scene) -> None:
    scene.worker.start()

    reconcile = scene.others["reconcile"]
    until("some ticks", lambda: reconcile.worked > 3 and reconcile.caught_up, deadline_s=30, interval_s=0.01)
    assert reconcile.caught_up == ["before tick 1"]


def test_a_beginning_that_cannot_be_read_keeps_no_alert_from_being_read(scene: Scene) -> None:
    scene.others["reconcile"].forgets = ValueError("no moment")

    scene.worker.start()

    until("a tick", lambda: scene.others["reconcile"].worked, deadline_s=30, interval_s=0.01)
    assert scene.others["reconcile"].caught_up in ([], [None])


def test_a_store_that_is_away_is_asked_for_the_beginning_before_the_first_tick(scene: Scene) -> None:
    scene.others["reconcile"].forgets = StoreUnavailable("away")
    scene.worker.start()
    [reconcile] = [loop for loop in scene.worker._loops if loop.name == "reconcile"]
    until("a try", lambda: reconcile.problem, deadline_s=30, interval_s=0.01)
    assert scene.others["reconcile"].worked == 0

    scene.others["reconcile"].forgets = None

    until("a tick", lambda: scene.others["reconcile"].worked > 1, deadline_s=30, interval_s=0.01)
    assert scene.others["reconcile"].caught_up == ["before tick 1"]


def test_an_accepted_rollback_is_driven_though_deciding_fails(scene: Scene) -> None:
    scene.others["decide"].error = ZeroDivisionError()
    scene.worker.start()

    scene.pending()

    scene.until_ended()
    assert scene.restorer.driven == [(1, False)]


def test_an_accepted_rollback_is_driven_though_deciding_hangs(scene: Scene) -> None:
    hanging = threading.Event()
    scene.others["decide"].work = hanging.wait
    scene.worker.start()

    scene.pending()

    scene.until_ended()
    hanging.set()


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.RUNNING])
def test_what_a_former_life_left_is_resumed_once(scene: Scene, phase: Phase) -> None:
    before = scene.pending()
    if phase is Phase.RUNNING:
        scene.store.move(before, before.apply(Claimed(at=NOON)), ())

    scene.worker.start()

    scene.until_ended()
    assert scene.restorer.driven == [(1, True)]


def test_one_that_breaks_is_given_up(scene: Scene) -> None:
    scene.restorer.breaks = 1
    scene.worker.start()

    scene.pending()

    scene.until_ended()
    assert scene.restorer.given_up == ["internal error: RuntimeError('broken')"]


def test_one_that_cannot_even_be_given_up_gets_another_thread(scene: Scene) -> None:
    scene.restorer.breaks = scene.restorer.cannot_give_up = 2
    scene.worker.start()

    scene.pending()

    scene.until_ended()
    assert [number for number, _ in scene.restorer.driven] == [1, 1, 1]


def test_a_thread_that_cannot_be_started_is_tried_again(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals, start = [1, 2], threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("rollback-") and refusals:
            refusals.pop()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    scene.worker.start()

    scene.pending()

    scene.until_ended()
    assert scene.restorer.driven == [(1, False)]


def test_every_loop_works_and_one_that_fails_goes_on(scene: Scene) -> None:
    scene.care.error = ZeroDivisionError()
    scene.worker.start()

    for part in (*scene.others.values(), scene.rehearse):
        until("every part to work", lambda part=part: part.worked, deadline_s=30, interval_s=0.01)  # type: ignore[misc]
    until("care to go on", lambda: scene.care.worked > 2, deadline_s=30, interval_s=0.01)
    assert scene.worker.trouble() == []


def test_what_fails_in_the_same_way_again_and_again_is_said_once_until_it_worked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    part = Idle()
    loop = Loop(name="care", work=part.work, pause=lambda: 0, stopping=threading.Event())

    for error in (ZeroDivisionError(), ZeroDivisionError(), StoreUnavailable(), None, StoreUnavailable()):
        part.error = error
        loop._work()

    said = capsys.readouterr().out
    assert (said.count("loop_failed"), said.count("tried_again_later")) == (1, 2)


def test_a_daemon_that_stops_is_in_trouble(scene: Scene) -> None:
    scene.worker.start()

    scene.worker.stop()

    assert scene.worker.trouble() == ["the daemon is stopping"]


@pytest.mark.parametrize(
    ("error", "failing"), [(ZeroDivisionError(), True), (StoreUnavailable(), True), (Blind("away"), False)]
)
def test_a_loop_that_fails_again_and_again_is_trouble_but_nothing_that_a_new_start_mends(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, error: Exception, failing: bool
) -> None:
    monkeypatch.setattr(module, "FAILING_SECONDS", 0.05)
    scene.others["reconcile"].error = error
    scene.worker.start()
    until("some passes", lambda: scene.others["reconcile"].worked > 5, deadline_s=30, interval_s=0.01)

    assert scene.worker.failing()["reconcile"] is failing
    assert bool(scene.worker.trouble()) is failing
    assert scene.worker.stuck() == []

    scene.others["reconcile"].error = None
    until("it to be well", lambda: not scene.worker.trouble(), deadline_s=30, interval_s=0.01)
    assert not any(scene.worker.failing().values())


def test_one_failure_is_no_trouble() -> None:
    loop = Loop(name="care", work=Idle(ZeroDivisionError()).work, pause=lambda: 0, stopping=threading.Event())

    loop._work()

    assert not loop.failing


def test_a_loop_that_hangs_is_stuck_unless_it_shows_that_it_works(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.0)
    go_on = threading.Event()
    scene.others["decide"].work = lambda beat: go_on.wait()
    scene.worker.start()
    decide = next(loop for loop in scene.worker._loops if loop.name == "decide")
    decide.patience = 0.05

    until("it to be stuck", scene.worker.stuck, deadline_s=30, interval_s=0.01)
    assert scene.worker.stuck()[0].startswith("decide has been silent")
    decide.beat()
    assert scene.worker.stuck() == []
    go_on.set()


def test_duties_that_fail_are_trouble(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FAILING_SECONDS", 0.05)
    scene.care.failing = lambda: ["Repairs shop"]  # type: ignore[method-assign]
    scene.worker.start()

    until("the trouble", scene.worker.trouble, deadline_s=30, interval_s=0.01)

    assert "not looked after: Repairs shop" in scene.worker.trouble()[0]


def test_it_starts_though_the_database_cannot_be_read_and_resumes_when_it_can(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.pending()
    read, refused = scene.store.in_phase, list[int]()

    def refuse(*phases: Phase) -> list[Rollback]:
        if len(refused) < 5:
            refused.append(1)
            raise StoreUnavailable
        return read(*phases)

    monkeypatch.setattr(scene.store, "in_phase", refuse)
    scene.worker.start()

    scene.until_ended()
    assert scene.restorer.driven == [(1, True)]
