"""Alerts as they arrived: each state of each episode once."""

import sqlite3
from concurrent.futures import Future
from datetime import datetime

from rollback.adapters.codec import from_json, from_text, maybe_from_text, to_json, to_text
from rollback.adapters.sqlite.journal import insert_entry, insert_notices, set_mark
from rollback.adapters.sqlite.reader import Reader
from rollback.adapters.sqlite.writer import Writer
from rollback.domain import notices
from rollback.domain.alert import Alert, AlertStatus, Source
from rollback.domain.reasons import LedgerKind
from rollback.domain.records import Batch, InboxItem, NewEntry, Quarantined, Receipt

INSERT = """
    INSERT INTO inbox (fingerprint, starts_at, status, alert, source, received_at) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (fingerprint, starts_at, status) DO NOTHING
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
    INSERT INTO quarantine (at, body, problem) SELECT ?1, ?2, ?3
    WHERE NOT EXISTS (SELECT 1 FROM quarantine WHERE body = ?2 AND problem = ?3)
"""
KINDS = {Source.WEBHOOK: LedgerKind.WEBHOOK_RECEIVED, Source.RECONCILE: LedgerKind.ALERT_SEEN}
HEARTBEAT = "heartbeat"


class Inbox:
    """The inbox part of the store."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    def receive(self, batch: Batch) -> Future[Receipt]:
        """Queue the batch for the next commit."""
        return self._writer.offer(lambda connection: _store(connection, batch))

    def waiting(self, limit: int) -> list[InboxItem]:
        """The oldest alerts that wait for a decision."""
        query = """
            SELECT i.*, r.received_at AS resolved_at FROM inbox AS i LEFT JOIN inbox AS r
            ON r.fingerprint = i.fingerprint AND r.starts_at = i.starts_at AND r.status = 'resolved'
            WHERE i.state = 'pending' ORDER BY i.id LIMIT ?
        """
        with self._reader.moment() as connection:
            return [_item(row) for row in connection.execute(query, (limit,))]

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
    return bool(connection.execute(SET_ASIDE, (to_text(at), bad.body, bad.problem)).rowcount)


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
