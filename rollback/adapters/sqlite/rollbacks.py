"""Rollbacks, moved by compare-and-swap with their ledger entries."""

import sqlite3
from datetime import datetime

from rollback.adapters.codec import from_json, from_text, maybe_text, to_json, to_text
from rollback.adapters.sqlite.control import open_breaker
from rollback.adapters.sqlite.journal import insert_entry, insert_notices
from rollback.adapters.sqlite.reader import Reader
from rollback.adapters.sqlite.releases import go_live, mark
from rollback.adapters.sqlite.rows import rollback_from
from rollback.adapters.sqlite.writer import Writer
from rollback.domain import wording
from rollback.domain.consequences import NOTHING, Consequences
from rollback.domain.errors import ConcurrentChange, NotFound
from rollback.domain.reasons import LedgerKind
from rollback.domain.rollback import Phase, Rollback
from rollback.domain.stored import NewEntry, Notice, Step

SWAP = """
    UPDATE rollbacks SET phase = ?, attempt = ?, changed_at = ?, started_at = ?, restored_at = ?,
      finished_at = ?, detail = ?, results = ?, moved = ?, verdict = ?, verification = ?
    WHERE id = ? AND phase = ? AND attempt = ? AND verdict IS ?
"""
KNOWN = (
    "INSERT INTO releases (service, env, version, rollback_safe) VALUES (?, ?, ?, 0) ON CONFLICT DO NOTHING"
)
"""A version that was put on the hosts by hand, and then left, becomes known by that."""
TRY_AGAIN = "UPDATE inbox SET state = 'held' WHERE decision_id = ? AND state = 'decided'"
REPAIR = """
    INSERT INTO rollbacks (service, env, kind, phase, from_version, to_version, decision_id, deployment_id,
      requested_at, changed_at, only_hosts)
    VALUES (?, ?, 'repair', 'pending', ?, ?, ?, ?, ?, ?, ?) RETURNING *
"""
ACKNOWLEDGE = """
    UPDATE rollbacks SET acknowledged_at = ?, acknowledged_by = ?
    WHERE id = ? AND acknowledged_at IS NULL AND finished_at IS NOT NULL RETURNING *
"""
NO_SUCH = "There is no rollback {}; see: rollbackctl rollbacks."


class Rollbacks:
    """The rollback part of the store."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    def rollback(self, rollback_id: int) -> Rollback:
        """The rollback, or NotFound."""
        with self._reader.moment() as connection:
            row = connection.execute("SELECT * FROM rollbacks WHERE id = ?", (rollback_id,)).fetchone()
            if row is None:
                raise NotFound(NO_SUCH.format(rollback_id))
            return rollback_from(row)

    def rollbacks(self, service: str | None, limit: int) -> list[Rollback]:
        """The latest rollbacks, newest first."""
        query = "SELECT * FROM rollbacks WHERE ?1 IS NULL OR service = ?1 ORDER BY id DESC LIMIT ?2"
        with self._reader.moment() as connection:
            rows = connection.execute(query, (service, limit)).fetchall()
        return self._reader.all("rollbacks", rows, rollback_from)

    def in_phase(self, *phases: Phase) -> list[Rollback]:
        """Every rollback in one of the phases, oldest first."""
        query = "SELECT * FROM rollbacks WHERE phase IN (SELECT value FROM json_each(?)) ORDER BY id"
        with self._reader.moment() as connection:
            rows = connection.execute(query, (to_json(phases),)).fetchall()
        return self._reader.all("rollbacks", rows, rollback_from)

    def move(
        self,
        before: Rollback,
        after: Rollback,
        entries: tuple[NewEntry, ...],
        notices: tuple[Notice, ...] = (),
        follows: Consequences = NOTHING,
    ) -> None:
        """Replace *before* by *after* with all that follows, or raise ConcurrentChange."""

        def swap(connection: sqlite3.Connection) -> None:
            if not connection.execute(SWAP, _swap_row(before, after)).rowcount:
                raise ConcurrentChange(
                    f"Rollback {before.id} is no longer {before.phase}, attempt {before.attempt}."
                )
            key, at = (after.service, after.env), after.changed_at
            if after.phase is Phase.VERIFYING and before.phase is Phase.RUNNING:
                go_live(connection, key, after.to_version, at)
            if after.phase in (Phase.FAILED, Phase.CALLED_OFF) and not after.changed:
                connection.execute(TRY_AGAIN, (after.decision_id,))
            for version, standing in follows.standings:
                connection.execute(KNOWN, (*key, version))
                mark(connection, (*key, version), standing, follows.by, at)
            if follows.cause:
                open_breaker(connection, key, follows.cause, follows.why, at)
            for entry in entries:
                insert_entry(connection, entry)
            insert_notices(connection, notices, at)

        self._writer.run(swap)

    def start_repair(self, of: Rollback, hosts: tuple[str, ...], at: datetime) -> Rollback:
        """Begin to bring hosts that were away to the version of that rollback, or ConcurrentChange."""
        now = to_text(at)
        versions = (of.from_version, of.to_version)
        key = (of.service, of.env)
        row = (*key, *versions, of.decision_id, of.deployment_id, now, now, to_json(hosts))

        def start(connection: sqlite3.Connection) -> Rollback:
            return rollback_from(connection.execute(REPAIR, row).fetchone())

        try:
            return self._writer.run(start)
        except sqlite3.IntegrityError as error:
            raise ConcurrentChange(f"The schema forbids a repair of {of.service} now: {error}.") from error

    def acknowledge(self, rollback_id: int, by: str, note: str, at: datetime) -> Rollback:
        """A person takes over what the rollback left open, or NotFound."""

        def write(connection: sqlite3.Connection) -> Rollback:
            row = connection.execute(ACKNOWLEDGE, (to_text(at), by, rollback_id)).fetchone()
            if row is None:
                raise NotFound(_not_open(connection, rollback_id))
            found = rollback_from(row)
            data: dict[str, object] = {"rollback_id": rollback_id, "by": by, "note": note}
            kind = LedgerKind.ACKNOWLEDGED
            key = {"service": found.service, "env": found.env}
            insert_entry(connection, NewEntry(at=at, kind=kind, rollback_id=rollback_id, data=data, **key))
            return found

        return self._writer.run(write)

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
            env=rollback.env,
            rollback_id=rollback.id,
            data=data,
        )

        def add(connection: sqlite3.Connection) -> None:
            insert_entry(connection, entry)
            insert_notices(connection, notices, step.at)

        self._writer.run(add)

    def steps(self, rollback_id: int) -> list[Step]:
        """The recorded steps, oldest first."""
        query = "SELECT id, at, data FROM ledger WHERE rollback_id = ? AND kind = ? ORDER BY id"
        with self._reader.moment() as connection:
            rows = connection.execute(query, (rollback_id, LedgerKind.HOST_STEP)).fetchall()
        return self._reader.all("ledger", rows, _step)


def _not_open(connection: sqlite3.Connection, rollback_id: int) -> str:
    """Why nobody can take over what the rollback left open."""
    row = connection.execute("SELECT * FROM rollbacks WHERE id = ?", (rollback_id,)).fetchone()
    if row is None:
        return NO_SUCH.format(rollback_id)
    if row["finished_at"] is None:
        return f"Rollback {rollback_id} is {row['phase']}: wait for its end (rollbackctl rollbacks)."
    at = wording.clock(from_text(row["acknowledged_at"]))
    return f"Rollback {rollback_id} was acknowledged by {row['acknowledged_by']} at {at}."


def _swap_row(before: Rollback, after: Rollback) -> tuple[object, ...]:
    verification, earlier = after.verification, before.verification
    return (
        after.phase,
        after.attempt,
        to_text(after.changed_at),
        maybe_text(after.started_at),
        maybe_text(after.restored_at),
        maybe_text(after.finished_at),
        after.detail,
        to_json(after.results),
        after.changed,
        verification.verdict if verification else None,
        to_json(verification) if verification else None,
        before.id,
        before.phase,
        before.attempt,
        earlier.verdict if earlier else None,
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
