"""The SQLite store as one object."""

from pathlib import Path

from rollback.adapters.sqlite.connection import connect, migrate
from rollback.adapters.sqlite.control import Control
from rollback.adapters.sqlite.decisions import Decisions
from rollback.adapters.sqlite.deployments import Deployments
from rollback.adapters.sqlite.inbox import Inbox
from rollback.adapters.sqlite.journal import Journal
from rollback.adapters.sqlite.reader import Reader
from rollback.adapters.sqlite.rollbacks import Rollbacks
from rollback.adapters.sqlite.tally import Counts
from rollback.adapters.sqlite.writer import Writer

QUEUE_LIMIT = 1_000
"""So many webhooks may wait for the disk; the next one is told to come again."""


class SqliteStore(Inbox, Decisions, Rollbacks, Deployments, Control, Journal, Counts):
    """Everything durable in one file; opening it applies the schema."""

    def __init__(self, path: Path, queue_limit: int = QUEUE_LIMIT) -> None:
        connection = connect(path)
        migrate(connection)
        super().__init__(Writer(connection, queue_limit), Reader(connect(path)))
        self._connection = connection

    @property
    def alive(self) -> bool:
        """True while the writer works."""
        return self._writer.alive

    def close(self) -> None:
        """Finish what was accepted, then let go of the database."""
        self._writer.close()
        self._reader.close()
        self._connection.close()
