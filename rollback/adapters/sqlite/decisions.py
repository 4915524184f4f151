"""Decisions and the rollbacks that they start."""

import sqlite3
from typing import Any

import msgspec

from rollback.adapters.codec import from_json, plain, to_json, to_text
from rollback.adapters.sqlite.journal import insert_entry, insert_notices
from rollback.adapters.sqlite.reader import Reader
from rollback.adapters.sqlite.writer import Writer
from rollback.domain.alert import Alert
from rollback.domain.decision import Decision
from rollback.domain.errors import ConcurrentChange, NotFound
from rollback.domain.reasons import DECIDED_AGAIN, Reason, Verdict
from rollback.domain.records import DecisionRecord, InboxItem, NewEntry, Notice

INSERT = """
    INSERT INTO decisions (inbox_id, at, service, rollback_trigger, verdict, reason, deployment_id, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
START = """
    INSERT INTO rollbacks
      (service, phase, from_version, to_version, decision_id, deployment_id, requested_at, changed_at)
    VALUES (?, 'pending', ?, ?, ?, ?, ?, ?) RETURNING id
"""
LATEST_DEPLOYMENT = "SELECT max(id) AS id FROM deployments WHERE service = ?"
REJECT = "UPDATE releases SET rejected_at = ? WHERE service = ? AND version = ?"
SETTLE = """
    UPDATE inbox SET state = ?, decision_id = ?, evaluated_at = ?
    WHERE id = ? AND state = 'pending' AND decision_id IS ?
"""
SELECT = """
    SELECT d.id, d.verdict, d.reason, d.body, r.id AS rollback_id
    FROM decisions AS d LEFT JOIN rollbacks AS r ON r.decision_id = d.id
"""


class Decisions:
    """The decision part of the store."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    def record(
        self, item: InboxItem, decision: Decision, entry: NewEntry, notices: tuple[Notice, ...]
    ) -> DecisionRecord:
        """Store the decision and, for `roll_back`, the rollback."""
        try:
            return self._writer.run(lambda connection: _record(connection, item, decision, entry, notices))
        except sqlite3.IntegrityError as error:
            raise ConcurrentChange(f"The schema forbids what was decided: {error}.") from error

    def decision(self, decision_id: int) -> DecisionRecord:
        """The decision, or NotFound."""
        with self._reader.moment() as connection:
            row = connection.execute(f"{SELECT} WHERE d.id = ?", (decision_id,)).fetchone()
        if row is None:
            raise NotFound(f"There is no decision {decision_id}.")
        return _decision(row)

    def decisions(self, service: str | None, limit: int) -> list[DecisionRecord]:
        """The latest decisions, newest first."""
        query = f"{SELECT} WHERE ?1 IS NULL OR d.service = ?1 ORDER BY d.id DESC LIMIT ?2"
        with self._reader.moment() as connection:
            return [_decision(row) for row in connection.execute(query, (service, limit))]


def _record(
    connection: sqlite3.Connection,
    item: InboxItem,
    decision: Decision,
    entry: NewEntry,
    notices: tuple[Notice, ...],
) -> DecisionRecord:
    known = _unchanged(connection, item, decision)
    decision_id = known.id if known else _insert(connection, item, decision)
    state = "held" if decision.reason in DECIDED_AGAIN else "decided"
    settled = (state, decision_id, to_text(decision.at), item.id, item.decision_id)
    if not connection.execute(SETTLE, settled).rowcount:
        raise ConcurrentChange(f"Alert {item.id} has been decided meanwhile.")
    if known:
        return known
    rollback_id = _start(connection, decision_id, decision) if decision.verdict is Verdict.ROLL_BACK else None
    data = {**entry.data, "decision_id": decision_id, "rollback_id": rollback_id}
    line = NewEntry(at=entry.at, kind=entry.kind, service=entry.service, rollback_id=rollback_id, data=data)
    insert_entry(connection, line)
    insert_notices(connection, notices, decision.at)
    return DecisionRecord(
        id=decision_id,
        verdict=decision.verdict,
        reason=decision.reason,
        rollback_id=rollback_id,
        alert=decision.facts.alert,
        body=plain(decision),
    )


def _unchanged(connection: sqlite3.Connection, item: InboxItem, decision: Decision) -> DecisionRecord | None:
    """The alert's earlier decision if it says the same."""
    row = connection.execute(f"{SELECT} WHERE d.id = ?", (item.decision_id,)).fetchone()
    earlier = _decision(row) if row else None
    return earlier if earlier and earlier.reason is decision.reason else None


def _insert(connection: sqlite3.Connection, item: InboxItem, decision: Decision) -> int:
    facts = decision.facts
    row = (
        item.id,
        to_text(decision.at),
        facts.alert.service,
        facts.alert.trigger,
        decision.verdict,
        decision.reason,
        facts.deployment.id if facts.deployment else None,
        to_json(decision),
    )
    return int(connection.execute(INSERT, row).fetchone()["id"])


def _start(connection: sqlite3.Connection, decision_id: int, decision: Decision) -> int:
    """Start the rollback and reject the version that is left; not if another deployment has begun."""
    facts, at = decision.facts, to_text(decision.at)
    assert facts.deployment and facts.target
    service, leaving = facts.alert.service, facts.deployment.version
    if connection.execute(LATEST_DEPLOYMENT, (service,)).fetchone()["id"] != facts.deployment.id:
        raise ConcurrentChange(f"Another deployment of {service} has begun meanwhile.")
    row = (service, leaving, facts.target.version, decision_id, facts.deployment.id, at, at)
    rollback_id = int(connection.execute(START, row).fetchone()["id"])
    connection.execute(REJECT, (at, service, leaving))
    return rollback_id


def _decision(row: sqlite3.Row) -> DecisionRecord:
    body = from_json(row["body"], dict[str, Any])
    return DecisionRecord(
        id=row["id"],
        verdict=Verdict(row["verdict"]),
        reason=Reason(row["reason"]),
        rollback_id=row["rollback_id"],
        alert=msgspec.convert(body["facts"]["alert"], Alert),
        body=body,
    )
