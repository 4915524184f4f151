"""The embedded store: one file, WAL, every commit flushed, one writer thread."""

from rollback.adapters.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
