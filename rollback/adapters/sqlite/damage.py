"""A database that is damaged is not worked with, by nobody, until a person has decided what to do."""

import os
import sqlite3
from pathlib import Path

import structlog

from rollback.domain.errors import StoreUnavailable

LOG = structlog.get_logger("rollback.store")
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
WHAT_TO_DO = (
    "Nothing is decided and nothing is rolled back. Restore a backup (docs/operations.md, Back up and "
    "restore), or begin with an empty one: systemctl stop rollback; mv {file} {file}.old; "
    "rm -f {file}-wal {file}-shm; systemctl start rollback"
)


Identity = tuple[tuple[int, int] | None, ...]
"""Which files these are, by device and number; None for one that is not there."""


class Damage:
    """What is wrong with the file for good; empty while nothing is."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._opened: Identity | None = None
        self.found = ""

    def opened(self) -> None:
        """From now on the file and its log must stay where they are."""
        self._opened = self._identity()

    @property
    def away(self) -> str:
        """Why what is written would not be found by the next start; empty when it would."""
        if self._opened in (None, self._identity()):
            return ""
        return (
            f"The database {self._file} is not where it was opened: it was moved, deleted or replaced, or "
            "its disk is away. Nothing is stored until it is back; a restart takes what is there then."
        )

    def refuse(self) -> None:
        """Raise StoreUnavailable when the database is damaged."""
        if self.found:
            raise StoreUnavailable(self.found)

    def seen(self, error: sqlite3.Error, doing: str) -> StoreUnavailable:
        """The error as one of ours; one that says that the file is damaged is kept."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGED:
            self.damaged(str(error))
            return StoreUnavailable(self.found)
        return StoreUnavailable(f"The database could not be {doing}: {error}.")

    def _identity(self) -> Identity:
        return tuple(_identity(f"{self._file}{end}") for end in ("", "-wal"))

    def damaged(self, problem: str, kept: Path | None = None) -> None:
        """Remember that the file is damaged, and say it once."""
        if not self.found:
            copy = f"; it was kept as {kept}" if kept else ""
            todo = WHAT_TO_DO.format(file=self._file)
            self.found = f"The database {self._file} is damaged: {problem}{copy}. {todo}"
            LOG.critical("database_damaged", problem=self.found)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  (a Path would be made for every commit)
    except OSError:
        return None
    return found.st_dev, found.st_ino
