"""A database that is damaged, newer or locked: never acted on, always said, and nothing is lost by it."""

import signal
import socket
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import structlog

from devtools.wait import until
from rollback import app, cli
from rollback.adapters.sqlite import SqliteStore
from rollback.domain.errors import SettingsInvalid, StoreUnavailable
from rollback.domain.rollback import ACTIVE

Alert = Callable[..., Any]
PAGE = 4096


def filled(file: Path, make: Any) -> None:
    """A database of many pages, all of them in the file itself."""
    store = SqliteStore(file)
    make.live(store, "1", minutes=-60, good=True)
    make.live(store, "2", minutes=0)
    for number in range(200):
        store.mark(f"{number}" * 50, make.alert().starts_at)
    store.close()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def overwrite(file: Path, page: int = 1) -> None:
    """Zeros over everything from that page on."""
    whole = file.read_bytes()
    file.write_bytes(whole[: page * PAGE] + b"\0" * (len(whole) - page * PAGE))


@pytest.mark.parametrize(
    "how", ["pages of zeros", "no database", "cut off", "cut to nothing", "of another program"]
)
def test_a_damaged_file_is_kept_said_and_not_worked_with(tmp_path: Path, make: Any, how: str) -> None:
    file = tmp_path / "rollback.db"
    filled(file, make)
    if how == "pages of zeros":
        overwrite(file)
    elif how == "no database":
        file.write_bytes(b"This is a text and no database. " * 500)
    elif how == "cut off":
        file.write_bytes(file.read_bytes()[: 5 * PAGE])
    else:
        file.write_bytes(b"")
    if how == "of another program":
        for old in tmp_path.glob("rollback.db*"):
            old.unlink()
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("CREATE TABLE theirs (x)")
    damaged = file.read_bytes()

    for _ in range(2):  # also when it is started again and again
        store = SqliteStore(file)
        with pytest.raises(StoreUnavailable, match=r"is damaged: .*systemctl stop rollback; mv"):
            store.in_phase(*ACTIVE)
        with pytest.raises(StoreUnavailable, match="is damaged"):
            store.mark("x", make.alert().starts_at)
        assert store.trouble(10)[0].startswith(f"The database {file} is damaged")
        store.close()

    [kept] = tmp_path.glob("rollback.db.damaged-*Z")
    assert kept.read_bytes() == damaged
    assert file.read_bytes() == damaged


def test_the_folder_of_the_database_is_made_and_nobody_else_may_look_into_it(tmp_path: Path) -> None:
    file = tmp_path / "not" / "there" / "rollback.db"

    SqliteStore(file).close()

    assert file.is_file()
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_cannot_be_made_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")

    with pytest.raises(
        StoreUnavailable, match=r"database: expected a folder .* make it, or name another path"
    ):
        SqliteStore(tmp_path / "file" / "rollback.db")


def test_damage_that_is_met_at_work_ends_the_work(tmp_path: Path, make: Any) -> None:
    file = tmp_path / "rollback.db"
    filled(file, make)
    store = SqliteStore(file)
    overwrite(file)

    with pytest.raises(StoreUnavailable):
        for _ in range(20):
            store.tally()
            store.mark("x", make.alert().starts_at)

    with pytest.raises(StoreUnavailable, match="is damaged"):
        store.services("production")
    with pytest.raises(StoreUnavailable, match="is damaged"):
        store.mark("y", make.alert().starts_at)
    store.close()


def test_a_row_of_a_newer_version_hides_no_other(tmp_path: Path, make: Any) -> None:
    file = tmp_path / "rollback.db"
    filled(file, make)
    store = SqliteStore(file)
    make.live(store, "1", minutes=1, service="cart")
    make.pending(store, make.alert().starts_at)
    with sqlite3.connect(file) as other:
        other.execute("UPDATE decisions SET reason = 'premonition'")
        other.execute("UPDATE releases SET standing_at = 'soon' WHERE service = 'cart'")
        other.execute("UPDATE notices SET notice = iif(id % 2, '[]', '{')")
        other.execute("INSERT INTO ledger (at, kind, service, data) VALUES ('x', 'omen', '', '{')")

    assert store.decisions(None, 10) == []
    assert [one.version for one in store.deployments("cart", 10)] == ["1"]
    assert store.ledger(0, 1000)
    assert [state.service for state in store.tally().services] == ["shop"]
    assert [one.id for one in store.in_phase(*ACTIVE)] == [1]
    assert store.notices_waiting(10) == []
    with pytest.raises(StoreUnavailable, match="Nothing is decided about it"):
        store.service_state("cart", "production")
    with pytest.raises(StoreUnavailable, match="cannot be read"):
        store.decision(1)
    store.close()


def test_a_newer_schema_is_refused(tmp_path: Path, make: Any) -> None:
    file = tmp_path / "rollback.db"
    filled(file, make)
    with sqlite3.connect(file) as other:
        other.execute("PRAGMA user_version = 1000")

    with pytest.raises(SettingsInvalid, match="found 1000: a newer version of the daemon wrote it"):
        SqliteStore(file)


def test_the_daemon_says_that_a_newer_one_wrote_its_database(
    daemon: Any, make: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon.configure()
    filled(daemon.folder / "rollback.db", make)
    with sqlite3.connect(daemon.folder / "rollback.db") as other:
        other.execute("PRAGMA user_version = 1000")

    assert app.main(["--settings", str(daemon.file)]) == 2
    assert "a newer version of the daemon wrote it" in capsys.readouterr().err
    structlog.reset_defaults()


def test_a_start_that_fails_is_said_to_systemd_and_not_tried_again_at_once(
    daemon: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.configure()
    filled(daemon.folder / "rollback.db", make)
    with sqlite3.connect(daemon.folder / "rollback.db") as other:
        other.execute("PRAGMA user_version = 1000")
    monkeypatch.setattr(app, "REST_SECONDS", 1.5)
    began = monotonic()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        address = str(daemon.folder / "notify")
        systemd.bind(address)
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        assert app.main(["--settings", str(daemon.file)]) == 2
        told = systemd.recv(1_000).decode()

    assert monotonic() - began >= 1.5
    assert told.startswith("STATUS=database: expected schema")
    structlog.reset_defaults()


def test_with_a_damaged_database_it_turns_alerts_away_says_why_and_begins_anew_by_a_persons_hand(
    daemon: Any, alert: Alert, make: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = daemon.folder / "rollback.db"
    filled(file, make)
    overwrite(file)
    daemon.start(WATCHDOG_USEC="300000")

    answer = daemon.deliver(alert())
    assert answer.status_code == 503
    ready = daemon.get("/health/ready")
    assert (ready.status_code, "is damaged" in ready.text, "mv " in ready.text) == (503, True, True)
    failing = 'mita_rollback_loop_failing{loop="decide"}'
    until("a loop to fail", lambda: daemon.metric(failing) == 1, deadline_s=60)
    assert len(daemon.get("/health/ready").json()["trouble"]) == 1, "said once, not once more by each loop"
    status = daemon.get("/api/admin/rollback/status")
    assert (status.status_code, "is damaged" in status.text) == (503, True)
    assert daemon.metric("mita_rollback_store_up") == 0
    assert "database_damaged" in daemon.said()
    options = ["--settings", str(daemon.file), "--url", daemon.url]
    assert cli.main([*options, "status"]) != 0
    assert "systemctl stop rollback" in "".join(capsys.readouterr())

    daemon.end(signal.SIGTERM)
    file.rename(file.with_name("rollback.db.old"))
    for end in ("-wal", "-shm"):
        Path(f"{file}{end}").unlink(missing_ok=True)
    daemon.start()
    assert daemon.deliver(alert()).status_code == 202
    assert daemon.get("/health/ready").status_code == 200


def test_a_database_that_is_damaged_at_work_is_told_by_ready_and_nothing_more_is_stored(
    daemon: Any, alert: Alert, make: Any
) -> None:
    file = daemon.folder / "rollback.db"
    filled(file, make)
    daemon.start()
    assert daemon.deliver(alert("before", service="")).status_code == 202

    overwrite(file)

    def told() -> bool:
        return "is damaged" in daemon.get("/health/ready").text

    until("ready to tell", told, deadline_s=20, interval_s=0.1, explain=daemon.said)
    assert daemon.deliver(alert("after")).status_code == 503
    assert daemon.metric("mita_rollback_store_up") == 0


def test_a_database_that_is_locked_for_long_is_told_and_survived(daemon: Any, alert: Alert) -> None:
    daemon.start(WATCHDOG_USEC="300000")
    other = sqlite3.connect(daemon.settings["database"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    until("ready to tell", lambda: daemon.get("/health/ready").status_code == 503, deadline_s=90)
    assert daemon.deliver(alert()).status_code == 503

    other.execute("ROLLBACK")
    other.close()
    until("it to be ready", lambda: daemon.get("/health/ready").status_code == 200, deadline_s=20)
    assert daemon.deliver(alert()).status_code == 202
    assert daemon.process.poll() is None
