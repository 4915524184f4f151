"""One daemon to a database: a second one would decide and act beside the first."""

import fcntl
from pathlib import Path
from typing import TextIO

from rollback.domain.errors import SettingsInvalid


def claim(database: Path) -> TextIO | None:
    """Keep the database for this process until the returned file is closed, or raise SettingsInvalid.

    The kernel gives it back however the process ends, and programs that it started do not inherit it.
    None where nothing can be written beside the database: then the store says so. A lock that is there and
    cannot be opened is refused, as nobody could tell whether it is held.
    """
    path = database.with_name(f"{database.name}.lock")
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        if not path.exists():
            return None
        raise SettingsInvalid(
            f"database: expected to open its lock {path}, found: {error}; give it to the daemon's user"
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        if not isinstance(error, BlockingIOError):
            return None  # a file system without locks
        raise SettingsInvalid(
            f"database: expected one that no other daemon uses, found {database} in use: stop the other one "
            "(`systemctl stop rollback`; `lslocks` says which process it is), or name another file"
        ) from error
    return file
