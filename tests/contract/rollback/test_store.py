"""One contract for every store: memory and SQLite now, a shared database later."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rollback.adapters.memory import MemoryStore
from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import AlertStatus, Source
from rollback.domain.decision import decide
from rollback.domain.deployment import NewDeployment, Outcome
from rollback.domain.errors import (
    ConcurrentChange,
    DeploymentClosed,
    NotFound,
    QueueFull,
    RollbackInProgress,
    ShuttingDown,
    StoreUnavailable,
    VersionRejected,
)
from rollback.domain.facts import Began
from rollback.domain.policy import Mode
from rollback.domain.reasons import LedgerKind, Reason
from rollback.domain.records import Batch, NewEntry, Notice, NoticeState, Quarantined, Step
from rollback.domain.rollback import (
    Claimed,
    Phase,
    Restored,
    Verification,
    VerificationVerdict,
    VerifiedFixed,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    found = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "rollback.db")
    yield found
    found.close()


@pytest.fixture
def scene(store: Any, make: Any) -> "Scene":
    return Scene(store, make)


class Scene:
    """A service with 1 live since an hour and 2 since noon, and alerts to decide about."""

    def __init__(self, store: Any, make: Any) -> None:
        self.store, self.make = store, make
        make.live(store, "1", minutes=-60)
        make.live(store, "2", minutes=0)

    def receive(self, *alerts: Any, minutes: float = 5, retry_before: datetime = NOON, **batch: Any) -> Any:
        whole = Batch(
            at=at(minutes), source=Source.WEBHOOK, alerts=alerts, retry_before=retry_before, **batch
        )
        return self.store.receive(whole).result()

    def record(self, item: Any, *notices: Notice, **facts: Any) -> Any:
        state = self.store.service_state("shop")
        release = next(r for r in state.releases if r.version == "1")
        whole = self.make.facts(
            **{"alert": item.alert, "deployment": state.deployment, "target": release, **facts}
        )
        decision = decide(whole)
        entry = NewEntry(at=decision.at, kind=LedgerKind.DECIDED, service="shop", data={"x": 1})
        return self.store.record(item, decision, entry, notices)

    def item(self, **alert: Any) -> Any:
        self.receive(self.make.alert(**alert))
        return self.store.waiting(10)[-1]

    def rollback(self, **alert: Any) -> Any:
        record = self.record(self.item(**alert))
        return self.store.rollback(record.rollback_id)

    def finish(self, rollback: Any, minutes: float = 9) -> Any:
        running = rollback.apply(Claimed(at=at(6)))
        verifying = running.apply(Restored(at=at(7)))
        verification = Verification(verdict=VerificationVerdict.FIXED, at=at(minutes))
        ended = replace(verifying.apply(VerifiedFixed(at=at(minutes))), verification=verification)
        for before, after in [(rollback, running), (running, verifying), (verifying, ended)]:
            self.store.move(before, after, ())
        return ended


# Alerts


def test_each_state_of_each_episode_is_stored_once(scene: Scene) -> None:
    alert = scene.make.alert()
    others = [scene.make.alert(minutes=6), scene.make.alert(status=AlertStatus.RESOLVED)]

    first = scene.receive(alert, alert, *others)
    again = scene.receive(alert, *others, minutes=6)

    assert (first.accepted, first.duplicates) == (3, 1)
    assert (again.accepted, again.duplicates) == (0, 3)
    assert [item.alert for item in scene.store.waiting(10)] == [alert, *others]
    assert {item.received_at for item in scene.store.waiting(10)} == {at(5)}


def test_waiting_alerts_come_oldest_first_and_not_more_than_asked_for(scene: Scene) -> None:
    scene.receive(*[scene.make.alert(fingerprint=str(n)) for n in range(5)])

    assert [item.alert.fingerprint for item in scene.store.waiting(3)] == ["0", "1", "2"]


def test_a_batch_is_journalled_only_when_it_brought_something(scene: Scene) -> None:
    before = len(scene.store.ledger(0, 100))
    scene.receive(scene.make.alert())
    scene.receive(scene.make.alert())
    scene.receive()
    receipt = scene.receive(quarantined=(Quarantined(body="{}", problem="no status"),))

    entries = scene.store.ledger(0, 100)[before:]
    assert [(e.kind, e.data["accepted"], e.data["quarantined"]) for e in entries] == [
        (LedgerKind.WEBHOOK_RECEIVED, 1, 0),
        (LedgerKind.WEBHOOK_RECEIVED, 0, 1),
    ]
    assert receipt.quarantined == scene.store.tally().quarantined == 1


def test_a_heartbeat_is_remembered(scene: Scene) -> None:
    scene.receive(heartbeat=True, minutes=1)
    scene.receive(heartbeat=True, minutes=2)

    assert scene.store.tally().last_heartbeat == at(2)


def test_the_end_of_an_episode_is_found_by_its_beginning(scene: Scene) -> None:
    alert = scene.make.alert()
    assert scene.store.resolved_at(alert) is None

    scene.receive(replace(alert, status=AlertStatus.RESOLVED), minutes=8)

    assert scene.store.resolved_at(alert) == at(8)
    assert scene.store.resolved_at(scene.make.alert(minutes=6)) is None


def test_a_held_alert_wakes_when_it_is_seen_again_and_not_too_early(scene: Scene) -> None:
    item = scene.item()
    scene.record(item, began=Began(blind="x"))
    assert scene.store.waiting(10) == []

    scene.receive(item.alert, retry_before=at(5.1))
    assert scene.store.waiting(10) == []
    scene.receive(item.alert, retry_before=at(5.2))
    assert [found.id for found in scene.store.waiting(10)] == [item.id]


def test_a_settled_alert_never_wakes(scene: Scene) -> None:
    item = scene.item()
    scene.record(item, target=None)

    scene.receive(item.alert, retry_before=at(60))

    assert scene.store.waiting(10) == []
    assert scene.store.wake_expired(at(60)) == 0


def test_a_held_alert_that_got_too_old_wakes_once_more(scene: Scene) -> None:
    scene.record(scene.item(), began=Began(blind="x"))

    assert scene.store.wake_expired(at(5)) == 0
    assert scene.store.tally().inbox_held == 1
    assert scene.store.wake_expired(at(5.01)) == 1
    assert scene.store.tally().inbox_pending == 1


# Decisions


def test_a_decision_is_kept_with_everything_it_saw(scene: Scene) -> None:
    record = scene.record(scene.item(), target=None)

    found = scene.store.decision(record.id)
    assert (found.reason, found.rollback_id, found.alert) == (Reason.NO_KNOWN_GOOD, None, scene.make.alert())
    assert found.body == record.body
    assert found.body["facts"]["alert"]["fingerprint"] == "f1"
    assert scene.store.ledger(0, 100)[-1].data == {"x": 1, "decision_id": record.id, "rollback_id": None}


def test_a_rollback_starts_with_its_decision_and_rejects_what_is_left(scene: Scene) -> None:
    record = scene.record(scene.item())

    rollback = scene.store.rollback(record.rollback_id)
    assert (rollback.phase, rollback.from_version, rollback.to_version) == (Phase.PENDING, "2", "1")
    assert rollback.decision_id == record.id
    state = scene.store.service_state("shop")
    assert (state.active_rollback, state.handled_by) == (rollback, rollback.id)
    rejected = {release.version: release.rejected_at for release in state.releases}
    assert rejected == {"1": None, "2": at(5.1)}


def test_only_one_rollback_of_a_service_is_active(scene: Scene) -> None:
    scene.rollback()
    second = scene.item(fingerprint="f2")

    with pytest.raises(ConcurrentChange):
        scene.record(second)

    assert len(scene.store.rollbacks(None, 10)) == 1
    assert [item.id for item in scene.store.waiting(10)] == [second.id]
    assert len(scene.store.decisions(None, 10)) == 1


def test_a_deployment_is_rolled_back_automatically_once(scene: Scene) -> None:
    scene.finish(scene.rollback())
    second = scene.item(fingerprint="f2")

    with pytest.raises(ConcurrentChange):
        scene.record(second)


def test_a_rollback_does_not_start_when_another_deployment_has_begun(scene: Scene) -> None:
    item, seen = scene.item(), scene.store.service_state("shop").deployment
    scene.store.start_deployment(NEW, at(5))

    with pytest.raises(ConcurrentChange):
        scene.record(item, deployment=seen)

    assert scene.store.rollbacks(None, 10) == []


def test_an_alert_is_decided_by_one_of_two(scene: Scene) -> None:
    item = scene.item()
    scene.record(item, target=None)

    with pytest.raises(ConcurrentChange):
        scene.record(item, target=None)


def test_an_unchanged_answer_adds_nothing_and_another_one_does(scene: Scene) -> None:
    item = scene.item()
    first = scene.record(item, Notice(text="a", colour="good"), began=Began(blind="x"))
    counts = (len(scene.store.ledger(0, 100)), len(scene.store.notices_due(at(60), 10)))

    scene.receive(item.alert, retry_before=at(6))
    [item] = scene.store.waiting(10)
    same = scene.record(item, Notice(text="b", colour="good"), began=Began(blind="y"))
    assert same.id == first.id
    assert (len(scene.store.ledger(0, 100)), len(scene.store.notices_due(at(60), 10))) == counts

    scene.receive(item.alert, retry_before=at(6))
    other = scene.record(scene.store.waiting(10)[0], target=None)
    assert other.id != first.id
    assert [d.id for d in scene.store.decisions("shop", 10)] == [other.id, first.id]


def test_decisions_are_listed_newest_first_and_by_service(scene: Scene) -> None:
    for name in ("f1", "f2", "f3"):
        scene.record(scene.item(fingerprint=name), target=None)

    assert [d.alert.fingerprint for d in scene.store.decisions(None, 2)] == ["f3", "f2"]
    assert scene.store.decisions("other", 10) == []


# Rollbacks


def test_a_transition_and_its_history_are_one(scene: Scene) -> None:
    rollback = scene.rollback()
    running = rollback.apply(Claimed(at=at(6)))
    entry = NewEntry(at=at(6), kind=LedgerKind.ROLLBACK_STARTED, service="shop", rollback_id=rollback.id)

    scene.store.move(rollback, running, (entry,), (Notice(text="started", colour="good"),))

    assert scene.store.rollback(rollback.id) == running
    assert scene.store.ledger(0, 100)[-1].kind is LedgerKind.ROLLBACK_STARTED
    assert [w.notice.text for w in scene.store.notices_due(at(6), 10)] == ["started"]


def test_a_transition_from_a_phase_that_has_passed_changes_nothing(scene: Scene) -> None:
    rollback = scene.rollback()
    running = rollback.apply(Claimed(at=at(6)))
    scene.store.move(rollback, running, ())
    count = len(scene.store.ledger(0, 100))

    with pytest.raises(ConcurrentChange):
        entry = NewEntry(at=at(7), kind=LedgerKind.ROLLBACK_STARTED, service="shop")
        scene.store.move(rollback, rollback.apply(Claimed(at=at(7))), (entry,))

    assert scene.store.rollback(rollback.id) == running
    assert len(scene.store.ledger(0, 100)) == count


def test_restoring_makes_the_target_live_and_an_end_starts_the_cooldown(scene: Scene) -> None:
    ended = scene.finish(scene.rollback())

    assert scene.store.rollback(ended.id) == ended
    state = scene.store.service_state("shop")
    assert (state.current.version, state.current.live_at) == ("1", at(7))
    assert (state.active_rollback, state.last_finished_at) == (None, at(9))


def test_steps_are_kept_in_order(scene: Scene) -> None:
    rollback = scene.rollback()
    steps = [Step(at=at(6), host="app1", step="switch", status=s, detail="d") for s in ("ok", "failed")]

    for step in steps:
        scene.store.add_step(rollback, step, (Notice(text=step.status, colour="good"),))

    assert scene.store.steps(rollback.id) == steps
    assert scene.store.steps(99) == []
    assert scene.store.ledger(0, 100)[-1].data["rollback_id"] == rollback.id
    assert [w.notice.text for w in scene.store.notices_due(at(6), 10)] == ["ok", "failed"]


def test_rollbacks_are_found_by_phase(scene: Scene) -> None:
    rollback = scene.rollback()

    assert scene.store.in_phase(Phase.PENDING, Phase.RUNNING) == [rollback]
    assert scene.store.in_phase(Phase.VERIFYING) == []
    assert scene.store.rollbacks("shop", 10) == [rollback]


@pytest.mark.parametrize("ask", ["rollback", "decision"])
def test_what_is_not_there_is_said_so(store: Any, ask: str) -> None:
    with pytest.raises(NotFound):
        getattr(store, ask)(99)


# Deployments

NEW = NewDeployment(service="shop", version="3", hosts=("app1", "app2"), checksum="c", rollback_safe=True)


def test_a_deployment_is_kept_and_becomes_live(scene: Scene) -> None:
    started = scene.store.start_deployment(NEW, at(10))
    assert (started.hosts, started.outcome) == (("app1", "app2"), None)
    assert scene.store.service_state("shop").current.version == "2"

    ended = scene.store.finish_deployment(started.id, Outcome.LIVE, "well", at(11))

    assert (ended.outcome, ended.finished_at, ended.detail) == (Outcome.LIVE, at(11), "well")
    state = scene.store.service_state("shop")
    assert (state.deployment, state.current.version) == (ended, "3")
    kinds = [entry.kind for entry in scene.store.ledger(0, 100)[-2:]]
    assert kinds == [LedgerKind.DEPLOYMENT_STARTED, LedgerKind.DEPLOYMENT_FINISHED]


def test_a_failed_deployment_makes_nothing_live(scene: Scene) -> None:
    started = scene.store.start_deployment(NEW, at(10))

    scene.store.finish_deployment(started.id, Outcome.FAILED, "app1", at(11))

    assert scene.store.service_state("shop").current.version == "2"


def test_a_deployment_that_never_ended_is_closed_by_the_next_one(scene: Scene) -> None:
    first = scene.store.start_deployment(NEW, at(10))
    scene.store.start_deployment(NEW, at(20))

    assert scene.store.deployments("shop", 10)[1].outcome is Outcome.ABANDONED
    with pytest.raises(DeploymentClosed):
        scene.store.finish_deployment(first.id, Outcome.LIVE, "", at(21))


def test_a_deployment_that_is_not_there_cannot_end(store: Any) -> None:
    with pytest.raises(NotFound):
        store.finish_deployment(99, Outcome.LIVE, "", NOON)


def test_nothing_is_deployed_while_the_service_is_rolled_back(scene: Scene) -> None:
    scene.rollback()

    with pytest.raises(RollbackInProgress):
        scene.store.start_deployment(NEW, at(6))


def test_a_rejected_version_comes_back_only_with_an_override_and_is_then_accepted(scene: Scene) -> None:
    scene.finish(scene.rollback())
    bad = replace(NEW, version="2")

    with pytest.raises(VersionRejected):
        scene.store.start_deployment(bad, at(10))
    started = scene.store.start_deployment(replace(bad, override=True), at(11))
    assert rejected(scene, "2")
    scene.store.finish_deployment(started.id, Outcome.LIVE, "", at(12))

    assert not rejected(scene, "2")


def rejected(scene: Scene, version: str) -> bool:
    releases = scene.store.service_state("shop").releases
    return any(r.rejected_at for r in releases if r.version == version)


def test_what_hosts_run_is_live_though_nobody_reported_it(scene: Scene) -> None:
    scene.store.observe_live("shop", "1", at(20))
    assert scene.store.service_state("shop").current.version == "1"

    scene.store.observe_live("shop", "0.9", at(21))

    current = scene.store.service_state("shop").current
    assert (current.version, current.rollback_safe, current.live_at) == ("0.9", False, at(21))
    assert scene.store.ledger(0, 100)[-1].data == {"version": "0.9"}


def test_an_unknown_service_is_empty_and_no_error(store: Any) -> None:
    state = store.service_state("nobody")

    assert (state.current, state.releases, state.deployment, state.active_rollback) == (None, (), None, None)


# History, messages, marks, counts


def test_the_history_is_read_from_where_one_left_off(scene: Scene) -> None:
    entries = scene.store.ledger(0, 100)

    assert [entry.id for entry in entries] == sorted(entry.id for entry in entries)
    assert scene.store.ledger(entries[1].id, 1) == [entries[2]]
    assert scene.store.ledger(entries[-1].id, 10) == []


def test_messages_are_due_in_order_and_put_off(scene: Scene) -> None:
    notices = [Notice(text=t, colour="good", fields={"a": "b"}) for t in ("one", "two")]
    scene.record(scene.item(), *notices, target=None)
    one, two = scene.store.notices_due(at(6), 10)
    assert ([one.notice, two.notice], one.attempts) == (notices, 0)

    scene.store.settle_notice(one.id, NoticeState.WAITING, at(8))
    scene.store.settle_notice(two.id, NoticeState.SENT, None)

    assert scene.store.notices_due(at(7), 10) == []
    [again] = scene.store.notices_due(at(8), 10)
    assert (again.id, again.attempts) == (one.id, 1)
    with pytest.raises(ConcurrentChange):
        scene.store.settle_notice(two.id, NoticeState.SENT, None)


def test_marks_are_remembered(store: Any) -> None:
    store.mark("alive", NOON)
    store.mark("alive", at(1))

    assert (store.marked("alive"), store.marked("other")) == (at(1), None)


def test_counts_come_from_the_records(scene: Scene) -> None:
    scene.finish(scene.rollback())
    scene.record(scene.item(fingerprint="f2"), policy=scene.make.policy(modes={"x": Mode.AUTO}))
    scene.receive(scene.make.alert(fingerprint="f3"))

    tally = scene.store.tally()

    assert tally.rollbacks == {"succeeded": 1}
    assert tally.verifications == {"fixed": 1}
    assert tally.decisions == {
        ("roll_back", "accepted", "error_rate_threshold"): 1,
        ("ignore", "unknown_trigger", "error_rate_threshold"): 1,
    }
    assert (tally.inbox_pending, tally.inbox_held) == (1, 0)
    assert tally.services == (scene.store.service_state("shop"),)


def test_a_closed_store_takes_nothing_more(scene: Scene) -> None:
    scene.store.close()

    with pytest.raises(ShuttingDown):
        scene.receive(scene.make.alert())


# What only the database can promise


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "durable.db"


@pytest.fixture
def durable(file: Path, make: Any) -> Iterator[Scene]:
    store = SqliteStore(file)
    yield Scene(store, make)
    store.close()


def test_every_commit_is_flushed(durable: Scene) -> None:
    connection = durable.store._connection

    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_everything_is_there_after_a_restart(durable: Scene, file: Path) -> None:
    ended = durable.finish(durable.rollback())
    durable.store.close()

    again = SqliteStore(file)

    assert again.rollback(ended.id) == ended
    assert again.service_state("shop").current.version == "1"  # type: ignore[union-attr]
    again.close()


COPY = """
    INSERT INTO rollbacks (id, service, phase, from_version, to_version, decision_id, deployment_id,
      requested_at, changed_at)
    SELECT 99, {service}, 'running', from_version, to_version, 2, {deployment}, requested_at, changed_at
    FROM rollbacks
"""
TWIN = """
    INSERT INTO inbox (fingerprint, starts_at, status, alert, source, received_at)
    SELECT fingerprint, starts_at, status, alert, source, received_at FROM inbox
"""
FORBIDDEN = {
    "a second active rollback": COPY.format(service="service", deployment="1"),
    "a second rollback of a deployment": COPY.format(service="'other'", deployment="deployment_id"),
    "going back to the same version": "UPDATE rollbacks SET to_version = from_version",
    "an end without its time": "UPDATE rollbacks SET phase = 'failed'",
    "success without a measurement": "UPDATE rollbacks SET phase = 'succeeded', finished_at = requested_at",
    "an unknown phase": "UPDATE rollbacks SET phase = 'done'",
    "the same state of an episode twice": TWIN,
    "a settled alert without decision": "UPDATE inbox SET decision_id = NULL",
    "a second open deployment": "UPDATE deployments SET outcome = NULL, finished_at = NULL",
    "changing history": "UPDATE ledger SET kind = 'decided'",
    "cutting history": "DELETE FROM ledger",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_schema_forbids(durable: Scene, what: str) -> None:
    durable.rollback()
    connection = durable.store._connection

    with pytest.raises(sqlite3.IntegrityError) as refused:
        connection.execute(FORBIDDEN[what])

    assert "FOREIGN KEY" not in str(refused.value)


def test_writes_of_many_threads_are_all_stored_and_share_commits(durable: Scene) -> None:
    def receive(number: int) -> int:
        return int(durable.receive(durable.make.alert(fingerprint=str(number))).accepted)

    with ThreadPoolExecutor(16) as threads:
        stored = sum(threads.map(receive, range(200)))

    assert stored == 200
    assert durable.store.tally().inbox_pending == 200


def test_a_piece_of_work_that_breaks_a_rule_fails_alone(durable: Scene) -> None:
    writer = durable.store._writer
    good = [writer.offer(lambda c: c.execute("SELECT 1").fetchone()[0]) for _ in range(3)]
    bad = writer.offer(lambda c: c.execute("INSERT INTO marks VALUES (NULL, NULL)"))
    buggy = writer.offer(lambda c: 1 / 0)

    assert [future.result() for future in good] == [1, 1, 1]
    assert isinstance(bad.exception(), sqlite3.IntegrityError)
    assert isinstance(buggy.exception(), ZeroDivisionError)
    assert durable.receive(durable.make.alert()).accepted == 1


def test_a_locked_database_is_temporarily_unavailable(durable: Scene, file: Path) -> None:
    durable.store._connection.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable, match="locked"):
        durable.receive(durable.make.alert())
    other.execute("ROLLBACK")

    assert durable.receive(durable.make.alert()).accepted == 1
    other.close()


def test_a_full_disk_is_temporarily_unavailable_and_loses_nothing(durable: Scene) -> None:
    connection = durable.store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    big = {"annotations": {"text": "x" * 20_000}}

    with pytest.raises(StoreUnavailable, match="full"):
        durable.receive(durable.make.alert(**big))
    connection.execute("PRAGMA max_page_count = 100000")

    assert durable.receive(durable.make.alert(**big)).accepted == 1


def test_more_than_the_queue_holds_is_told_to_come_again(file: Path, make: Any) -> None:
    store = SqliteStore(file, queue_limit=0)

    with pytest.raises(QueueFull):
        store.receive(Batch(at=NOON, source=Source.WEBHOOK, alerts=(), retry_before=NOON))

    store.mark("the daemon's own work is never refused", NOON)
    store.close()


def test_a_newer_schema_is_applied_once(file: Path) -> None:
    SqliteStore(file).close()
    SqliteStore(file).close()

    version = sqlite3.connect(file).execute("PRAGMA user_version").fetchone()[0]
    assert version == len(list((Path(__file__).parents[3] / "rollback/adapters/schema").glob("*.sql")))
