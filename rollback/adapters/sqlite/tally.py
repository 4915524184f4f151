"""Counts for /metrics, read from the records themselves: a restart neither loses nor repeats one."""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from rollback.adapters.codec import from_json, maybe_from_text
from rollback.adapters.sqlite import forgetting
from rollback.adapters.sqlite.inbox import HEARTBEAT
from rollback.adapters.sqlite.journal import get_mark
from rollback.adapters.sqlite.reader import Reader
from rollback.adapters.sqlite.releases import state_of
from rollback.adapters.sqlite.writer import Writer
from rollback.domain.errors import StoreUnavailable
from rollback.domain.stored import ServiceState, Tally

ENDED = """
    SELECT r.service, r.phase, d.rollback_trigger, count(*)
    FROM rollbacks AS r JOIN decisions AS d ON d.id = r.decision_id
    WHERE r.finished_at IS NOT NULL AND r.kind = 'rollback' GROUP BY r.service, r.phase, d.rollback_trigger
"""
TOOK = f"""
    SELECT service, phase, {forgetting.WITHIN}, count(*) FROM rollbacks
    WHERE finished_at IS NOT NULL AND kind = 'rollback' GROUP BY service, phase, {forgetting.WITHIN}
    UNION ALL SELECT service, phase, 'sum', CAST(round(sum({forgetting.SECONDS})) AS INTEGER) FROM rollbacks
    WHERE finished_at IS NOT NULL AND kind = 'rollback' GROUP BY service, phase
"""  # noqa: S608
VERDICTS = """
    SELECT service, verdict, count(*) FROM rollbacks WHERE verdict IS NOT NULL GROUP BY service, verdict
"""
NOTICES = "SELECT state, count(*) FROM notices GROUP BY state"
OLDEST = "SELECT min(created_at) FROM notices WHERE state = 'waiting'"
INBOX = "SELECT state, count(*) FROM inbox WHERE state <> 'decided' GROUP BY state"
DECISIONS = """
    SELECT service, verdict, reason, rollback_trigger, sum(alerts) FROM decisions
    GROUP BY service, verdict, reason, rollback_trigger
"""
SET_ASIDE = "SELECT count(*) FROM quarantine"
SERVICES = "SELECT DISTINCT service, env FROM releases ORDER BY service, env"


class Counts:
    """The counting part of the store."""

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer, self._reader = writer, reader

    def tally(self) -> Tally:
        """Counts and states, read at one moment."""
        with self._reader.moment() as connection:
            inbox = _by_name(connection, INBOX)
            told = _by_key(connection, NOTICES, forgetting.TOLD)
            services = [tuple(row) for row in connection.execute(SERVICES)]
            return Tally(
                rollbacks=_by_key(connection, ENDED, forgetting.ROLLBACKS_ENDED),
                durations=_by_key(connection, TOOK, forgetting.TOOK),
                decisions=_by_key(connection, DECISIONS, forgetting.DECIDED),
                verifications=_by_key(connection, VERDICTS, forgetting.VERDICTS),
                notices={state: count for (state,), count in told.items()},
                oldest_notice=maybe_from_text(connection.execute(OLDEST).fetchone()[0]),
                inbox_pending=inbox.get("pending", 0),
                inbox_held=inbox.get("held", 0),
                quarantined=_by_key(connection, SET_ASIDE, forgetting.SET_ASIDE)[()],
                last_heartbeat=get_mark(connection, HEARTBEAT),
                services=tuple(_readable(connection, services)),
            )


def _readable(connection: sqlite3.Connection, services: list[tuple[Any, ...]]) -> Iterator[ServiceState]:
    """The states that can be read: one that cannot hides no other."""
    for service, env in services:
        with suppress(StoreUnavailable):
            yield state_of(connection, service, env)


def _by_key(connection: sqlite3.Connection, query: str, name: str) -> dict[Any, int]:
    """The last column by all others, with what was counted of records that are gone."""
    counts: Counter[Any] = Counter({tuple(row)[:-1]: row[-1] for row in connection.execute(query)})
    for key, count in forgetting.tallied(connection, name).items():
        counts[tuple(from_json(key, list[str]))] += count
    return counts


def _by_name(connection: sqlite3.Connection, query: str) -> dict[str, int]:
    return dict(tuple(row) for row in connection.execute(query))
