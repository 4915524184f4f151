"""Reads: one connection, one reader at a time, each read seeing one moment of the database."""

import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec
import structlog

from rollback.adapters.sqlite.damage import Damage
from rollback.domain.errors import StoreUnavailable

LOG = structlog.get_logger("rollback.store")
T = TypeVar("T")
ODD = (msgspec.MsgspecError, ValueError, TypeError, KeyError, OverflowError, RecursionError)
"""What a row that somebody else wrote, or that was damaged, can end in."""


def readable(
    rows: Iterable[sqlite3.Row], read: Callable[[sqlite3.Row], T]
) -> tuple[list[T], list[tuple[int, str]]]:
    """What can be read of the rows, and the numbers of the others with why: one hides no other."""
    found: list[T] = []
    odd: list[tuple[int, str]] = []
    for row in rows:
        try:
            found.append(read(row))
        except ODD as error:
            odd.append((row["id"], f"what is stored of it cannot be read: {error}"))
    return found, odd


class Reader:
    """Hands out the reading connection inside a transaction."""

    def __init__(self, connection: sqlite3.Connection, damage: Damage) -> None:
        self._connection, self._damage = connection, damage
        self._lock = threading.Lock()
        self._said: set[tuple[str, int]] = set()

    @contextmanager
    def moment(self) -> Iterator[sqlite3.Connection]:
        """Everything read inside belongs to the same moment.

        Raises StoreUnavailable when the database fails, or when what is stored of one thing cannot be read.
        """
        self._damage.refuse()
        with self._lock:
            try:
                self._connection.execute("BEGIN")
                yield self._connection
            except sqlite3.Error as error:
                raise self._damage.seen(error, "read") from error
            except ODD as error:
                raise StoreUnavailable(f"Something in the database cannot be read: {error}.") from error
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def all(self, table: str, rows: Iterable[sqlite3.Row], read: Callable[[sqlite3.Row], T]) -> list[T]:
        """What can be read of the rows of a table; each of the others is said once."""
        found, odd = readable(rows, read)
        for number, problem in odd:
            if (table, number) not in self._said:
                self._said.add((table, number))
                LOG.error("row_left_out", table=table, row=number, problem=problem)
        return found

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()
