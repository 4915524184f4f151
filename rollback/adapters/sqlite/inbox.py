"""Alerts as they arrived: each state of each episode once."""

import hashlib
import sqlite3
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from datetime import datetime

from rollback.adapters.codec import from_json, from_text, maybe_from_text, to_json, to_text
from rollback.adapters.sqlite.journal import insert_entry, insert_notices, set_mark
from rollback.adapters.sqlite.reader import Reader, readable
from rollback.adapters.sqlite.writer import Writer
from rollback.domain import notices
from rollback.domain.alert import Alert, AlertStatus, Source
from rollback.domain.reasons import LedgerKind
from rollback.domain.stored import Batch, InboxItem, NewEntry, Notice, Quarantined, Receipt, SetAside

INSERT = """
    INSERT INTO inbox (fingerprint, starts_at, status, alert, source, received_at) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (fingerprint, starts_at, status) DO NOTHING
"""
WAITING = """
    SELECT i.*, r.received_at AS resolved_at FROM inbox AS i LEFT JOIN inbox AS r
    ON r.fingerprint = i.fingerprint AND r.starts_at = i.starts_at AND r.status = 'resolved'
    WHERE i.state = 'pending' AND i.id NOT IN (SELECT value FROM json_each(?))
    ORDER BY i.id LIMIT ?
"""
WAKE = """
    UPDATE inbox SET state = 'pending'
    WHERE fingerprint = ? AND starts_at = ? AND status = ? AND state = 'held'
      AND (evaluated_at < ? OR evaluated_at > ?)
"""
"""What was evaluated in the future is woken too: the clock was set back since."""
END = """
    UPDATE inbox SET state = 'pending'
    WHERE fingerprint = ? AND starts_at = ? AND status = 'firing' AND state = 'held'
"""
"""What waits to be decided again is decided once more when its end arrives: then it waits for nothing."""
SET_ASIDE = """
    INSERT INTO quarantine (at, body, problem, digest) SELECT ?1, ?2, ?3, ?4
    WHERE NOT EXISTS (SELECT 1 FROM quarantine WHERE digest = ?4)
"""
NO_MORE = "UPDATE inbox SET state = 'set_aside' WHERE id = ? AND state = 'pending' RETURNING alert"
BODY_KEPT = 4_000
"""So many characters of an alert that cannot be decided are kept for people."""
KINDS = {Source.WEBHOOK: LedgerKind.WEBHOOK_RECEIVED, Source.RECONCILE: LedgerKind.ALERT_SEEN}
HEARTBEAT = "heartbeat"


class Inbox:
    """The inbox part of the store."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    def receive(self, batch: Batch) -> Future[Receipt]:
        """Queue the batch for the next commit."""
        return self._writer.offer(lambda connection: _store(connection, batch))

    def waiting(self, limit: int, resting: Collection[int] = ()) -> list[InboxItem]:
        """The oldest alerts that wait for a decision, without those that rest or cannot be read."""
        return readable(self._waiting(limit, resting), _item)[0]

    def unreadable(self, limit: int) -> list[tuple[int, str]]:
        """The oldest alerts that wait for a decision and cannot be read, with why."""
        return readable(self._waiting(limit, ()), _item)[1]

    def set_aside(self, items: Mapping[int, str], at: datetime, notices: tuple[Notice, ...] = ()) -> None:
        """Let alerts be that cannot be decided, and keep them, each with why, for people to look at."""

        def write(connection: sqlite3.Connection) -> None:
            done = []
            for number, problem in items.items():
                row = connection.execute(NO_MORE, (number,)).fetchone()
                if row:
                    _set_aside(
                        connection, Quarantined(body=str(row["alert"])[:BODY_KEPT], problem=problem), at
                    )
                    done.append(number)
            if done:
                insert_notices(connection, notices, at)
                data: dict[str, object] = {"alerts": done, "problem": items[done[0]]}
                insert_entry(connection, NewEntry(at=at, kind=LedgerKind.SET_ASIDE, service="", data=data))

        self._writer.run(write)

    def quarantined(self, limit: int) -> list[SetAside]:
        """What was set aside last, newest first."""
        query = "SELECT id, at, problem, body FROM quarantine ORDER BY id DESC LIMIT ?"
        with self._reader.moment() as connection:
            rows = connection.execute(query, (limit,)).fetchall()
        return readable(rows, _quarantined)[0]

    def _waiting(self, limit: int, resting: Collection[int]) -> list[sqlite3.Row]:
        with self._reader.moment() as connection:
            return connection.execute(WAITING, (to_json(sorted(resting)), limit)).fetchall()

    def wake_expired(self, started_before: datetime) -> int:
        """Let held alerts that began before that moment be decided once more."""
        query = "UPDATE inbox SET state = 'pending' WHERE state = 'held' AND starts_at < ?"
        return self._writer.run(lambda c: c.execute(query, (to_text(started_before),)).rowcount)


def _store(connection: sqlite3.Connection, batch: Batch) -> Receipt:
    fresh = [alert for alert in batch.alerts if _insert(connection, alert, batch)]
    unread = [bad for bad in batch.quarantined if _set_aside(connection, bad, batch.at)]
    if unread:
        insert_notices(connection, (notices.set_aside(len(unread), unread[0].problem),), batch.at)
    if batch.heartbeat:
        set_mark(connection, HEARTBEAT, batch.at)
    receipt = Receipt(
        accepted=len(fresh),
        duplicates=len(batch.alerts) - len(fresh),
        quarantined=len(batch.quarantined),
    )
    if fresh or unread:
        insert_entry(connection, _entry(batch, fresh, receipt))
    return receipt


def _set_aside(connection: sqlite3.Connection, bad: Quarantined, at: datetime) -> bool:
    """True when it is new: Alertmanager delivers the same again and again."""
    digest = hashlib.sha256(f"{bad.problem}\0{bad.body}".encode(errors="replace")).hexdigest()
    return bool(connection.execute(SET_ASIDE, (to_text(at), bad.body, bad.problem, digest)).rowcount)


def _insert(connection: sqlite3.Connection, alert: Alert, batch: Batch) -> bool:
    """True when this state of this episode is new; a known one is woken if it waits to be decided again."""
    fingerprint, starts_at, status = alert.identity
    key = (fingerprint, to_text(starts_at), status)
    row = (*key, to_json(alert), batch.source, to_text(batch.at))
    if connection.execute(INSERT, row).rowcount:
        if status is AlertStatus.RESOLVED:
            connection.execute(END, key[:2])
        return True
    future = batch.at + abs(batch.at - batch.retry_before)
    connection.execute(WAKE, (*key, to_text(batch.retry_before), to_text(future)))
    return False


def _entry(batch: Batch, fresh: list[Alert], receipt: Receipt) -> NewEntry:
    services = {alert.service for alert in fresh}
    data: dict[str, object] = {
        "source": batch.source,
        "receiver": batch.receiver,
        "accepted": receipt.accepted,
        "duplicates": receipt.duplicates,
        "quarantined": receipt.quarantined,
        "alerts": [
            {"alertname": a.name, "service": a.service, "status": a.status, "starts_at": a.starts_at}
            for a in fresh
        ],
    }
    service = services.pop() if len(services) == 1 else ""
    return NewEntry(at=batch.at, kind=KINDS[batch.source], service=service, data=data)


def _item(row: sqlite3.Row) -> InboxItem:
    return InboxItem(
        id=row["id"],
        alert=from_json(row["alert"], Alert),
        source=Source(row["source"]),
        received_at=from_text(row["received_at"]),
        decision_id=row["decision_id"],
        resolved_at=maybe_from_text(row["resolved_at"]),
    )


def _quarantined(row: sqlite3.Row) -> SetAside:
    return SetAside(id=row["id"], at=from_text(row["at"]), problem=row["problem"], body=row["body"])
