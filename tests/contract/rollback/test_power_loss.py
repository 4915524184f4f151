"""The power is cut: what was not synced is forgotten, and all that was answered for is there all the same."""

import random
import signal
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import Alert, AlertStatus, Source
from rollback.domain.stored import Batch
from tests.contract.rollback.forgetful import SAID, SYNC, Disk, Recorder, records
from tests.contract.rollback.lives import FORKING, Forked

NAME = "rollback.db"
TOGETHER = 3
"""So many alerts are in a batch: all of them are stored, or none."""
MOMENTS = 80


def live(folder: Path, batches: int, synchronous: str) -> None:
    """A store that takes batch after batch and says of each when it is safe. In a process of its own."""
    recorder = Recorder(folder / "log")
    store = SqliteStore(folder / NAME)
    store._connection.execute(f"PRAGMA synchronous = {synchronous}")
    at = datetime.now(UTC)
    for number in range(batches):
        alerts = tuple(
            Alert(
                fingerprint=f"{number}-{part}",
                starts_at=at,
                status=AlertStatus.FIRING,
                annotations={"text": "x" * 500},
            )
            for part in range(TOGETHER)
        )
        batch = Batch(at=at, source=Source.WEBHOOK, alerts=alerts, retry_before=at)
        store.receive(batch).result()
        recorder.say(str(number))


def lost(folder: Path, moments: int, seed: int) -> dict[str, int]:
    """What is wrong after the power was cut at *moments* random moments, twice at each; and what was seen."""
    log, chance, disk = list(records(folder / "log")), random.Random(seed), Disk()  # noqa: S311
    chosen = set(chance.sample(range(len(log)), min(moments, len(log)))) | {len(log) - 1}
    found = dict.fromkeys(("missing", "half-written", "damaged", "cuts"), 0)
    found["checkpoints"] = sum(what == SYNC and name == NAME for what, name, _, _ in log)
    promised: set[str] = set()
    for number, record in enumerate(log):
        disk.take(record)
        if record[0] == SAID:
            promised.add(record[1])
        if number in chosen:
            for torn in (None, chance):
                disk.after_power_loss(folder / "after", torn)
                look(folder / "after" / NAME, promised, found)
    return found


def look(database: Path, promised: set[str], found: dict[str, int]) -> None:
    """Open what is left, as the next start does, and count."""
    found["cuts"] += 1
    store = SqliteStore(database)
    store.close()
    connection = sqlite3.connect(database)
    there: dict[str, int] = {}
    for (name,) in connection.execute("SELECT fingerprint FROM inbox"):
        number = name.split("-")[0]
        there[number] = there.get(number, 0) + 1
    found["missing"] += len(promised - there.keys())
    found["half-written"] += sum(count != TOGETHER for count in there.values())
    found["damaged"] += connection.execute("PRAGMA integrity_check").fetchone() != ("ok",)
    connection.close()


def recorded(folder: Path, synchronous: str) -> Path:
    process = FORKING.Process(target=live, args=(folder, 400, synchronous))
    process.start()
    process.join(60)
    assert process.exitcode == 0
    if all(what == SAID for what, _, _, _ in records(folder / "log")):
        pytest.skip("this Python has an SQLite of its own, which cannot be watched")
    return folder


def test_whenever_the_power_is_cut_everything_that_was_promised_is_there_and_whole(
    tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    found = lost(recorded(tmp_path, "FULL"), MOMENTS, seed=1)

    for name, value in found.items():
        record_testsuite_property(name, value)
    assert [found[name] for name in ("missing", "half-written", "damaged")] == [0, 0, 0], found
    assert found["cuts"] > MOMENTS
    assert found["checkpoints"] > 1


def test_with_less_syncing_promises_are_broken(tmp_path: Path) -> None:
    """So that nobody believes a disk that forgets nothing."""
    found = lost(recorded(tmp_path, "NORMAL"), 20, seed=1)

    assert found["missing"] > 20
    assert found["half-written"] == found["damaged"] == 0


def test_every_webhook_that_was_answered_for_outlives_a_power_loss_of_the_daemon(
    daemon: Any, alert: Callable[..., Any]
) -> None:
    log = daemon.folder / "log"
    daemon.launch = lambda environment: Forked(daemon.file, daemon.log, environment, records=log)
    daemon.start()
    answered = [f"alert-{n}" for n in range(60) if daemon.deliver(alert(f"alert-{n}")).status_code == 202]
    daemon.end(signal.SIGKILL)

    disk = Disk()
    for record in records(log):
        disk.take(record)
    disk.after_power_loss(daemon.folder / "after")
    daemon.launch = lambda environment: Forked(daemon.file, daemon.log, environment)
    daemon.configure(database=str(daemon.folder / "after" / NAME)).start()

    assert len(answered) == 60
    assert [name for name in answered if daemon.stored(name) != 1] == []
    daemon.until_decided()
