"""What was taken and not told yet, on disk before Alertmanager hears that it was taken."""

import sqlite3
import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .message import Message
from .opening import opened

MOST_WAITING = 5_000
"""Messages of one loudness for one address; more of the quiet ones never keep out a loud one."""
MOST_REFUSED = 1_000
"""Messages that are kept for a person to read after they were set aside."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS waiting (
  id INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT NOT NULL, rank INTEGER NOT NULL, told_of TEXT NOT NULL,
  body TEXT NOT NULL, taken REAL NOT NULL, alone INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS waiting_by_address ON waiting (address, told_of, rank);
CREATE TABLE IF NOT EXISTS refused (
  id INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT NOT NULL, reason TEXT NOT NULL, body TEXT NOT NULL,
  taken REAL NOT NULL, refused REAL NOT NULL);
CREATE TABLE IF NOT EXISTS counted (
  address TEXT NOT NULL, what TEXT NOT NULL, reason TEXT NOT NULL, n INTEGER NOT NULL,
  PRIMARY KEY (address, what, reason));
"""
NEXT = """
SELECT w.id, w.told_of, w.body, w.alone FROM waiting w
JOIN (SELECT told_of, MIN(rank) AS loudest, MIN(id) AS first FROM waiting
      WHERE address = :address GROUP BY told_of) g ON g.told_of = w.told_of
WHERE w.address = :address ORDER BY g.loudest, g.first, w.id LIMIT :most
"""
TOO_OLD, LOST = "too_old", "file_of_the_queue"
"""Reasons of our own."""


class FullError(Exception):
    """Nothing more of this loudness is taken for this address."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """A message that is not told yet; one that is `alone` was refused together with others."""

    id: int
    group: str
    body: str
    alone: bool


class Store:
    """One file; the threads of the relay take turns."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._base, self.wrong = opened(path, SCHEMA)

    def take(self, address: str, message: Message) -> None:
        """Keep a message; it is on disk when this returns. Raises FullError.

        Alertmanager posts again what it heard no answer to, though it may be here: a relay that died in
        between had kept it.
        """
        with self._changed() as base:
            last = "SELECT body FROM waiting WHERE address = ? AND told_of = ? ORDER BY id DESC LIMIT 1"
            if base.execute(last, (address, message.group)).fetchone() == (message.body,):
                return
            held = "SELECT COUNT(*) FROM waiting WHERE address = ? AND rank = ?"
            (count,) = base.execute(held, (address, message.rank)).fetchone()
            if count >= MOST_WAITING:
                raise FullError
            base.execute(
                "INSERT INTO waiting (address, rank, told_of, body, taken) VALUES (?, ?, ?, ?, ?)",
                (address, message.rank, message.group, message.body, time.time()),
            )
            self._count(address, "taken")

    def next(self, address: str, most: int) -> list[Waiting]:
        """Return what is to be told next, the loudest first; of one group the earliest first, however quiet.

        So a RESOLVED never comes after what fired again since.
        """
        with self._lock:
            rows = self._base.execute(NEXT, {"address": address, "most": most}).fetchall()
        return [Waiting(id=one, group=of, body=body, alone=bool(alone)) for one, of, body, alone in rows]

    def told(self, address: str, messages: Sequence[Waiting]) -> None:
        """Forget messages that are in their channel."""
        with self._changed() as base:
            for one in messages:
                base.execute("DELETE FROM waiting WHERE id = ?", (one.id,))
            self._count(address, "told", n=len(messages))

    def part(self, messages: Sequence[Waiting]) -> None:
        """Have each of them sent by itself: one that is refused does not take the others with it."""
        with self._changed() as base:
            for one in messages:
                base.execute("UPDATE waiting SET alone = 1 WHERE id = ?", (one.id,))

    def refuse(self, address: str, message: Waiting, reason: str) -> None:
        """Set a message aside for good."""
        with self._changed():
            self._set_aside(address, "id = ?", (message.id,), reason)

    def expire(self, address: str, before: float) -> int:
        """Set aside what was taken before that moment, and return how many that were."""
        with self._changed():
            return self._set_aside(address, "address = ? AND taken < ?", (address, before), TOO_OLD)

    def strangers(self, addresses: Collection[str]) -> int:
        """Set aside what waits for addresses that the site has no more."""
        with self._changed() as base:
            found = base.execute("SELECT DISTINCT address FROM waiting").fetchall()
            gone = [one for (one,) in found if one not in addresses]
            return sum(self._set_aside(one, "address = ?", (one,), "no_such_address") for one in gone)

    def note_lost(self, addresses: Iterable[str]) -> None:
        """Have a person told that what waited for these addresses is in a file that cannot be used."""
        with self._changed() as base:
            for one in addresses:
                base.execute("INSERT INTO refused VALUES (NULL, ?, ?, '', 0, ?)", (one, LOST, time.time()))
                self._count(one, "refused", LOST)

    def waiting(self) -> dict[str, tuple[int, float]]:
        """Return how many messages wait for each address, and since when the oldest of them does."""
        with self._lock:
            rows = self._base.execute("SELECT address, COUNT(*), MIN(taken) FROM waiting GROUP BY address")
            return {address: (count, oldest) for address, count, oldest in rows.fetchall()}

    def refused_since(self, moment: float) -> list[tuple[str, str, int]]:
        """Return address, reason and number of what was set aside since then."""
        ask = "SELECT address, reason, COUNT(*) FROM refused WHERE refused > ? GROUP BY address, reason"
        with self._lock:
            return [(address, why, n) for address, why, n in self._base.execute(ask, (moment,)).fetchall()]

    def counts(self) -> list[tuple[str, str, str, int]]:
        """Return address, what became of messages, the reason, and how many that were."""
        with self._lock:
            return list(self._base.execute("SELECT address, what, reason, n FROM counted").fetchall())

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._base.close()

    def _set_aside(self, address: str, where: str, values: tuple[object, ...], reason: str) -> int:
        copy = f"SELECT address, ?, body, taken, ? FROM waiting WHERE {where}"  # noqa: S608 - ours
        moved = self._base.execute(
            f"INSERT INTO refused (address, reason, body, taken, refused) {copy}",
            (reason, time.time(), *values),
        ).rowcount
        if moved:
            self._base.execute(f"DELETE FROM waiting WHERE {where}", values)  # noqa: S608 - ours
            kept = "SELECT id FROM refused ORDER BY id DESC LIMIT ?"
            self._base.execute(f"DELETE FROM refused WHERE id NOT IN ({kept})", (MOST_REFUSED,))  # noqa: S608
            self._count(address, "refused", reason, n=moved)
        return moved

    def _count(self, address: str, what: str, reason: str = "", n: int = 1) -> None:
        self._base.execute(
            "INSERT INTO counted VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = n + excluded.n",
            (address, what, reason, n),
        )

    @contextmanager
    def _changed(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._base.execute("BEGIN IMMEDIATE")
            try:
                yield self._base
            except BaseException:
                self._base.execute("ROLLBACK")
                raise
            self._base.execute("COMMIT")
