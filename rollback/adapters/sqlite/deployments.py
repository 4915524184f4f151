"""Deployments and the versions that they made live."""

import sqlite3
from datetime import datetime

from rollback.adapters.codec import to_json, to_text
from rollback.adapters.sqlite.control import withdraw
from rollback.adapters.sqlite.journal import insert_entry, insert_notices
from rollback.adapters.sqlite.reader import Reader
from rollback.adapters.sqlite.releases import go_live, mark, next_moment, state_of
from rollback.adapters.sqlite.rows import deployment_from
from rollback.adapters.sqlite.writer import Writer
from rollback.domain.acting import ACCOUNT
from rollback.domain.deployment import UNREPORTED, Deployment, NewDeployment, Outcome, Standing
from rollback.domain.errors import (
    DeploymentClosed,
    DeploymentInProgress,
    NotFound,
    RollbackInProgress,
    VersionRejected,
)
from rollback.domain.reasons import LedgerKind
from rollback.domain.stored import NewEntry, Notice, ServiceState

UPSERT_RELEASE = """
    INSERT INTO releases (service, env, version, rollback_safe, checksum, deployed_at)
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (service, env, version) DO UPDATE SET
      rollback_safe = excluded.rollback_safe, checksum = excluded.checksum, deployed_at = excluded.deployed_at
"""
CLOSE = """
    UPDATE deployments SET outcome = ?, finished_at = ?, detail = ?
    WHERE id = ? AND outcome IS NULL RETURNING *
"""
REPORT = """
    UPDATE deployments AS d SET outcome = ?1, finished_at = ?2, detail = ?3
    WHERE id = ?4 AND (outcome IS NULL OR (
      (outcome = 'abandoned' OR detail LIKE ?5 || '%')
      AND NOT EXISTS (SELECT 1 FROM deployments AS later
        WHERE later.service = d.service AND later.env = d.env AND later.id > d.id)
      AND NOT EXISTS (SELECT 1 FROM releases AS r
        WHERE r.service = d.service AND r.env = d.env AND r.version <> d.version
          AND r.live_at > d.finished_at)
    )) RETURNING *
"""
"""The playbook's own word also comes late: it replaces what was only supposed, if nothing has followed."""
INSERT = """
    INSERT INTO deployments
      (service, env, version, hosts, checksum, rollback_safe, override, started_at, heard_at, account)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING *
"""
RESUME = "UPDATE deployments SET heard_at = ?, hosts = ? WHERE id = ? RETURNING *"
ROLLED_BACK = "SELECT id FROM rollbacks WHERE deployment_id = ? AND (moved = 1 OR finished_at IS NULL)"
OBSERVE = """
    INSERT INTO releases (service, env, version, rollback_safe, live_at) VALUES (?, ?, ?, 0, ?)
    ON CONFLICT (service, env, version) DO UPDATE SET live_at = excluded.live_at
"""
OVERRIDDEN = "deployed again with override"
TAKEN_OVER = f"{UNREPORTED}, and another deployment took over"


class Deployments:
    """The deployment part of the store."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    def adopt(self, env: str) -> None:
        """Give what was written before environments were known the daemon's own, once."""

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("UPDATE releases SET env = ? WHERE env = ''", (env,))  # deployments follow
            connection.execute("UPDATE decisions SET env = ? WHERE env = ''", (env,))
            connection.execute("UPDATE rollbacks SET env = ? WHERE env = ''", (env,))

        self._writer.run(write)

    def start_deployment(self, new: NewDeployment, at: datetime) -> Deployment:
        """Register it; the same version registered again while it is open is the same deployment."""
        return self._writer.run(lambda connection: _start(connection, new, at))

    def finish_deployment(
        self,
        deployment_id: int,
        outcome: Outcome,
        detail: str,
        at: datetime,
        notices: tuple[Notice, ...] = (),
    ) -> Deployment:
        """Close it; `live` makes its version the live one."""
        return self._writer.run(lambda c: _finish(c, deployment_id, outcome, detail, at, notices))

    def observe_live(
        self, service: str, env: str, version: str, at: datetime, notices: tuple[Notice, ...] = ()
    ) -> None:
        """Write down that the hosts run this version, though nobody reported it."""
        data: dict[str, object] = {"version": version}
        entry = NewEntry(at=at, kind=LedgerKind.LIVE_OBSERVED, service=service, env=env, data=data)

        def observe(connection: sqlite3.Connection) -> None:
            moment = next_moment(connection, (service, env), at)
            connection.execute(OBSERVE, (service, env, version, moment))
            insert_entry(connection, entry)
            insert_notices(connection, notices, at)

        self._writer.run(observe)

    def mark_release(
        self,
        service: str,
        env: str,
        version: str,
        standing: Standing,
        by: str,
        at: datetime,
        notices: tuple[Notice, ...] = (),
    ) -> None:
        """Give a release a standing; NotFound when there is no such release."""

        def write(connection: sqlite3.Connection) -> None:
            mark(connection, (service, env, version), standing, by, at)
            insert_notices(connection, notices, at)

        self._writer.run(write)

    def deployments(self, service: str | None, limit: int) -> list[Deployment]:
        """The latest deployments, newest first."""
        query = "SELECT * FROM deployments WHERE ?1 IS NULL OR service = ?1 ORDER BY id DESC LIMIT ?2"
        with self._reader.moment() as connection:
            rows = connection.execute(query, (service, limit)).fetchall()
        return self._reader.all("deployments", rows, deployment_from)

    def open_deployments(self, env: str) -> list[Deployment]:
        """Those that have reported no end."""
        query = "SELECT * FROM deployments WHERE env = ? AND outcome IS NULL ORDER BY id"
        with self._reader.moment() as connection:
            rows = connection.execute(query, (env,)).fetchall()
        return self._reader.all("deployments", rows, deployment_from)

    def services(self, env: str) -> list[str]:
        """Every service that has a release in the environment."""
        query = "SELECT DISTINCT service FROM releases WHERE env = ? ORDER BY service"
        with self._reader.moment() as connection:
            return [row["service"] for row in connection.execute(query, (env,))]

    def service_state(self, service: str, env: str) -> ServiceState:
        """What is known about the service, read at one moment."""
        with self._reader.moment() as connection:
            return state_of(connection, service, env)


def _start(connection: sqlite3.Connection, new: NewDeployment, at: datetime) -> Deployment:
    state = state_of(connection, new.service, new.env)
    _refuse(state, new, at)
    safe, checksum = new.rollback_safe, new.checksum
    key = (new.service, new.env)
    begun = next_moment(connection, key, at)
    connection.execute(UPSERT_RELEASE, (*key, new.version, safe, checksum, begun))
    if new.override and _standing(state, new.version) is Standing.REJECTED:
        mark(connection, (*key, new.version), Standing.UNPROVEN, OVERRIDDEN, at)
    running = state.deployment if state.deployment and state.deployment.outcome is None else None
    hosts = to_json(new.hosts)
    if running and running.version == new.version:
        known = {*running.hosts, *new.hosts}
        row = connection.execute(RESUME, (to_text(at), to_json(sorted(known)), running.id)).fetchone()
        insert_entry(connection, _entry(LedgerKind.DEPLOYMENT_RESUMED, deployment_from(row), at))
        return deployment_from(row)
    if running:
        _close(connection, running.id, Outcome.ABANDONED, TAKEN_OVER, at)
    withdraw(connection, key, f"{new.version} is being deployed", at)
    values = (*key, new.version, hosts, checksum, safe, new.override, to_text(at), to_text(at), ACCOUNT.get())
    deployment = deployment_from(connection.execute(INSERT, values).fetchone())
    insert_entry(connection, _entry(LedgerKind.DEPLOYMENT_STARTED, deployment, at))
    return deployment


def _refuse(state: ServiceState, new: NewDeployment, at: datetime) -> None:
    """Raise why the deployment must not begin, if it must not."""
    if state.active_rollback:
        raise RollbackInProgress(
            f"Rollback {state.active_rollback.id} of {new.service} is {state.active_rollback.phase}; "
            "deploy again when it has ended."
        )
    running = state.deployment
    if running and running.outcome is None and running.version != new.version and not new.take_over:
        minutes = (at - running.heard_at).total_seconds() / 60
        raise DeploymentInProgress(
            f"Deployment {running.id} of {new.service} {running.version} began {minutes:.0f} minutes ago and "
            "has not reported its end; wait for it, or deploy with take_over=true when that run is dead."
        )
    rejected = _standing(state, new.version) is Standing.REJECTED
    if rejected and not new.override:
        known = next(r for r in state.releases if r.version == new.version)
        when = to_text(known.standing_at) if known.standing_at else "an unknown time"
        raise VersionRejected(
            f"{new.service} {new.version} was rejected at {when} by {known.standing_by}; "
            "deploy another version, or this one with override=true."
        )


def _standing(state: ServiceState, version: str) -> Standing | None:
    return next((r.standing for r in state.releases if r.version == version), None)


def _finish(
    connection: sqlite3.Connection,
    deployment_id: int,
    outcome: Outcome,
    detail: str,
    at: datetime,
    notices: tuple[Notice, ...],
) -> Deployment:
    undone = connection.execute(ROLLED_BACK, (deployment_id,)).fetchone()
    if undone and outcome is Outcome.LIVE:
        raise DeploymentClosed(
            f"Deployment {deployment_id} was rolled back by rollback {undone['id']}: it is not live."
        )
    report = (outcome, to_text(at), detail, deployment_id, UNREPORTED)
    deployment = _closed(connection, deployment_id, connection.execute(REPORT, report).fetchone(), at)
    if outcome is Outcome.LIVE:
        go_live(connection, (deployment.service, deployment.env), deployment.version, at)
    insert_notices(connection, notices, at)
    return deployment


def _close(
    connection: sqlite3.Connection, deployment_id: int, outcome: Outcome, detail: str, at: datetime
) -> Deployment:
    row = connection.execute(CLOSE, (outcome, to_text(at), detail, deployment_id)).fetchone()
    return _closed(connection, deployment_id, row, at)


def _closed(
    connection: sqlite3.Connection, deployment_id: int, row: sqlite3.Row | None, at: datetime
) -> Deployment:
    if row is None:
        raise _why_not_closed(connection, deployment_id)
    deployment = deployment_from(row)
    insert_entry(connection, _entry(LedgerKind.DEPLOYMENT_FINISHED, deployment, at))
    return deployment


def _why_not_closed(connection: sqlite3.Connection, deployment_id: int) -> NotFound | DeploymentClosed:
    row = connection.execute("SELECT outcome FROM deployments WHERE id = ?", (deployment_id,)).fetchone()
    if row is None:
        return NotFound(f"There is no deployment {deployment_id}.")
    return DeploymentClosed(f"Deployment {deployment_id} has already ended as {row['outcome']}.")


def _entry(kind: LedgerKind, deployment: Deployment, at: datetime) -> NewEntry:
    data: dict[str, object] = {
        "deployment_id": deployment.id,
        "version": deployment.version,
        "hosts": deployment.hosts,
        "override": deployment.override,
        "outcome": deployment.outcome,
        "detail": deployment.detail,
    }
    return NewEntry(at=at, kind=kind, service=deployment.service, env=deployment.env, data=data)
