"""Opening the database file and bringing its schema up to date."""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from rollback.domain.errors import SettingsInvalid, StoreUnavailable

BUSY_TIMEOUT_MS = 2_000
"""How long a statement waits for another process's lock before it counts as unavailable."""
LONGEST_LOG = 64_000_000
"""Bytes to which the write-ahead log is cut back when it was longer for a while."""


def connect(path: Path | str) -> sqlite3.Connection:
    """Open the file for many threads, flushing every commit; transactions are begun by hand."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA journal_size_limit = {LONGEST_LOG}")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def not_ours(path: Path) -> str:
    """Why a file that is there was not left by a daemon; empty when it may have been. It is not touched."""
    if not path.is_file():
        return ""
    if not path.stat().st_size:
        return "it is empty, as one that was cut to nothing"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        tables = connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    return "another program wrote it: it has tables and no version" if tables and not version else ""


def damage_in(connection: sqlite3.Connection) -> str:
    """What is wrong with the file; empty when every page of it is sound."""
    found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
    return "" if found == ["ok"] else "; ".join(line.replace("\n", " ") for line in found)[:300]


def keep_copy(path: Path) -> Path | None:
    """Copy the damaged file and its log beside it, once; None when there is no room for that."""
    with suppress(OSError):
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        kept = path.with_name(f"{path.name}.damaged-{at:%Y%m%dT%H%M%SZ}")
        if not kept.exists():
            for end in ("-wal", "-shm", ""):  # the file last: it says that the copy is whole
                with suppress(FileNotFoundError):
                    shutil.copy2(f"{path}{end}", f"{kept}{end}")
        return kept
    return None


def migrate(connection: sqlite3.Connection) -> int:
    """Apply the schema files that the database has not seen, each whole or not; return its version.

    Raises SettingsInvalid when a newer version of the daemon has written it.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    scripts = _scripts()
    if version > len(scripts):
        raise SettingsInvalid(
            f"database: expected schema {len(scripts)} or an earlier one, found {version}: a newer version "
            "of the daemon wrote it. Install that one again, or restore the backup from before the upgrade."
        )
    connection.execute("PRAGMA foreign_keys = OFF")  # a table that is made anew is away for a moment
    for number, script in enumerate(scripts, start=1):
        if number > version:
            _apply(connection, number, script)
    connection.execute("PRAGMA foreign_keys = ON")
    return len(scripts)


def newest_schema() -> int:
    """The number of the latest schema that this version knows."""
    return len(_scripts())


def _apply(connection: sqlite3.Connection, number: int, script: str) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise StoreUnavailable(f"The database could not be brought to schema {number}: {error}.") from error


def _scripts() -> Sequence[str]:
    """The schema files in order of their names."""
    folder = resources.files("rollback.adapters") / "schema"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [f.read_text(encoding="utf-8") for f in files]
