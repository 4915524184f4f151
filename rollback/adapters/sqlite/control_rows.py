"""What people chose, read: freezes, breakers, proposals and rehearsals of a service."""

import sqlite3

from rollback.adapters.codec import from_text, maybe_from_text
from rollback.domain.control import Breaker, Cause, Freeze, Proposal, ProposalState, Rehearsal

FREEZE_OF = """
    SELECT * FROM freezes WHERE service IN (?, '') AND env = ? AND ended_at IS NULL
    ORDER BY until DESC LIMIT 1
"""
FREEZES_OF = "SELECT * FROM freezes WHERE service IN (?, '') AND env = ? ORDER BY id DESC LIMIT 20"
BREAKER_OF = "SELECT * FROM breakers WHERE service = ? AND env = ? AND closed_at IS NULL"
PROPOSAL_OF = """
    SELECT * FROM proposals WHERE service = ? AND env = ? AND deployment_id IS ? AND state <> 'withdrawn'
    ORDER BY id DESC LIMIT 1
"""


def freeze_of(connection: sqlite3.Connection, service: str, env: str) -> Freeze | None:
    """The freeze of the service, or of all, that lasts longest."""
    row = connection.execute(FREEZE_OF, (service, env)).fetchone()
    return freeze_from(row) if row else None


def freezes_of(connection: sqlite3.Connection, service: str, env: str) -> tuple[Freeze, ...]:
    """The latest freezes of the service, or of all, oldest first."""
    rows = connection.execute(FREEZES_OF, (service, env)).fetchall()
    return tuple(freeze_from(row) for row in reversed(rows))


def breaker_of(connection: sqlite3.Connection, service: str, env: str) -> Breaker | None:
    """The open breaker of the service."""
    row = connection.execute(BREAKER_OF, (service, env)).fetchone()
    if row is None:
        return None
    return Breaker(
        service=service,
        env=env,
        cause=Cause(row["cause"]),
        why=row["why"],
        opened_at=from_text(row["opened_at"]),
    )


def proposal_of(
    connection: sqlite3.Connection, service: str, env: str, deployment_id: int | None
) -> Proposal | None:
    """The last proposal about the deployment that was not withdrawn."""
    row = connection.execute(PROPOSAL_OF, (service, env, deployment_id)).fetchone()
    return proposal_from(row) if row else None


def rehearsals_of(connection: sqlite3.Connection, service: str, env: str) -> tuple[Rehearsal, ...]:
    """What the last rehearsal found on each host."""
    query = "SELECT * FROM rehearsals WHERE service = ? AND env = ? ORDER BY host"
    return tuple(
        Rehearsal(
            host=row["host"],
            ok=bool(row["ok"]),
            at=from_text(row["at"]),
            detail=row["detail"],
            live=row["live"],
        )
        for row in connection.execute(query, (service, env))
    )


def proposal_from(row: sqlite3.Row) -> Proposal:
    """The proposal that a row holds."""
    return Proposal(
        id=row["id"],
        service=row["service"],
        env=row["env"],
        deployment_id=row["deployment_id"],
        from_version=row["from_version"],
        to_version=row["to_version"],
        state=ProposalState(row["state"]),
        at=from_text(row["at"]),
        by=row["answered_by"],
        note=row["note"],
        answered_at=maybe_from_text(row["answered_at"]),
    )


def freeze_from(row: sqlite3.Row) -> Freeze:
    """The freeze that a row holds."""
    return Freeze(
        id=row["id"],
        service=row["service"],
        env=row["env"],
        reason=row["reason"],
        by=row["asked_by"],
        since=from_text(row["since"]),
        until=from_text(row["until"]),
        ended_at=maybe_from_text(row["ended_at"]),
        ended_by=row["ended_by"],
    )
