"""Rollbacks, moved by compare-and-swap with their ledger entries."""

import sqlite3

from rollback.adapters.codec import from_json, from_text, maybe_from_text, maybe_text, to_json, to_text
from rollback.adapters.sqlite.journal import insert_entry, insert_notices
from rollback.adapters.sqlite.reader import Reader
from rollback.adapters.sqlite.writer import Writer
from rollback.domain.errors import ConcurrentChange, NotFound
from rollback.domain.reasons import LedgerKind
from rollback.domain.records import NewEntry, Notice, Step
from rollback.domain.rollback import Phase, Rollback, Verification

ACTIVE_OF = "SELECT * FROM rollbacks WHERE service = ? AND phase IN ('pending', 'running', 'verifying')"
SWAP = """
    UPDATE rollbacks SET phase = ?, attempt = ?, changed_at = ?, started_at = ?, restored_at = ?,
      finished_at = ?, detail = ?, verdict = ?, verification = ?
    WHERE id = ? AND phase = ? AND attempt = ?
"""
RESTORED = "UPDATE releases SET live_at = ? WHERE service = ? AND version = ?"


class Rollbacks:
    """The rollback part of the store."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    def rollback(self, rollback_id: int) -> Rollback:
        """The rollback, or NotFound."""
        with self._reader.moment() as connection:
            row = connection.execute("SELECT * FROM rollbacks WHERE id = ?", (rollback_id,)).fetchone()
        if row is None:
            raise NotFound(f"There is no rollback {rollback_id}.")
        return rollback_from(row)

    def rollbacks(self, service: str | None, limit: int) -> list[Rollback]:
        """The latest rollbacks, newest first."""
        query = "SELECT * FROM rollbacks WHERE ?1 IS NULL OR service = ?1 ORDER BY id DESC LIMIT ?2"
        with self._reader.moment() as connection:
            return [rollback_from(row) for row in connection.execute(query, (service, limit))]

    def in_phase(self, *phases: Phase) -> list[Rollback]:
        """Every rollback in one of the phases, oldest first."""
        query = "SELECT * FROM rollbacks WHERE phase IN (SELECT value FROM json_each(?)) ORDER BY id"
        with self._reader.moment() as connection:
            return [rollback_from(row) for row in connection.execute(query, (to_json(phases),))]

    def move(
        self,
        before: Rollback,
        after: Rollback,
        entries: tuple[NewEntry, ...],
        notices: tuple[Notice, ...] = (),
    ) -> None:
        """Replace *before* by *after* with its ledger entries, or raise ConcurrentChange."""

        def swap(connection: sqlite3.Connection) -> None:
            if not connection.execute(SWAP, _swap_row(before, after)).rowcount:
                raise ConcurrentChange(
                    f"Rollback {before.id} is no longer {before.phase}, attempt {before.attempt}."
                )
            if after.phase is Phase.VERIFYING and before.phase is Phase.RUNNING:
                key = (maybe_text(after.restored_at), after.service, after.to_version)
                connection.execute(RESTORED, key)
            for entry in entries:
                insert_entry(connection, entry)
            insert_notices(connection, notices, after.changed_at)

        self._writer.run(swap)

    def add_step(self, rollback: Rollback, step: Step, notices: tuple[Notice, ...] = ()) -> None:
        """Record one host's step while the executor works."""
        data: dict[str, object] = {
            "rollback_id": rollback.id,
            "host": step.host,
            "step": step.step,
            "status": step.status,
            "detail": step.detail,
        }
        entry = NewEntry(
            at=step.at,
            kind=LedgerKind.HOST_STEP,
            service=rollback.service,
            rollback_id=rollback.id,
            data=data,
        )

        def add(connection: sqlite3.Connection) -> None:
            insert_entry(connection, entry)
            insert_notices(connection, notices, step.at)

        self._writer.run(add)

    def steps(self, rollback_id: int) -> list[Step]:
        """The recorded steps, oldest first."""
        query = "SELECT at, data FROM ledger WHERE rollback_id = ? AND kind = ? ORDER BY id"
        with self._reader.moment() as connection:
            rows = connection.execute(query, (rollback_id, LedgerKind.HOST_STEP)).fetchall()
        return [_step(row) for row in rows]


def _swap_row(before: Rollback, after: Rollback) -> tuple[object, ...]:
    verification = after.verification
    return (
        after.phase,
        after.attempt,
        to_text(after.changed_at),
        maybe_text(after.started_at),
        maybe_text(after.restored_at),
        maybe_text(after.finished_at),
        after.detail,
        verification.verdict if verification else None,
        to_json(verification) if verification else None,
        before.id,
        before.phase,
        before.attempt,
    )


def rollback_from(row: sqlite3.Row) -> Rollback:
    """The rollback that a row holds."""
    verification = row["verification"]
    return Rollback(
        id=row["id"],
        service=row["service"],
        phase=Phase(row["phase"]),
        from_version=row["from_version"],
        to_version=row["to_version"],
        decision_id=row["decision_id"],
        deployment_id=row["deployment_id"],
        attempt=row["attempt"],
        requested_at=from_text(row["requested_at"]),
        changed_at=from_text(row["changed_at"]),
        started_at=maybe_from_text(row["started_at"]),
        restored_at=maybe_from_text(row["restored_at"]),
        finished_at=maybe_from_text(row["finished_at"]),
        detail=row["detail"],
        verification=from_json(verification, Verification) if verification else None,
    )


def _step(row: sqlite3.Row) -> Step:
    data = from_json(row["data"], dict[str, str | int])
    return Step(
        at=from_text(row["at"]),
        host=str(data["host"]),
        step=str(data["step"]),
        status=str(data["status"]),
        detail=str(data["detail"]),
    )
