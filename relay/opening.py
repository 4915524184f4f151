"""The store's file as it is opened: one that cannot be used is kept beside a new one, once."""

import sqlite3
from pathlib import Path

VERSION = 1
"""Of the tables. A file without one is of the first release, or new."""


def opened(path: Path, schema: str) -> tuple[sqlite3.Connection, str]:
    """Return the open file, and what was wrong with the one before; nothing where it goes on."""
    try:
        base = _connected(path)
        if wrong := _wrong(base):
            base.close()
    except sqlite3.DatabaseError as fault:
        if not is_damage(fault):
            raise
        wrong = str(fault)
    if wrong:
        for end in ("", "-wal", "-shm"):
            _keep(Path(f"{path}{end}"))
        base = _connected(path)
    base.executescript(f"{schema}PRAGMA user_version = {VERSION};")
    return base, wrong


def is_damage(fault: BaseException) -> bool:
    """Tell whether it is the file that is wrong; a full or locked disk is an error of a class of its own."""
    return type(fault) is sqlite3.DatabaseError


def _keep(path: Path) -> None:
    """Have a file under another name, in the place of an earlier one; a disk that decays fills no disk."""
    if path.exists():
        path.replace(f"{path}.kept")


def _connected(path: Path) -> sqlite3.Connection:
    base = sqlite3.connect(path, check_same_thread=False, timeout=5, isolation_level=None)
    for line in ("journal_mode=WAL", "synchronous=FULL", "journal_size_limit=16777216"):
        base.execute(f"PRAGMA {line}")
    return base


def _wrong(base: sqlite3.Connection) -> str:
    (version,) = base.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        return f"a newer version wrote it ({version}, this one reads {VERSION})"
    (found,) = base.execute("PRAGMA quick_check(1)").fetchone()
    return "" if found == "ok" else " ".join(str(found).split())
