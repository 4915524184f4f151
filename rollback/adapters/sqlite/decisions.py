"""Decisions and the rollbacks and proposals that they start."""

import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from rollback.adapters.codec import from_json, from_text, maybe_from_text, plain, to_json, to_text
from rollback.adapters.sqlite.control import answer, propose, withdraw
from rollback.adapters.sqlite.journal import insert_entry, insert_notices
from rollback.adapters.sqlite.reader import Reader
from rollback.adapters.sqlite.writer import Writer
from rollback.domain.alert import Alert
from rollback.domain.control import Proposal, ProposalState
from rollback.domain.decision import Decision
from rollback.domain.errors import ConcurrentChange, NotFound
from rollback.domain.reasons import LedgerKind, Reason, Verdict, passes
from rollback.domain.store_of_work import Tell
from rollback.domain.stored import DecisionRecord, NewEntry, Notice, Settled

T = TypeVar("T")

INSERT = """
    INSERT INTO decisions
      (at, service, env, alertname, rollback_trigger, verdict, reason, alerts, deployment_id, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
START = """
    INSERT INTO rollbacks (service, env, kind, phase, from_version, to_version, decision_id, deployment_id,
      requested_at, changed_at, asked_by)
    VALUES (?, ?, 'rollback', 'pending', ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
LATEST_DEPLOYMENT = "SELECT max(id) AS id FROM deployments WHERE service = ? AND env = ?"
ABANDON = """
    UPDATE deployments
    SET outcome = 'abandoned', finished_at = ?, detail = 'rolled back before it reported an end'
    WHERE id = ? AND outcome IS NULL
"""
SETTLE = """
    UPDATE inbox SET state = ?, decision_id = ?, evaluated_at = ?
    WHERE id = ? AND state = 'pending' AND decision_id IS ?
"""
SELECT = """
    SELECT d.id, d.at, d.verdict, d.reason, d.alerts, d.body,
      (SELECT max(r.id) FROM rollbacks AS r WHERE r.decision_id = d.id AND r.kind = 'rollback') AS rollback_id
    FROM decisions AS d
"""
UNTOLD = f"""
    {SELECT} WHERE d.verdict = 'hold' AND d.told_at IS NULL AND (d.at <= ? OR d.at > ?)
      AND EXISTS (SELECT 1 FROM inbox AS i WHERE i.decision_id = d.id AND i.state = 'held') ORDER BY d.id
"""  # noqa: S608

HOLDS = """
    SELECT d.id, d.at, d.verdict, d.reason, count(*) AS alerts, d.body, NULL AS rollback_id
    FROM decisions AS d JOIN inbox AS i ON i.decision_id = d.id AND i.state = 'held'
    WHERE d.env = ? AND d.verdict = 'hold' GROUP BY d.id ORDER BY d.id
"""
FOLLOWING = (Reason.ROLLBACK_IN_PROGRESS, Reason.ALREADY_PROPOSED, Reason.COOLDOWN, Reason.ALREADY_HANDLED)
FOLLOWERS = """
    SELECT coalesce(sum(alerts), 0) AS count FROM decisions
    WHERE deployment_id = (SELECT deployment_id FROM decisions WHERE id = ?1) AND id > ?1
      AND reason IN (SELECT value FROM json_each(?2))
"""


class Decisions:
    """The decision part of the store."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    def record(self, settled: Settled, tell: Tell) -> DecisionRecord | None:
        """Store the decision of these alerts with what it starts; None when all had the same one before."""
        return self._run(lambda connection: _record(connection, settled, tell))

    def record_by_person(
        self, decision: Decision, proposal: Proposal | None, note: str, tell: Tell
    ) -> DecisionRecord:
        """Store a rollback that a person asked for or approved, with their answer."""

        def write(connection: sqlite3.Connection) -> DecisionRecord:
            at = decision.at
            if proposal:
                answer(connection, proposal, ProposalState.APPROVED, decision.by, note, at)
            found = _add(connection, decision, alerts=1)
            insert_notices(connection, tell(found.id), at)
            return found

        return self._run(write)

    def decision(self, decision_id: int) -> DecisionRecord:
        """The decision, or NotFound."""
        with self._reader.moment() as connection:
            row = connection.execute(f"{SELECT} WHERE d.id = ?", (decision_id,)).fetchone()
            if row is None:
                raise NotFound(f"There is no decision {decision_id}; see: rollbackctl decisions.")
            return _decision(row)

    def decisions(self, service: str | None, limit: int) -> list[DecisionRecord]:
        """The latest decisions, newest first."""
        query = f"{SELECT} WHERE ?1 IS NULL OR d.service = ?1 ORDER BY d.id DESC LIMIT ?2"
        with self._reader.moment() as connection:
            rows = connection.execute(query, (service, limit)).fetchall()
        return self._reader.all("decisions", rows, _decision)

    def holds(self, env: str) -> list[DecisionRecord]:
        """Decisions of alerts that are on hold now, oldest first; `alerts` counts those that still are."""
        with self._reader.moment() as connection:
            rows = connection.execute(HOLDS, (env,)).fetchall()
        return self._reader.all("decisions", rows, _decision)

    def followers(self, decision: DecisionRecord) -> int:
        """How many later alerts were settled because of what that decision started."""
        if decision.verdict not in (Verdict.ROLL_BACK, Verdict.PROPOSE):
            return 0
        with self._reader.moment() as connection:
            return int(connection.execute(FOLLOWERS, (decision.id, to_json(FOLLOWING))).fetchone()["count"])

    def received_at(self, decision: DecisionRecord) -> datetime | None:
        """When the first alert of the decision arrived; None when a person decided."""
        query = "SELECT min(received_at) AS at FROM inbox WHERE decision_id = ?"
        with self._reader.moment() as connection:
            return maybe_from_text(connection.execute(query, (decision.id,)).fetchone()["at"])

    def untold_holds(self, decided_before: datetime, now: datetime) -> list[DecisionRecord]:
        """Decisions of alerts that have been on hold since before that moment, of which nobody was told."""
        times = (to_text(decided_before), to_text(now))
        with self._reader.moment() as connection:
            rows = connection.execute(UNTOLD, times).fetchall()
        return self._reader.all("decisions", rows, _decision)

    def fired_since(self, service: str, env: str, since: datetime) -> set[str]:
        """The names of the service's alerts that were decided about since then and that Prometheus knew."""
        query = """
            SELECT DISTINCT alertname FROM decisions
            WHERE service = ? AND env = ? AND at >= ? AND reason NOT IN (?, ?)
        """
        row = (service, env, to_text(since), Reason.NOT_FIRING, Reason.OTHER_ENVIRONMENT)
        with self._reader.moment() as connection:
            return {str(found["alertname"]) for found in connection.execute(query, row)}

    def tell_hold(self, decision: DecisionRecord, entry: NewEntry, notices: tuple[Notice, ...]) -> None:
        """Write down that people are told of the hold."""

        def write(connection: sqlite3.Connection) -> None:
            query = "UPDATE decisions SET told_at = ? WHERE id = ? AND told_at IS NULL"
            if connection.execute(query, (to_text(entry.at), decision.id)).rowcount:
                insert_entry(connection, entry)
                insert_notices(connection, notices, entry.at)

        self._run(write)

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return self._writer.run(work)
        except sqlite3.IntegrityError as error:
            raise ConcurrentChange(f"The schema forbids what was decided: {error}.") from error


def _record(connection: sqlite3.Connection, settled: Settled, tell: Tell) -> DecisionRecord | None:
    decision = settled.decision
    same = _same_before(connection, settled)
    fresh = [item for item in settled.items if item.decision_id not in same]
    new = _add(connection, decision, alerts=len(fresh)) if fresh else None
    state, at = "held" if passes(decision.reason) else "decided", to_text(decision.at)
    rows = [
        (
            state,
            item.decision_id if item.decision_id in same else new and new.id,
            at,
            item.id,
            item.decision_id,
        )
        for item in settled.items
    ]
    if connection.executemany(SETTLE, rows).rowcount != len(rows):
        raise ConcurrentChange("One of the alerts has been decided meanwhile.")
    if new:
        insert_notices(connection, tell(new.id), decision.at)
    return new


def _same_before(connection: sqlite3.Connection, settled: Settled) -> set[int]:
    """The alerts' earlier decisions that said the same; what starts something is always said anew."""
    earlier = {item.decision_id for item in settled.items if item.decision_id is not None}
    if settled.decision.verdict in (Verdict.ROLL_BACK, Verdict.PROPOSE) or not earlier:
        return set()
    query = "SELECT id FROM decisions WHERE reason = ? AND id IN (SELECT value FROM json_each(?))"
    found = connection.execute(query, (settled.decision.reason, to_json(sorted(earlier))))
    return {row["id"] for row in found}


def _add(connection: sqlite3.Connection, decision: Decision, alerts: int) -> DecisionRecord:
    """The decision, its ledger line, and the rollback or proposal that it starts."""
    facts, alert = decision.facts, decision.facts.alert
    key, at = (alert.service, alert.env), decision.at
    deployment_id = facts.deployment.id if facts.deployment else None
    head = (to_text(at), *key, alert.name, alert.trigger, decision.verdict, decision.reason, alerts)
    decision_id = int(connection.execute(INSERT, (*head, deployment_id, to_json(decision))).fetchone()["id"])
    rollback_id = None
    if decision.verdict is Verdict.ROLL_BACK:
        rollback_id = _start(connection, decision_id, decision)
    if decision.verdict is Verdict.PROPOSE:
        withdraw(connection, key, "a later alert proposes again", at)
        propose(connection, _proposal(decision_id, decision))
    data = {**_data(decision), "decision_id": decision_id, "rollback_id": rollback_id, "alike": alerts}
    kind = LedgerKind.DECIDED
    entry = NewEntry(at=at, kind=kind, service=key[0], env=key[1], rollback_id=rollback_id, data=data)
    insert_entry(connection, entry)
    return DecisionRecord(
        id=decision_id,
        at=at,
        verdict=decision.verdict,
        reason=decision.reason,
        rollback_id=rollback_id,
        alert=alert,
        alerts=alerts,
        body=plain(decision),
    )


def _start(connection: sqlite3.Connection, decision_id: int, decision: Decision) -> int:
    """Start the rollback; not if another deployment has begun."""
    facts, at = decision.facts, to_text(decision.at)
    service, env = facts.alert.service, facts.alert.env
    deployment_id = facts.deployment.id if facts.deployment else None
    if connection.execute(LATEST_DEPLOYMENT, (service, env)).fetchone()["id"] != deployment_id:
        raise ConcurrentChange(f"Another deployment of {service} has begun meanwhile.")
    withdraw(connection, (service, env), "a rollback begins", decision.at)
    connection.execute(ABANDON, (at, deployment_id))
    versions = (decision.from_version, decision.to_version)
    row = (service, env, *versions, decision_id, deployment_id, at, at, decision.by)
    return int(connection.execute(START, row).fetchone()["id"])


def _proposal(decision_id: int, decision: Decision) -> Proposal:
    facts = decision.facts
    return Proposal(
        id=decision_id,
        service=facts.alert.service,
        env=facts.alert.env,
        deployment_id=facts.deployment.id if facts.deployment else None,
        from_version=decision.from_version or "",
        to_version=decision.to_version,
        state=ProposalState.OPEN,
        at=decision.at,
    )


def _data(decision: Decision) -> dict[str, object]:
    alert, deployment = decision.facts.alert, decision.facts.deployment
    return {
        "verdict": decision.verdict,
        "reason": decision.reason,
        "trigger": alert.trigger,
        "alertname": alert.name,
        "starts_at": alert.starts_at,
        "deployment_id": deployment.id if deployment else None,
        "from_version": decision.from_version,
        "to_version": decision.to_version,
        "by": decision.by,
    }


def _decision(row: sqlite3.Row) -> DecisionRecord:
    body = from_json(row["body"], dict[str, Any])
    return DecisionRecord(
        id=row["id"],
        at=from_text(row["at"]),
        verdict=Verdict(row["verdict"]),
        reason=Reason(row["reason"]),
        rollback_id=row["rollback_id"],
        alert=msgspec.convert(body["facts"]["alert"], Alert),
        alerts=row["alerts"],
        body=body,
    )
