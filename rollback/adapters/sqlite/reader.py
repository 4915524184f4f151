"""Reads: one connection, one reader at a time, each read seeing one moment of the database."""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rollback.domain.errors import StoreUnavailable


class Reader:
    """Hands out the reading connection inside a transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    @contextmanager
    def moment(self) -> Iterator[sqlite3.Connection]:
        """Everything read inside belongs to the same moment; database failures become StoreUnavailable."""
        with self._lock:
            try:
                self._connection.execute("BEGIN")
                yield self._connection
            except sqlite3.Error as error:
                raise StoreUnavailable(f"The database could not be read: {error}.") from error
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()
