"""What is old goes and every count stays; what decisions rest on is kept, and no webhook waits for it."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic, time
from typing import Any

import pytest

from devtools.wait import until
from rollback.adapters import outputs
from rollback.adapters.outputs import RunOutputs
from rollback.adapters.sqlite import SqliteStore, forgetting
from rollback.domain.alert import Source
from rollback.domain.control import ProposalState
from rollback.domain.decision import decide
from rollback.domain.facts import HostSeen
from rollback.domain.reasons import LedgerKind, Verdict
from rollback.domain.rollback import AttemptFailed, Claimed, HostState
from rollback.domain.stored import Attempt, Batch, NewEntry, Notice, NoticeState, Quarantined, Settled

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = ("shop", "production")
TABLES = ("ledger", "inbox", "notices", "proposals", "rollbacks", "decisions", "deployments", "quarantine")


def day(number: float) -> datetime:
    return NOON + timedelta(days=number)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    found = SqliteStore(tmp_path / "rollback.db")
    yield found
    found.close()


def rows(store: SqliteStore, table: str) -> int:
    with store._reader.moment() as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


def forget_all(store: SqliteStore, before: datetime, limit: int = 7) -> int:
    gone = 0
    while found := store.forget(before, before, limit):
        gone += found
    return gone


def batch(at: datetime, *alerts: Any, bad: str = "") -> Batch:
    quarantined = (Quarantined(body=bad, problem="none"),) if bad else ()
    return Batch(at=at, source=Source.WEBHOOK, alerts=alerts, retry_before=NOON, quarantined=quarantined)


def lived(store: SqliteStore, make: Any, days: int) -> None:
    """A service that deploys every day, and each deployment is rolled back, proposed to be, or left alone."""
    for number in range(days):
        at, minutes = day(number), number * 24 * 60
        now = at + timedelta(minutes=66)
        make.live(store, f"{number}.0", minutes=minutes, good=True)
        make.live(store, f"{number}.1", minutes=minutes + 60)
        alert = make.alert(fingerprint=f"f{number}", starts_at=at + timedelta(minutes=65))
        store.receive(batch(now, alert, bad=f"{number}")).result()
        state = store.service_state(*KEY)
        facts = make.facts(
            now=now,
            alert=alert,
            deployment=state.deployment,
            releases=state.releases,
            deployment_began=at,
            hosts=(HostSeen(host="app1", answered=True, version=f"{number}.1", ready=True),),
        )
        if number % 4 == 0:
            facts = replace(facts, watched=replace(facts.watched, vetoes=("RedisDown",)))
        if number % 4 == 1:
            facts = replace(facts, deployment_began=None)
        told = (Notice(text="told", colour="good"),)
        settled = Settled(items=(store.waiting(1)[0],), decision=decide(facts))
        record = store.record(settled, partial(lambda told, _: told, told))
        assert record
        if record.verdict is Verdict.PROPOSE:
            store.answer_proposal(store.proposal(record.id), ProposalState.REJECTED, "x", "", now)
        if record.rollback_id:
            before = store.rollback(record.rollback_id)
            claimed = before.apply(Claimed(at=now))
            kind = LedgerKind.ROLLBACK_STARTED
            store.move(before, claimed, (NewEntry(at=now, kind=kind, service="shop", rollback_id=before.id),))
            results = (make.result(state=HostState.DONE),)
            store.move(claimed, claimed.apply(AttemptFailed(at=now, detail="x", results=results)), ())
        numbers = [waiting.id for waiting in store.notices_waiting(10)]
        store.settle_notices(numbers, "slack", Attempt.TOLD, lambda _: NoticeState.SENT, now)


def test_what_is_old_goes_and_no_count_of_it(store: SqliteStore, make: Any) -> None:
    lived(store, make, 120)
    before, many = store.tally(), {table: rows(store, table) for table in TABLES}

    assert forget_all(store, day(200)) > 500

    after, few = store.tally(), {table: rows(store, table) for table in TABLES}
    for name in ("rollbacks", "durations", "decisions", "verifications", "notices", "quarantined"):
        assert getattr(after, name) == getattr(before, name), name
    assert few["quarantine"] == few["notices"] == few["ledger"] == 0
    assert all(few[table] < many[table] for table in TABLES), (few, many)
    state = store.service_state(*KEY)
    assert state.current is not None
    assert state.current.version == "119.1"
    assert len(state.deployments) == 50
    with store._reader.moment() as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


def test_the_state_that_decisions_rest_on_is_the_same_afterwards(store: SqliteStore, make: Any) -> None:
    lived(store, make, 20)
    before = store.service_state(*KEY)

    forget_all(store, day(1000))

    after = store.service_state(*KEY)
    for name in ("current", "releases", "deployments", "rollbacks", "open_end", "proposal", "handled_by"):
        assert getattr(after, name) == getattr(before, name), name


def test_what_is_open_or_young_stays(store: SqliteStore, make: Any) -> None:
    make.live(store, "1", minutes=-60, good=True)
    make.live(store, "2", minutes=0)
    rollback = make.pending(store, make.alert().starts_at)
    store.append(NewEntry(at=NOON, kind=LedgerKind.HOST_STEP, service="shop", rollback_id=rollback.id))
    store.receive(batch(NOON, make.alert(fingerprint="waits"))).result()
    store.tell_once("a mark", (Notice(text="waits", colour="good"),), NOON)

    forget_all(store, day(1000))

    assert store.rollback(rollback.id).active
    assert [item.alert.fingerprint for item in store.waiting(10)] == ["waits"]
    assert [notice.notice.text for notice in store.notices_waiting(10)] == ["waits"]
    assert [entry.kind for entry in store.ledger(0, 10) if entry.kind is LedgerKind.HOST_STEP]
    assert store.decision(rollback.decision_id)
    assert forget_all(store, NOON - timedelta(days=1)) == 0


def test_nobody_else_cuts_the_ledger(store: SqliteStore, make: Any, tmp_path: Path) -> None:
    lived(store, make, 3)
    store.forget(day(1), day(1), 1_000)
    young = store.ledger(0, 1_000)[-1]

    with sqlite3.connect(tmp_path / "rollback.db") as other, pytest.raises(sqlite3.IntegrityError):
        other.execute("DELETE FROM ledger WHERE id = ?", (young.id,))


def test_of_alerts_that_were_set_aside_only_so_many_are_kept(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "MOST_SET_ASIDE", 10)
    for number in range(30):
        store.receive(batch(NOON, bad=f"{number}")).result()

    forget_all(store, NOON)

    assert [one.body for one in store.quarantined(100)] == [str(n) for n in range(29, 19, -1)]
    assert store.tally().quarantined == 30


def test_a_crowd_of_old_records_goes_while_webhooks_are_taken(store: SqliteStore, make: Any) -> None:
    """Sixty thousand records, two hundred at a time: each delivery waits for one batch at most."""
    entry = NewEntry(at=NOON, kind=LedgerKind.WEBHOOK_RECEIVED, service="shop", data={"x": "y" * 200})
    for _ in range(40):
        store.append(*[entry] * 1_000)
    for number in range(20):
        alerts = [make.alert(fingerprint=f"{number}-{n}") for n in range(1_000)]
        store.receive(batch(NOON, *alerts)).result()
    store.set_aside({item.id: "old" for item in store.waiting(20_000)}, NOON)
    waits = []

    with ThreadPoolExecutor(1) as pool:
        forgetting_all = pool.submit(forget_all, store, day(10), 200)
        while not forgetting_all.done():
            began = monotonic()
            store.receive(batch(day(11), make.alert(fingerprint=f"new {began}"))).result()
            waits.append(monotonic() - began)
        assert forgetting_all.result() >= 60_000

    print(f"{len(waits)} deliveries meanwhile, the slowest took {max(waits) * 1000:.0f} ms")  # noqa: T201
    assert max(waits) < 2
    assert rows(store, "ledger") == len(waits)
    with store._reader.moment() as connection:
        log = Path(connection.execute("PRAGMA database_list").fetchone()["file"] + "-wal")
    assert log.stat().st_size < 64_000_000


def folder(runs: Path, number: int, age: timedelta, size: int = 1_000) -> Path:
    attempt = runs / str(number) / "attempt-1"
    attempt.mkdir(parents=True)
    (attempt / "output.log").write_bytes(b"x" * size)
    for path in (attempt / "output.log", attempt, attempt.parent):
        os.utime(path, (time() - age.total_seconds(),) * 2)
    return attempt.parent


def test_output_that_is_old_or_too_much_goes_unless_it_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outputs, "MOST", 120_000)
    runs = tmp_path / "runs"
    old, active = folder(runs, 1, timedelta(days=9)), folder(runs, 2, timedelta(days=9))
    large = folder(runs, 3, timedelta(days=3), size=110_000)
    young = folder(runs, 4, timedelta(days=1), size=20_000)
    other = runs / "rehearsal-shop"
    other.mkdir()

    gone = RunOutputs(lambda: runs).forget(timedelta(days=7), frozenset({2}))

    assert gone == 2
    assert [path.exists() for path in (old, active, large, young, other)] == [False, True, False, True, True]
    assert RunOutputs(lambda: tmp_path / "none").forget(timedelta(days=7), frozenset()) == 0


def test_the_daemon_forgets_by_itself(daemon: Any, alert: Callable[..., Any], make: Any) -> None:
    file = Path(daemon.settings["database"])
    store = SqliteStore(file)
    lived(store, make, 5)
    counted = store.tally().decisions
    store.close()
    with sqlite3.connect(file) as other:
        other.execute("UPDATE notices SET created_at = '2020-01-01T00:00:00.000000+00:00', state = 'sent'")
    runs = folder(daemon.folder / "state" / "runs", 1, timedelta(days=100))

    daemon.start()

    until("the old ones to go", lambda: "forgotten" in daemon.said(), deadline_s=20, explain=daemon.said)
    until("the output to go", lambda: not runs.exists(), deadline_s=20, explain=daemon.said)
    store = SqliteStore(file)
    assert sum(store.tally().decisions.values()) >= sum(counted.values())
    store.close()
