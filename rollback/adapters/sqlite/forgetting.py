"""What is old goes, a few records at a time; what is still needed stays, and so does every count."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from rollback.adapters.codec import to_json, to_text
from rollback.adapters.sqlite.journal import set_mark
from rollback.adapters.sqlite.reader import Reader
from rollback.adapters.sqlite.writer import Writer

KEPT_SINCE = "kept since"
MOST_SET_ASIDE = 10_000
"""So many alerts that were set aside are kept, however young they are."""
LATEST = 50
"""So many deployments and rollbacks of a service are looked at to decide: they stay, however old they are."""

QUARANTINE = """
    SELECT id FROM quarantine WHERE at < ?1
      OR id <= (SELECT max(id) FROM quarantine) - ?3 ORDER BY id LIMIT ?2
"""
INBOX = """
    SELECT id FROM inbox WHERE received_at < ?1 AND state IN ('decided', 'set_aside')
    ORDER BY received_at LIMIT ?2
"""
NOTICES = """
    SELECT id FROM notices WHERE created_at < ?1 AND state <> 'waiting' ORDER BY created_at LIMIT ?2
"""
LEDGER = """
    SELECT id FROM ledger AS l WHERE at < ?1 AND NOT EXISTS (
      SELECT 1 FROM rollbacks AS r WHERE r.id = l.rollback_id AND r.finished_at IS NULL)
    ORDER BY at LIMIT ?2
"""
PROPOSALS = """
    SELECT p.id FROM proposals AS p JOIN decisions AS d ON d.id = p.id
    WHERE d.at < ?1 AND p.state <> 'open' AND NOT EXISTS (
      SELECT 1 FROM (SELECT max(id) AS id FROM deployments GROUP BY service, env) AS latest
      WHERE latest.id = p.deployment_id)
    ORDER BY p.id LIMIT ?2
"""
ROLLBACKS = f"""
    SELECT id FROM rollbacks AS r WHERE finished_at < ?1
      AND NOT EXISTS (SELECT 1 FROM ledger WHERE rollback_id = r.id)
      AND (SELECT count(*) FROM rollbacks AS later
        WHERE later.service = r.service AND later.env = r.env AND later.id > r.id) >= {LATEST}
    ORDER BY finished_at LIMIT ?2
"""  # noqa: S608
DECISIONS = """
    SELECT id FROM decisions AS d WHERE at < ?1 AND id < (SELECT max(id) FROM decisions)
      AND NOT EXISTS (SELECT 1 FROM inbox WHERE decision_id = d.id)
      AND NOT EXISTS (SELECT 1 FROM rollbacks WHERE decision_id = d.id)
      AND NOT EXISTS (SELECT 1 FROM proposals WHERE id = d.id)
    ORDER BY at LIMIT ?2
"""
DEPLOYMENTS = f"""
    SELECT id FROM deployments AS d WHERE finished_at < ?1
      AND NOT EXISTS (SELECT 1 FROM decisions WHERE deployment_id = d.id)
      AND NOT EXISTS (SELECT 1 FROM rollbacks WHERE deployment_id = d.id)
      AND NOT EXISTS (SELECT 1 FROM proposals WHERE deployment_id = d.id)
      AND (SELECT count(*) FROM deployments AS later
        WHERE later.service = d.service AND later.env = d.env AND later.id > d.id) >= {LATEST}
    ORDER BY id LIMIT ?2
"""  # noqa: S608
RELEASES = f"""
    SELECT rowid AS id FROM releases AS r
    WHERE coalesce(max(live_at, deployed_at), live_at, deployed_at, '') < ?1
      AND coalesce(standing_at, '') < ?1
      AND NOT EXISTS (SELECT 1 FROM deployments
        WHERE service = r.service AND env = r.env AND version = r.version)
      AND (SELECT count(*) FROM releases AS later
        WHERE later.service = r.service AND later.env = r.env
          AND coalesce(later.live_at, later.deployed_at, '') > coalesce(r.live_at, r.deployed_at, '')
      ) >= {LATEST}
    LIMIT ?2
"""  # noqa: S608
FREEZES = "SELECT id FROM freezes WHERE ended_at < ?1 ORDER BY id LIMIT ?2"
BREAKERS = """
    SELECT id FROM breakers AS b WHERE closed_at < ?1 AND EXISTS (
      SELECT 1 FROM breakers AS later
      WHERE later.service = b.service AND later.env = b.env AND later.closed_at > b.closed_at)
    ORDER BY id LIMIT ?2
"""
MARKS = """
    SELECT rowid AS id FROM marks WHERE at < ?1 AND name NOT IN ('alive', 'heartbeat', 'kept since')
    ORDER BY at LIMIT ?2
"""
OLD = {
    # What others point to comes after them.
    "ledger": LEDGER,
    "inbox": INBOX,
    "notices": NOTICES,
    "proposals": PROPOSALS,
    "rollbacks": ROLLBACKS,
    "decisions": DECISIONS,
    "deployments": DEPLOYMENTS,
    "releases": RELEASES,
    "freezes": FREEZES,
    "breakers": BREAKERS,
    "marks": MARKS,
}

ROLLBACKS_ENDED, VERDICTS, DECIDED = "rollbacks", "verdicts", "decisions"
TOLD, SET_ASIDE, TOOK = "notices", "quarantine", "durations"
LIMITS = (5, 10, 15, 30, 60, 120, 300, 600)
"""The limits in seconds by which rollbacks are counted; `sum` is all of their seconds."""
SECONDS = "(julianday(coalesce(restored_at, finished_at)) - julianday(requested_at)) * 86400"
_CASES = " ".join(f"WHEN {SECONDS} <= {limit} THEN '{limit}'" for limit in LIMITS)
WITHIN = f"CASE {_CASES} ELSE '+Inf' END"
COUNTED = {
    "quarantine": {SET_ASIDE: "SELECT '[]' AS key, count(*) AS count FROM quarantine WHERE id IN {ids}"},
    "notices": {
        TOLD: """
            SELECT json_array(state) AS key, count(*) AS count FROM notices WHERE id IN {ids} GROUP BY state
        """
    },
    "decisions": {
        DECIDED: """
            SELECT json_array(service, verdict, reason, rollback_trigger) AS key, sum(alerts) AS count
            FROM decisions WHERE id IN {ids} GROUP BY service, verdict, reason, rollback_trigger
        """
    },
    "rollbacks": {
        ROLLBACKS_ENDED: """
            SELECT json_array(r.service, r.phase, d.rollback_trigger) AS key, count(*) AS count
            FROM rollbacks AS r JOIN decisions AS d ON d.id = r.decision_id
            WHERE r.id IN {ids} AND r.kind = 'rollback' GROUP BY r.service, r.phase, d.rollback_trigger
        """,
        TOOK: f"""
            SELECT json_array(service, phase, {WITHIN}) AS key, count(*) AS count FROM rollbacks
            WHERE id IN {{ids}} AND kind = 'rollback' GROUP BY service, phase, {WITHIN}
            UNION ALL SELECT json_array(service, phase, 'sum'), CAST(round(sum({SECONDS})) AS INTEGER)
            FROM rollbacks WHERE id IN {{ids}} AND kind = 'rollback' GROUP BY service, phase
        """,  # noqa: S608
        VERDICTS: """
            SELECT json_array(service, verdict) AS key, count(*) AS count FROM rollbacks
            WHERE id IN {ids} AND verdict IS NOT NULL GROUP BY service, verdict
        """,
    },
}
"""What /metrics counts of a table: it is added up before the records go."""
ADD = """
    INSERT INTO tallies (name, key, count) VALUES (?, ?, ?)
    ON CONFLICT (name, key) DO UPDATE SET count = count + excluded.count
"""
GIVEN = "(SELECT value FROM json_each(?1))"


class Forgetting:
    """The part of the store that forgets."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    def forget(self, records_before: datetime, quarantine_before: datetime, limit: int) -> int:
        """Delete at most so many of each kind of record that are older; return how many went.

        What decisions rest on stays, however old it is; what was counted of the others is added up.
        """
        found: dict[str, list[int]] = {}
        with self._reader.moment() as connection:
            old = (to_text(quarantine_before), limit, MOST_SET_ASIDE)
            found["quarantine"] = _ids(connection, QUARANTINE, old)
            for table, query in OLD.items():
                found[table] = _ids(connection, query, (to_text(records_before), limit))
        found = {table: ids for table, ids in found.items() if ids}
        if found:
            self._writer.run(lambda connection: _delete(connection, found, records_before))
        return sum(map(len, found.values()))


def tallied(connection: sqlite3.Connection, name: str) -> dict[str, int]:
    """What was counted of records that are gone, by their key as a JSON array."""
    query = "SELECT key, count FROM tallies WHERE name = ?"
    return {row["key"]: row["count"] for row in connection.execute(query, (name,))}


def _ids(connection: sqlite3.Connection, query: str, values: tuple[object, ...]) -> list[int]:
    return [row["id"] for row in connection.execute(query, values)]


def _delete(connection: sqlite3.Connection, found: Mapping[str, list[int]], before: datetime) -> None:
    set_mark(connection, KEPT_SINCE, before)
    for table, ids in found.items():
        given = (to_json(ids),)
        for name, query in COUNTED.get(table, {}).items():
            for row in connection.execute(query.format(ids=GIVEN), given).fetchall():
                if row["count"]:
                    connection.execute(ADD, (name, row["key"], row["count"]))
        connection.execute(f"DELETE FROM {table} WHERE rowid IN {GIVEN}", given)  # noqa: S608
