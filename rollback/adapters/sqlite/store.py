"""The SQLite store as one object."""

import sqlite3
from pathlib import Path
from time import monotonic

from rollback.adapters.sqlite.connection import connect, damage_in, keep_copy, migrate, not_ours
from rollback.adapters.sqlite.control import Control
from rollback.adapters.sqlite.damage import DAMAGED, Damage
from rollback.adapters.sqlite.decisions import Decisions
from rollback.adapters.sqlite.deployments import Deployments
from rollback.adapters.sqlite.forgetting import Forgetting
from rollback.adapters.sqlite.inbox import Inbox
from rollback.adapters.sqlite.journal import Journal
from rollback.adapters.sqlite.reader import Reader
from rollback.adapters.sqlite.rollbacks import Rollbacks
from rollback.adapters.sqlite.tally import Counts
from rollback.adapters.sqlite.writer import Writer
from rollback.domain.errors import StoreUnavailable

QUEUE_LIMIT = 1_000
"""So many webhooks may wait for the disk; the next one is told to come again."""
NOWHERE = ":memory:"


class SqliteStore(Inbox, Decisions, Rollbacks, Deployments, Control, Journal, Counts, Forgetting):
    """Everything durable in one file; opening it looks for damage and applies the schema.

    A damaged file is opened all the same: everything that is asked of it is then refused with what to do, so
    that Alertmanager keeps its alerts and people are told. Raises SettingsInvalid when a newer version wrote
    the file, StoreUnavailable when it cannot be opened now.
    """

    def __init__(self, path: Path, queue_limit: int = QUEUE_LIMIT) -> None:
        self.damage = Damage(path)
        writing, reading = _opened(path, self.damage)
        super().__init__(Writer(writing, queue_limit, self.damage), Reader(reading, self.damage))
        self._connection = writing

    @property
    def alive(self) -> bool:
        """True while the writer works."""
        return self._writer.alive

    @property
    def hanging(self) -> float:
        """For so many seconds the disk has not answered."""
        return self._writer.hanging

    @property
    def written(self) -> float:
        """When something was last stored, in seconds since 1970; 0 when nothing was since the start."""
        return self._writer.written

    def trouble(self, patience: float) -> list[str]:
        """What is wrong with it: it is damaged or away, or nothing could be stored for so many seconds."""
        if problem := self.damage.found or self.damage.away:
            return [problem]
        if not self.alive:
            return ["the writer of the database has ended"]
        silent = monotonic() - self._writer.written_at
        return [f"nothing could be stored for {silent:.0f} s"] if silent > patience else []

    def close(self) -> None:
        """Finish what was accepted, then let go of the database."""
        self._writer.close()
        self._reader.close()
        self._connection.close()


def _make_folder(folder: Path) -> None:
    """Make the folder of the database, as `--check` promises; only its owner may look into it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"database: expected a folder that is there or can be made at {folder}, found: {error}; "
            "make it, or name another path"
        ) from error


def _opened(path: Path, damage: Damage) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """One connection to write and one to read; to nothing when the file is damaged."""
    try:
        if problem := not_ours(path):
            damage.damaged(problem, keep_copy(path))
            return connect(NOWHERE), connect(NOWHERE)
        _make_folder(path.parent)
        writing = connect(path)
        if problem := damage_in(writing):
            writing.close()
            damage.damaged(problem, keep_copy(path))
        else:
            migrate(writing)
            reading = connect(path)
            damage.opened()
            return writing, reading
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in DAMAGED:
            raise StoreUnavailable(f"The database {path} could not be opened: {error}.") from error
        damage.damaged(str(error), keep_copy(path))
    return connect(NOWHERE), connect(NOWHERE)
