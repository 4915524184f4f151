"""Releases, and everything about one service read at one moment."""

import sqlite3
from datetime import datetime, timedelta

from rollback.adapters.codec import from_text, maybe_from_text, to_text
from rollback.adapters.sqlite.control_rows import (
    breaker_of,
    freeze_of,
    freezes_of,
    proposal_of,
    rehearsals_of,
)
from rollback.adapters.sqlite.journal import insert_entry
from rollback.adapters.sqlite.reader import ODD
from rollback.adapters.sqlite.rows import deployment_from, rollback_from
from rollback.domain.deployment import Deployment, Outcome, Release, Standing, live_release
from rollback.domain.errors import NotFound, StoreUnavailable
from rollback.domain.reasons import LedgerKind
from rollback.domain.rollback import Phase, Rollback
from rollback.domain.stored import NewEntry, ServiceState

RELEASES = "SELECT * FROM releases WHERE service = ? AND env = ?"
DEPLOYMENTS = "SELECT * FROM deployments WHERE service = ? AND env = ? ORDER BY id DESC LIMIT 50"
ROLLBACKS = "SELECT * FROM rollbacks WHERE service = ? AND env = ? ORDER BY id DESC LIMIT 50"
HANDLED = """
    SELECT id FROM rollbacks
    WHERE deployment_id = ? AND kind = 'rollback'
      AND (moved = 1 OR phase IN ('pending', 'running', 'verifying'))
    ORDER BY id DESC LIMIT 1
"""
ATTEMPTS = """
    SELECT count(*) FILTER (WHERE phase = 'failed') AS count, max(finished_at) AS last FROM rollbacks
    WHERE deployment_id = ? AND kind = 'rollback' AND phase IN ('failed', 'called_off') AND moved = 0
"""
CHANGED = "SELECT max(finished_at) AS at FROM rollbacks WHERE service = ? AND env = ? AND moved = 1"
BREAKER_CLOSED = "SELECT max(closed_at) AS at FROM breakers WHERE service = ? AND env = ?"
HELD = """
    SELECT count(*) AS count FROM inbox AS i JOIN decisions AS d ON d.id = i.decision_id
    WHERE i.state = 'held' AND d.verdict = 'hold' AND d.service = ? AND d.env = ?
"""
NEWEST = """
    SELECT max(max(coalesce(live_at, ''), coalesce(deployed_at, ''))) AS at FROM releases
    WHERE service = ? AND env = ?
"""
GO_LIVE = "UPDATE releases SET live_at = ? WHERE service = ? AND env = ? AND version = ?"
MARK = """
    UPDATE releases SET standing = ?, standing_at = ?, standing_by = ?
    WHERE service = ? AND env = ? AND version = ?
"""


def state_of(connection: sqlite3.Connection, service: str, env: str) -> ServiceState:
    """The service's state inside the caller's transaction; an unknown service is empty, not an error.

    Raises StoreUnavailable when something that is stored of it cannot be read: nothing is decided without it.
    """
    try:
        return _state_of(connection, service, env)
    except ODD as error:
        raise StoreUnavailable(
            f"What is stored of {service} in {env} cannot be read: {error}. Nothing is decided about it."
        ) from error


def _state_of(connection: sqlite3.Connection, service: str, env: str) -> ServiceState:
    key = (service, env)
    releases = tuple(release_from(row) for row in connection.execute(RELEASES, key))
    deployments = [deployment_from(row) for row in connection.execute(DEPLOYMENTS, key)]
    rollbacks = [rollback_from(row) for row in connection.execute(ROLLBACKS, key)]
    latest = deployments[0] if deployments else None
    number = (latest.id if latest else None,)
    handled = connection.execute(HANDLED, number).fetchone()
    attempts = connection.execute(ATTEMPTS, number).fetchone()
    return ServiceState(
        service=service,
        env=env,
        current=live_release(releases),
        releases=releases,
        deployment=latest,
        deployments=tuple(deployments),
        rollbacks=tuple(rollbacks),
        handled_by=handled["id"] if handled else None,
        attempts=attempts["count"],
        last_attempt_at=maybe_from_text(attempts["last"]),
        active_rollback=next((r for r in rollbacks if r.active), None),
        last_rollback=rollbacks[0] if rollbacks else None,
        open_end=open_end(rollbacks, deployments),
        last_changed_at=maybe_from_text(connection.execute(CHANGED, key).fetchone()["at"]),
        freeze=freeze_of(connection, service, env),
        freezes=freezes_of(connection, service, env),
        breaker=breaker_of(connection, service, env),
        breaker_closed_at=maybe_from_text(connection.execute(BREAKER_CLOSED, key).fetchone()["at"]),
        proposal=proposal_of(connection, service, env, latest.id if latest else None),
        rehearsals=rehearsals_of(connection, service, env),
        held=connection.execute(HELD, key).fetchone()["count"],
    )


def open_end(rollbacks: list[Rollback], deployments: list[Deployment]) -> Rollback | None:
    """The last rollback whose end a person must know of; newest first.

    It is overtaken by a later deployment that became live, or by a later rollback that left nothing open.
    """
    went_live = [d.finished_at for d in deployments if d.outcome is Outcome.LIVE and d.finished_at]
    live = max(went_live, default=None)
    for rollback in rollbacks:
        ended = rollback.finished_at
        if ended is None or rollback.phase is Phase.CALLED_OFF or rollback.vain:
            continue
        if rollback.acknowledged_at or (live and live > ended):
            return None
        well = rollback.phase is Phase.SUCCEEDED and not rollback.waiting
        return None if well else rollback
    return None


def next_moment(connection: sqlite3.Connection, key: tuple[str, str], at: datetime) -> str:
    """The moment; or one after all that is known of the service's releases, when the clock was set back.

    Which release is live, and which came after which, is told by these times.
    """
    newest = connection.execute(NEWEST, key).fetchone()["at"]
    return to_text(max(at, from_text(newest) + timedelta(microseconds=1)) if newest else at)


def go_live(connection: sqlite3.Connection, key: tuple[str, str], version: str, at: datetime) -> None:
    """Make the release the live one, inside the caller's transaction."""
    connection.execute(GO_LIVE, (next_moment(connection, key, at), *key, version))


def mark(
    connection: sqlite3.Connection,
    release: tuple[str, str, str],
    standing: Standing,
    by: str,
    at: datetime,
) -> None:
    """Give the release a standing, inside the caller's transaction; NotFound when there is none."""
    service, env, version = release
    if not connection.execute(MARK, (standing, to_text(at), by, *release)).rowcount:
        query = "SELECT version FROM releases WHERE service = ? AND env = ? ORDER BY version"
        known = ", ".join(row["version"] for row in connection.execute(query, (service, env))) or "none"
        raise NotFound(f"There is no release {version} of {service} in {env}; known: {known}.")
    data: dict[str, object] = {"version": version, "standing": standing, "by": by}
    kind = LedgerKind.RELEASE_MARKED
    insert_entry(connection, NewEntry(at=at, kind=kind, service=service, env=env, data=data))


def release_from(row: sqlite3.Row) -> Release:
    """The release that a row holds."""
    return Release(
        service=row["service"],
        env=row["env"],
        version=row["version"],
        rollback_safe=bool(row["rollback_safe"]),
        checksum=row["checksum"],
        live_at=maybe_from_text(row["live_at"]),
        deployed_at=maybe_from_text(row["deployed_at"]),
        standing=Standing(row["standing"]),
        standing_at=maybe_from_text(row["standing_at"]),
        standing_by=row["standing_by"],
    )
