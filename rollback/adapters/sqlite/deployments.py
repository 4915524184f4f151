"""Deployments and the versions that they made live."""

import sqlite3
from datetime import datetime

from rollback.adapters.codec import from_json, from_text, maybe_from_text, to_json, to_text
from rollback.adapters.sqlite.journal import insert_entry
from rollback.adapters.sqlite.reader import Reader
from rollback.adapters.sqlite.rollbacks import ACTIVE_OF, rollback_from
from rollback.adapters.sqlite.writer import Writer
from rollback.domain.deployment import Deployment, NewDeployment, Outcome, Release, live_release
from rollback.domain.errors import DeploymentClosed, NotFound, RollbackInProgress, VersionRejected
from rollback.domain.reasons import LedgerKind
from rollback.domain.records import NewEntry, ServiceState

UPSERT_RELEASE = """
    INSERT INTO releases (service, version, rollback_safe) VALUES (?, ?, ?)
    ON CONFLICT (service, version) DO UPDATE SET rollback_safe = excluded.rollback_safe
"""
ABANDON = """
    UPDATE deployments
    SET outcome = 'abandoned', finished_at = ?, detail = 'no end was reported before the next one'
    WHERE service = ? AND outcome IS NULL
"""
INSERT = """
    INSERT INTO deployments (service, version, hosts, checksum, rollback_safe, override, started_at)
    VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *
"""
FINISH = """
    UPDATE deployments SET outcome = ?, finished_at = ?, detail = ?
    WHERE id = ? AND outcome IS NULL RETURNING *
"""
GO_LIVE = """
    UPDATE releases SET live_at = ?, rejected_at = iif(?, NULL, rejected_at) WHERE service = ? AND version = ?
"""
OBSERVE = """
    INSERT INTO releases (service, version, rollback_safe, live_at) VALUES (?, ?, 0, ?)
    ON CONFLICT (service, version) DO UPDATE SET live_at = excluded.live_at
"""


class Deployments:
    """The deployment part of the store."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    def start_deployment(self, new: NewDeployment, at: datetime) -> Deployment:
        """Register it; an unfinished earlier one of the service is closed as abandoned."""
        return self._writer.run(lambda connection: _start(connection, new, at))

    def finish_deployment(
        self, deployment_id: int, outcome: Outcome, detail: str, at: datetime
    ) -> Deployment:
        """Close it; `live` makes its version the live one."""
        return self._writer.run(lambda connection: _finish(connection, deployment_id, outcome, detail, at))

    def observe_live(self, service: str, version: str, at: datetime) -> None:
        """Write down that the hosts run this version, though nobody reported it."""
        entry = NewEntry(at=at, kind=LedgerKind.LIVE_OBSERVED, service=service, data={"version": version})

        def observe(connection: sqlite3.Connection) -> None:
            connection.execute(OBSERVE, (service, version, to_text(at)))
            insert_entry(connection, entry)

        self._writer.run(observe)

    def deployments(self, service: str | None, limit: int) -> list[Deployment]:
        """The latest deployments, newest first."""
        query = "SELECT * FROM deployments WHERE ?1 IS NULL OR service = ?1 ORDER BY id DESC LIMIT ?2"
        with self._reader.moment() as connection:
            return [_deployment(row) for row in connection.execute(query, (service, limit))]

    def service_state(self, service: str) -> ServiceState:
        """What is known about the service, read at one moment."""
        with self._reader.moment() as connection:
            return state_of(connection, service)


def _start(connection: sqlite3.Connection, new: NewDeployment, at: datetime) -> Deployment:
    state = state_of(connection, new.service)
    if state.active_rollback:
        raise RollbackInProgress(
            f"Rollback {state.active_rollback.id} of {new.service} is {state.active_rollback.phase}; "
            "deploy again when it has ended."
        )
    known = next((r for r in state.releases if r.version == new.version), None)
    if known and known.rejected_at and not new.override:
        raise VersionRejected(
            f"{new.service} {new.version} was rolled back and rejected at {to_text(known.rejected_at)}; "
            "deploy another version, or this one with override=true."
        )
    connection.execute(UPSERT_RELEASE, (new.service, new.version, new.rollback_safe))
    connection.execute(ABANDON, (to_text(at), new.service))
    row = (new.service, new.version, to_json(new.hosts), new.checksum, new.rollback_safe, new.override)
    deployment = _deployment(connection.execute(INSERT, (*row, to_text(at))).fetchone())
    insert_entry(connection, _entry(LedgerKind.DEPLOYMENT_STARTED, deployment, at))
    return deployment


def _finish(
    connection: sqlite3.Connection, deployment_id: int, outcome: Outcome, detail: str, at: datetime
) -> Deployment:
    row = connection.execute(FINISH, (outcome, to_text(at), detail, deployment_id)).fetchone()
    if row is None:
        raise _why_not_finished(connection, deployment_id)
    deployment = _deployment(row)
    if outcome is Outcome.LIVE:
        key = (deployment.override, deployment.service, deployment.version)
        connection.execute(GO_LIVE, (to_text(at), *key))
    insert_entry(connection, _entry(LedgerKind.DEPLOYMENT_FINISHED, deployment, at))
    return deployment


def _why_not_finished(connection: sqlite3.Connection, deployment_id: int) -> NotFound | DeploymentClosed:
    row = connection.execute("SELECT outcome FROM deployments WHERE id = ?", (deployment_id,)).fetchone()
    if row is None:
        return NotFound(f"There is no deployment {deployment_id}.")
    return DeploymentClosed(f"Deployment {deployment_id} has already ended as {row['outcome']}.")


def state_of(connection: sqlite3.Connection, service: str) -> ServiceState:
    """The service's state inside the caller's transaction."""
    releases = tuple(
        _release(row) for row in connection.execute("SELECT * FROM releases WHERE service = ?", (service,))
    )
    latest = connection.execute(
        "SELECT * FROM deployments WHERE service = ? ORDER BY id DESC LIMIT 1", (service,)
    ).fetchone()
    deployment = _deployment(latest) if latest else None
    handled = connection.execute(
        "SELECT id FROM rollbacks WHERE deployment_id = ?", (deployment.id if deployment else None,)
    ).fetchone()
    active = connection.execute(ACTIVE_OF, (service,)).fetchone()
    (finished,) = connection.execute(
        "SELECT max(finished_at) FROM rollbacks WHERE service = ?", (service,)
    ).fetchone()
    return ServiceState(
        service=service,
        current=live_release(releases),
        releases=releases,
        deployment=deployment,
        handled_by=handled["id"] if handled else None,
        active_rollback=rollback_from(active) if active else None,
        last_finished_at=maybe_from_text(finished),
    )


def _entry(kind: LedgerKind, deployment: Deployment, at: datetime) -> NewEntry:
    data: dict[str, object] = {
        "deployment_id": deployment.id,
        "version": deployment.version,
        "hosts": deployment.hosts,
        "override": deployment.override,
        "outcome": deployment.outcome,
        "detail": deployment.detail,
    }
    return NewEntry(at=at, kind=kind, service=deployment.service, data=data)


def _release(row: sqlite3.Row) -> Release:
    return Release(
        service=row["service"],
        version=row["version"],
        rollback_safe=bool(row["rollback_safe"]),
        live_at=maybe_from_text(row["live_at"]),
        rejected_at=maybe_from_text(row["rejected_at"]),
    )


def _deployment(row: sqlite3.Row) -> Deployment:
    return Deployment(
        id=row["id"],
        service=row["service"],
        version=row["version"],
        hosts=from_json(row["hosts"], tuple[str, ...]),
        checksum=row["checksum"],
        rollback_safe=bool(row["rollback_safe"]),
        override=bool(row["override"]),
        started_at=from_text(row["started_at"]),
        finished_at=maybe_from_text(row["finished_at"]),
        outcome=Outcome(row["outcome"]) if row["outcome"] else None,
        detail=row["detail"],
    )
