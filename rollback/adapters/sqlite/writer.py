"""One thread writes; what waits together is committed together."""

import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any, TypeVar

from rollback import crash_points
from rollback.adapters.sqlite.damage import Damage
from rollback.crash_points import Moment
from rollback.domain.errors import QueueFull, ShuttingDown, StoreUnavailable
from rollback.domain.reasons import LedgerKind

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

GROUP = 64
"""At most so many pieces of work share one commit."""


@dataclass
class _Job:
    work: Work[Any]
    future: Future[Any] = field(default_factory=Future)
    context: Context = field(default_factory=copy_context)  # of whoever asked: it knows the account


class Writer:
    """Runs pieces of work in the writer thread; a future is done only after its commit.

    Each piece has its own savepoint: one that breaks a rule of the schema fails alone. When the database
    itself fails, the whole group fails with StoreUnavailable and nothing of it is stored.
    """

    def __init__(self, connection: sqlite3.Connection, queue_limit: int, damage: Damage) -> None:
        self._connection, self._damage = connection, damage
        self._working_since: float | None = None
        self.written_at = monotonic()
        self.written = 0.0
        self._limit = queue_limit
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self._gate = threading.Lock()
        self._thread = threading.Thread(target=self._loop, name="writer", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """True while the thread works."""
        return self._thread.is_alive()

    @property
    def hanging(self) -> float:
        """For so many seconds the disk has not answered."""
        since = self._working_since
        return monotonic() - since if since is not None else 0.0

    def run(self, work: Work[T]) -> T:
        """Commit the work and return its result; for the daemon's own threads, never refused for length."""
        return self._put(work).result()

    def offer(self, work: Work[T]) -> Future[T]:
        """Queue the work of a client, or raise QueueFull or ShuttingDown."""
        if self._queue.qsize() >= self._limit:
            raise QueueFull
        return self._put(work)

    def close(self) -> None:
        """Commit what was accepted, refuse the rest, end the thread."""
        with self._gate:
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _put(self, work: Work[T]) -> Future[T]:
        self._damage.refuse()
        job = _Job(work)
        with self._gate:
            if self._closed:
                raise ShuttingDown
            self._queue.put(job)
        return job.future

    def _loop(self) -> None:
        stopping = False
        while not stopping:
            jobs, stopping = self._take()
            wanted = [job for job in jobs if job.future.set_running_or_notify_cancel()]
            if wanted:
                self._working_since = monotonic()
                self._commit(wanted)
                self._working_since = None

    def _take(self) -> tuple[list[_Job], bool]:
        """Wait for one piece of work, then take what else is already there."""
        first = self._queue.get()
        if first is None:
            return [], True
        jobs = [first]
        while len(jobs) < GROUP and not self._queue.empty():
            job = self._queue.get()
            if job is None:
                return jobs, True
            jobs.append(job)
        return jobs, False

    def _commit(self, jobs: list[_Job]) -> None:
        outcomes: list[object]
        try:
            self._damage.refuse()
            if away := self._damage.away:
                raise StoreUnavailable(away)
            self._connection.execute("BEGIN IMMEDIATE")
            began = self._last_line() if crash_points.armed() else None
            outcomes = [self._apply(job) for job in jobs]
            kinds = [] if began is None else self._kinds(began)
            crash_points.passing(*(crash_points.point(Moment.BEFORE_COMMIT, kind) for kind in kinds))
            self._connection.execute("COMMIT")
            self.written_at, self.written = monotonic(), time()
            crash_points.passing(*(crash_points.point(Moment.AFTER_COMMIT, kind) for kind in kinds))
        except sqlite3.Error as error:
            self._undo()
            outcomes = [self._damage.seen(error, "written")] * len(jobs)
        except Exception as error:  # whatever it is, this thread must not end
            self._undo()
            outcomes = [error] * len(jobs)
        for job, outcome in zip(jobs, outcomes, strict=True):
            _settle(job.future, outcome)

    def _apply(self, job: _Job) -> object:
        """The work's result, or the error that concerns only this piece of work."""
        self._connection.execute("SAVEPOINT piece")
        try:
            outcome = job.context.run(job.work, self._connection)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError):
                raise
            self._connection.execute("ROLLBACK TO piece")
            outcome = error
        self._connection.execute("RELEASE piece")
        return outcome

    def _last_line(self) -> int:
        query = "SELECT coalesce(max(id), 0) AS id FROM ledger"
        return int(self._connection.execute(query).fetchone()["id"])

    def _kinds(self, after: int) -> list[LedgerKind]:
        """What has been added to the ledger since that line."""
        rows = self._connection.execute("SELECT kind FROM ledger WHERE id > ? ORDER BY id", (after,))
        return [LedgerKind(row["kind"]) for row in rows]

    def _undo(self) -> None:
        if self._connection.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")


def _settle(future: Future[Any], outcome: object) -> None:
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
