"""Opening the database file and bringing its schema up to date."""

import sqlite3
from importlib import resources
from pathlib import Path

BUSY_TIMEOUT_MS = 2_000
"""How long a statement waits for another process's lock before it counts as unavailable."""


def connect(path: Path) -> sqlite3.Connection:
    """Open the file for many threads, flushing every commit; transactions are begun by hand."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def migrate(connection: sqlite3.Connection) -> int:
    """Apply the schema files that the database has not seen, each whole or not; return its version."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute("PRAGMA foreign_keys = OFF")  # a table that is made anew is away for a moment
    for number, script in enumerate(_scripts(), start=1):
        if number > version:
            script = f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;"
            connection.executescript(script)
            version = number
    connection.execute("PRAGMA foreign_keys = ON")
    return int(version)


def _scripts() -> list[str]:
    """The schema files in order of their names."""
    folder = resources.files("rollback.adapters") / "schema"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [f.read_text(encoding="utf-8") for f in files]
