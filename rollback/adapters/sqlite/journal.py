"""Ledger, messages and marks."""

import sqlite3
from collections.abc import Sequence
from datetime import datetime

from rollback.adapters.codec import from_json, from_text, maybe_from_text, to_json, to_text
from rollback.adapters.sqlite.reader import Reader
from rollback.adapters.sqlite.writer import Writer
from rollback.domain.acting import ACCOUNT
from rollback.domain.errors import ConcurrentChange
from rollback.domain.reasons import LedgerKind
from rollback.domain.store_of_facts import Settle
from rollback.domain.stored import Attempt, LedgerEntry, NewEntry, Notice, WaitingNotice

WAITING = """
    SELECT *, (
      SELECT json_group_object(channel, result) FROM tellings WHERE notice_id = known.id
    ) AS results, min(json_extract(sound, '$.urgency')) OVER (PARTITION BY
      coalesce(nullif(json_extract(sound, '$.thread'), ''), id)
    ) AS pressing FROM (
      SELECT *, CASE WHEN json_valid(notice) THEN notice END AS sound FROM notices WHERE state = 'waiting'
    ) AS known ORDER BY pressing, id LIMIT ?
"""
"""A damaged one stands beside the others, for whoever reads the rows to leave out."""
TOLD = "INSERT OR IGNORE INTO tellings (notice_id, channel, result, at) VALUES (?, ?, ?, ?)"
SETTLE = "UPDATE notices SET state = ?, attempts = attempts + 1 WHERE id = ? AND state = 'waiting'"
ONE = """
    SELECT *, (
      SELECT json_group_object(channel, result) FROM tellings WHERE notice_id = notices.id
    ) AS results FROM notices WHERE id = ?
"""


def insert_entry(connection: sqlite3.Connection, entry: NewEntry) -> None:
    """Write the ledger line inside the caller's transaction, with the account that a request came in with."""
    account = ACCOUNT.get()
    data = {**entry.data, "account": account} if account else entry.data
    connection.execute(
        "INSERT INTO ledger (at, kind, service, env, rollback_id, data) VALUES (?, ?, ?, ?, ?, ?)",
        (to_text(entry.at), entry.kind, entry.service, entry.env, entry.rollback_id, to_json(data)),
    )


def insert_notices(connection: sqlite3.Connection, notices: tuple[Notice, ...], at: datetime) -> None:
    """Store the messages inside the caller's transaction; they wait to be told."""
    connection.executemany(
        "INSERT INTO notices (created_at, notice) VALUES (?, ?)",
        [(to_text(at), to_json(notice)) for notice in notices],
    )


def set_mark(connection: sqlite3.Connection, name: str, at: datetime) -> None:
    """Remember when something last happened, inside the caller's transaction."""
    connection.execute(
        "INSERT INTO marks (name, at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at",
        (name, to_text(at)),
    )


def get_mark(connection: sqlite3.Connection, name: str) -> datetime | None:
    """When it last happened, if ever."""
    row = connection.execute("SELECT at FROM marks WHERE name = ?", (name,)).fetchone()
    return maybe_from_text(row["at"] if row else None)


class Journal:
    """The journal part of the store."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    def append(self, *entries: NewEntry) -> None:
        """Add entries to the ledger."""

        def insert(connection: sqlite3.Connection) -> None:
            for entry in entries:
                insert_entry(connection, entry)

        self._writer.run(insert)

    def tell_once(self, mark: str, notices: tuple[Notice, ...], at: datetime) -> bool:
        """Store messages that no change belongs to, unless the mark says that it was done before."""

        def tell(connection: sqlite3.Connection) -> bool:
            if get_mark(connection, mark):
                return False
            set_mark(connection, mark, at)
            insert_notices(connection, notices, at)
            return True

        return self._writer.run(tell)

    def ledger(self, after: int, limit: int) -> list[LedgerEntry]:
        """Entries with an id above *after*, oldest first."""
        query = "SELECT * FROM ledger WHERE id > ? ORDER BY id LIMIT ?"
        with self._reader.moment() as connection:
            rows = connection.execute(query, (after, limit)).fetchall()
        return self._reader.all("ledger", rows, _entry)

    def notices_waiting(self, limit: int) -> list[WaitingNotice]:
        """Messages that are not settled: the thread with the most urgent one first, each thread in order."""
        with self._reader.moment() as connection:
            rows = connection.execute(WAITING, (limit,)).fetchall()
        return self._reader.all("notices", rows, _notice)

    def settle_notices(
        self, numbers: Sequence[int], channel: str, attempt: Attempt | None, settle: Settle, at: datetime
    ) -> None:
        """Write down what a channel made of them, or that it was asked; *settle* says where each stands."""

        def write(connection: sqlite3.Connection) -> None:
            for number in numbers:
                row = (number, channel, attempt, to_text(at))
                if attempt and not connection.execute(TOLD, row).rowcount:
                    raise ConcurrentChange(f"Message {number} was told by {channel} before.")
                state = settle(_notice(connection.execute(ONE, (number,)).fetchone()))
                if not connection.execute(SETTLE, (state, number)).rowcount:
                    raise ConcurrentChange(f"Message {number} is no longer waiting.")

        self._writer.run(write)

    def mark(self, name: str, at: datetime) -> None:
        """Remember when something last happened."""
        self._writer.run(lambda connection: set_mark(connection, name, at))

    def marked(self, name: str) -> datetime | None:
        """When it last happened, if ever."""
        with self._reader.moment() as connection:
            return get_mark(connection, name)


def _entry(row: sqlite3.Row) -> LedgerEntry:
    return LedgerEntry(
        id=row["id"],
        at=from_text(row["at"]),
        kind=LedgerKind(row["kind"]),
        service=row["service"],
        env=row["env"],
        data=from_json(row["data"], dict[str, object]),
    )


def _notice(row: sqlite3.Row) -> WaitingNotice:
    return WaitingNotice(
        id=row["id"],
        notice=from_json(row["notice"], Notice),
        attempts=row["attempts"],
        created_at=from_text(row["created_at"]),
        results=from_json(row["results"], dict[str, Attempt]),
    )
