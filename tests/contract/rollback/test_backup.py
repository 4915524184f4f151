"""Copies of the database while the daemon runs, and one of them put back."""

import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rollback import backup
from rollback.domain.errors import SettingsInvalid

NOW = datetime(2026, 11, 27, 3, 0, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backups"


def ends(*arguments: object) -> tuple[int, str]:
    """How the command ends, and what it says."""
    argv = [sys.executable, "-m", "rollback.backup", *map(str, arguments)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


def versions(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as opened:
        return [version for (version,) in opened.execute("SELECT version FROM releases ORDER BY version")]


def test_what_was_known_at_the_copy_is_known_after_it_was_put_back(daemon: Any, folder: Path) -> None:
    daemon.start()
    daemon.deploy("1.0.0")
    database = Path(daemon.settings["database"])
    copy = backup.save(database, folder, 5, NOW)
    daemon.deploy("2.0.0")

    code, said = ends("--database", database, "restore", copy)
    assert code == 1 and "systemctl stop rollback" in said
    assert versions(database) == ["1.0.0", "2.0.0"]

    daemon.end()
    code, said = ends("--database", database, "restore", copy)
    assert code == 0 and "Start the daemon: systemctl start rollback" in said
    daemon.start()
    assert daemon.ask("/status")["services"]["shop"]["current"]["version"] == "1.0.0"
    [kept] = [path for path in database.parent.glob("*.replaced-*") if path.name.endswith("Z")]
    assert versions(kept) == ["1.0.0", "2.0.0"]


def test_only_the_latest_copies_stay_and_only_their_owner_reads_them(daemon: Any, folder: Path) -> None:
    daemon.start().deploy("1.0.0")
    foreign = folder / "notes.txt"
    folder.mkdir(mode=0o700)
    foreign.touch()
    made = [
        backup.save(Path(daemon.settings["database"]), folder, 2, NOW + timedelta(days=n)) for n in range(4)
    ]

    assert backup.copies(folder) == made[2:]
    assert foreign.exists()
    assert {stat.S_IMODE(path.stat().st_mode) for path in made[2:]} == {0o600}


def test_a_copy_that_fails_leaves_the_earlier_ones(daemon: Any, folder: Path, tmp_path: Path) -> None:
    daemon.start().deploy("1.0.0")
    database = Path(daemon.settings["database"])
    made = backup.save(database, folder, 1, NOW)
    broken = tmp_path / "broken.db"
    broken.write_bytes(database.read_bytes()[:2000] + b"\0" * 5000)

    with pytest.raises(backup.BackupError, match="no copy was made or removed"):
        backup.save(broken, folder, 1, NOW + timedelta(days=1))
    with pytest.raises(backup.BackupError, match=r"expected the daemon's database at .*, found none"):
        backup.save(tmp_path / "none.db", folder, 1, NOW)

    assert [path.name for path in folder.iterdir()] == [made.name]


def a_copy_of(kind: str, good: Path, path: Path) -> None:
    if kind == "a text":
        path.write_text("no database")
    elif kind == "half":
        path.write_bytes(good.read_bytes()[:9000])
    elif kind == "newer":
        path.write_bytes(good.read_bytes())
        with closing(sqlite3.connect(path)) as opened:
            opened.execute("PRAGMA user_version = 999")
    elif kind == "another program's":
        with closing(sqlite3.connect(path)) as opened:
            opened.execute("CREATE TABLE t (x)")
    elif kind == "empty":
        path.touch()


def test_what_is_no_copy_replaces_nothing(daemon: Any, folder: Path) -> None:
    daemon.start().deploy("1.0.0")
    database = Path(daemon.settings["database"])
    good = backup.save(database, folder, 1, NOW)
    daemon.end()

    for kind in ("a text", "half", "newer", "another program's", "empty", "none"):
        given = folder / f"{kind}.db"
        a_copy_of(kind, good, given)

        code, said = ends("--database", database, "restore", given)

        assert code == 1 and "expected a copy" in said and "Traceback" not in said, kind
        assert versions(database) == ["1.0.0"], kind
        assert not [*database.parent.glob("*.replaced-*"), *database.parent.glob("*.part")], kind


def test_a_daemon_that_runs_keeps_its_database(daemon: Any, folder: Path) -> None:
    daemon.start()
    database = Path(daemon.settings["database"])
    copy = backup.save(database, folder, 1, NOW)

    with pytest.raises(SettingsInvalid, match="no other daemon uses"):
        backup.restore(database, copy, NOW)


def test_the_copies_are_listed(daemon: Any, folder: Path) -> None:
    code, said = ends("--directory", folder, "list")
    assert code == 1 and "found no such folder" in said

    folder.mkdir()
    assert "make one: rollback-backup now" in ends("--directory", folder, "list")[1]

    daemon.start()
    code, said = ends("--database", daemon.settings["database"], "--directory", folder, "now", "--keep", "3")
    assert code == 0 and said == ends("--directory", folder, "list")[1]
    assert ends("now", "--keep", "0")[0] == 2
