"""Freezes, breakers, proposals and rehearsals."""

import sqlite3
from datetime import datetime

from rollback.adapters.codec import to_text
from rollback.adapters.sqlite.control_rows import freeze_from, freeze_of, proposal_from, rehearsals_of
from rollback.adapters.sqlite.journal import insert_entry, insert_notices
from rollback.adapters.sqlite.reader import Reader
from rollback.adapters.sqlite.writer import Writer
from rollback.domain.control import (
    EVERYTHING,
    Cause,
    Freeze,
    Proposal,
    ProposalState,
    Rehearsal,
)
from rollback.domain.errors import AlreadyAnswered, NotFound
from rollback.domain.reasons import LedgerKind
from rollback.domain.stored import NewEntry, Notice

FREEZE = """
    INSERT INTO freezes (service, env, reason, asked_by, since, until) VALUES (?, ?, ?, ?, ?, ?) RETURNING *
"""
UNFREEZE = """
    UPDATE freezes SET ended_at = ?, ended_by = ? WHERE service = ? AND env = ? AND ended_at IS NULL
    RETURNING *
"""
OPEN = """
    INSERT INTO breakers (service, env, cause, why, opened_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (service, env) WHERE closed_at IS NULL DO NOTHING
"""
CLOSE = """
    UPDATE breakers SET closed_at = ?, closed_by = ?, note = ?
    WHERE service = ? AND env = ? AND closed_at IS NULL RETURNING cause
"""
PROPOSE = """
    INSERT INTO proposals (id, service, env, deployment_id, from_version, to_version, state, at)
    VALUES (?, ?, ?, ?, ?, ?, 'open', ?)
"""
ANSWER = """
    UPDATE proposals SET state = ?, answered_at = ?, answered_by = ?, note = ? WHERE id = ? AND state = 'open'
"""
WITHDRAW = """
    UPDATE proposals SET state = 'withdrawn', answered_at = ?, note = ?
    WHERE service = ? AND env = ? AND state = 'open' RETURNING id
"""
REHEARSED = """
    INSERT INTO rehearsals (service, env, host, ok, at, detail, live) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (service, env, host) DO UPDATE
    SET ok = excluded.ok, at = excluded.at, detail = excluded.detail, live = excluded.live
"""


class Control:
    """What people and past rollbacks have put in the way, and what rehearsals found."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    def freeze(self, wanted: Freeze) -> Freeze:
        """Stop automatic rollbacks; a freeze of the same service that still holds is replaced."""
        at, key = wanted.since, (wanted.service, wanted.env)

        def write(connection: sqlite3.Connection) -> Freeze:
            connection.execute(UNFREEZE, (to_text(at), wanted.by, *key))
            row = (*key, wanted.reason, wanted.by, to_text(at), to_text(wanted.until))
            frozen = freeze_from(connection.execute(FREEZE, row).fetchone())
            data: dict[str, object] = {"by": wanted.by, "reason": wanted.reason, "until": wanted.until}
            insert_entry(connection, _entry(LedgerKind.FROZEN, at, key, data))
            return frozen

        return self._writer.run(write)

    def unfreeze(self, service: str, env: str, by: str, at: datetime) -> Freeze:
        """End the freeze, or NotFound."""

        def write(connection: sqlite3.Connection) -> Freeze:
            row = connection.execute(UNFREEZE, (to_text(at), by, service, env)).fetchone()
            if row is None:
                if service and freeze_of(connection, EVERYTHING, env):
                    raise NotFound(
                        f"{service} has no freeze of its own in {env}; that of all services holds "
                        "(rollbackctl unfreeze)."
                    )
                what = service or "all services"
                raise NotFound(f"Automatic rollbacks of {what} in {env} are not frozen.")
            insert_entry(connection, _entry(LedgerKind.UNFROZEN, at, (service, env), {"by": by}))
            return freeze_from(row)

        return self._writer.run(write)

    def expire_freezes(self, at: datetime) -> list[Freeze]:
        """End the freezes whose time is over, and return them."""
        query = """
            UPDATE freezes SET ended_at = ?1, ended_by = 'its end' WHERE ended_at IS NULL AND until <= ?1
            RETURNING *
        """

        def write(connection: sqlite3.Connection) -> list[Freeze]:
            ended = [freeze_from(row) for row in connection.execute(query, (to_text(at),)).fetchall()]
            for freeze in ended:
                key = (freeze.service, freeze.env)
                insert_entry(connection, _entry(LedgerKind.UNFROZEN, at, key, {"by": freeze.ended_by}))
            return ended

        return self._writer.run(write)

    def freezes(self, env: str) -> list[Freeze]:
        """Those that were not ended."""
        query = "SELECT * FROM freezes WHERE env = ? AND ended_at IS NULL ORDER BY service"
        with self._reader.moment() as connection:
            rows = connection.execute(query, (env,)).fetchall()
        return self._reader.all("freezes", rows, freeze_from)

    def close_breaker(self, service: str, env: str, by: str, note: str, at: datetime) -> None:
        """Let automatic rollbacks happen again, or NotFound."""

        def write(connection: sqlite3.Connection) -> None:
            row = connection.execute(CLOSE, (to_text(at), by, note, service, env)).fetchone()
            if row is None:
                raise NotFound(f"The breaker of {service} in {env} is not open.")
            data: dict[str, object] = {"by": by, "note": note, "cause": row["cause"]}
            insert_entry(connection, _entry(LedgerKind.BREAKER_CLOSED, at, (service, env), data))

        self._writer.run(write)

    def proposal(self, proposal_id: int) -> Proposal:
        """The proposal, or NotFound."""
        with self._reader.moment() as connection:
            row = connection.execute("SELECT * FROM proposals WHERE id = ?", (proposal_id,)).fetchone()
            if row is None:
                raise NotFound(f"There is no proposal {proposal_id}; see: rollbackctl proposals.")
            return proposal_from(row)

    def proposals(self, env: str, limit: int) -> list[Proposal]:
        """The latest, newest first."""
        query = "SELECT * FROM proposals WHERE env = ? ORDER BY id DESC LIMIT ?"
        with self._reader.moment() as connection:
            rows = connection.execute(query, (env, limit)).fetchall()
        return self._reader.all("proposals", rows, proposal_from)

    def answer_proposal(
        self,
        proposal: Proposal,
        state: ProposalState,
        by: str,
        note: str,
        at: datetime,
        notices: tuple[Notice, ...] = (),
    ) -> None:
        """Write down a person's answer, or AlreadyAnswered."""

        def write(connection: sqlite3.Connection) -> None:
            answer(connection, proposal, state, by, note, at)
            insert_notices(connection, notices, at)

        self._writer.run(write)

    def rehearsed(self, service: str, env: str, found: tuple[Rehearsal, ...], hosts: tuple[str, ...]) -> None:
        """Replace what was known about the way back; hosts that the site no longer has are forgotten."""

        def write(connection: sqlite3.Connection) -> None:
            before = {r.host: r.ok for r in rehearsals_of(connection, service, env)}
            keep = [*hosts, *(r.host for r in found)]
            marks = ", ".join("?" * len(keep))
            query = f"DELETE FROM rehearsals WHERE service = ? AND env = ? AND host NOT IN ({marks})"  # noqa: S608
            connection.execute(query, (service, env, *keep))
            for one in found:
                row = (service, env, one.host, one.ok, to_text(one.at), one.detail, one.live)
                connection.execute(REHEARSED, row)
                if before.get(one.host) is not one.ok:
                    data: dict[str, object] = {"host": one.host, "ok": one.ok, "detail": one.detail}
                    insert_entry(connection, _entry(LedgerKind.REHEARSED, one.at, (service, env), data))

        self._writer.run(write)


def open_breaker(
    connection: sqlite3.Connection, key: tuple[str, str], cause: Cause, why: str, at: datetime
) -> bool:
    """Open the service's breaker inside the caller's transaction; True when it was closed."""
    opened = bool(connection.execute(OPEN, (*key, cause, why, to_text(at))).rowcount)
    if opened:
        insert_entry(connection, _entry(LedgerKind.BREAKER_OPENED, at, key, {"cause": cause, "why": why}))
    return opened


def propose(connection: sqlite3.Connection, proposal: Proposal) -> None:
    """Store an open proposal inside the caller's transaction."""
    key = (proposal.id, proposal.service, proposal.env, proposal.deployment_id)
    connection.execute(PROPOSE, (*key, proposal.from_version, proposal.to_version, to_text(proposal.at)))


def answer(
    connection: sqlite3.Connection,
    proposal: Proposal,
    state: ProposalState,
    by: str,
    note: str,
    at: datetime,
) -> None:
    """Write down an answer inside the caller's transaction, or AlreadyAnswered."""
    if not connection.execute(ANSWER, (state, to_text(at), by, note, proposal.id)).rowcount:
        raise AlreadyAnswered(f"Proposal {proposal.id} is no longer open: somebody answered it first.")
    data: dict[str, object] = {"decision_id": proposal.id, "state": state, "by": by, "note": note}
    key = (proposal.service, proposal.env)
    insert_entry(connection, _entry(LedgerKind.PROPOSAL_ANSWERED, at, key, data))


def withdraw(connection: sqlite3.Connection, key: tuple[str, str], note: str, at: datetime) -> None:
    """Close what is still proposed for the service, inside the caller's transaction."""
    for row in connection.execute(WITHDRAW, (to_text(at), note, *key)).fetchall():
        data: dict[str, object] = {"decision_id": row["id"], "state": ProposalState.WITHDRAWN, "note": note}
        insert_entry(connection, _entry(LedgerKind.PROPOSAL_ANSWERED, at, key, data))


def _entry(kind: LedgerKind, at: datetime, key: tuple[str, str], data: dict[str, object]) -> NewEntry:
    return NewEntry(at=at, kind=kind, service=key[0], env=key[1], data=data)
