"""rollback-backup: keep copies of the daemon's database, and put one back.

rollback-backup now                                        copies while the daemon runs; old copies are pruned
rollback-backup list                                       which copies there are, the newest last
systemctl stop rollback && rollback-backup restore FILE    puts a copy back; what was there is kept beside it
"""

import argparse
import os
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from rollback.adapters.sqlite.connection import damage_in, newest_schema, not_ours
from rollback.domain.errors import RollbackError
from rollback.sole import claim

DATABASE = Path("/var/lib/mita-rollback/rollback.db")
FOLDER = Path("/var/backups/mita-rollback")
KEPT = 14
STAMP = "%Y%m%dT%H%M%SZ"
COPIES = "rollback-*.db"
LOGS = ("-wal", "-shm")
"""What SQLite keeps beside a database; the logs of a lost one must not be read into another."""


class BackupError(RollbackError):
    """A copy could not be made or put back."""


def save(database: Path, folder: Path, keep: int, now: datetime) -> Path:
    """Copy the database into *folder* as it is at one moment, checked, readable by its owner alone.

    All but the latest *keep* copies are removed, once the new one is whole. Raises BackupError; then the
    earlier copies are as they were.
    """
    if not database.is_file():
        raise BackupError(
            f"expected the daemon's database at {database}, found none; name it: --database FILE"
        )
    _become_owner_of(database)
    final = folder / f"rollback-{now:{STAMP}}.db"
    part = final.with_suffix(".part")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in folder.glob("*.part"):
            left.unlink()
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True)) as source:
            source.execute("VACUUM INTO ?", (str(part),))
        _check(part)
        _settle(part, final)
    except (sqlite3.Error, OSError, BackupError) as error:
        part.unlink(missing_ok=True)
        raise BackupError(
            f"expected to copy {database} into {folder}, found: {error}; no copy was made or removed"
        ) from error
    for old in copies(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return final


def copies(folder: Path) -> list[Path]:
    """The copies that are there, the oldest first."""
    return sorted(folder.glob(COPIES))


def restore(database: Path, copy: Path, now: datetime) -> Path | None:
    """Put *copy* in the place of the database; return where the former one is kept, None if there was none.

    Raises SettingsInvalid while a daemon uses the database, and BackupError for a file that is no whole copy
    of this daemon's schema or an earlier one; then nothing is touched.
    """
    _check(copy)
    home = database.parent
    if not home.is_dir():
        raise BackupError(f"expected the daemon's folder at {home}, found none; install the daemon first")
    with copy.open("rb") as source:
        _become_owner_of(home)
        with claim(database) or nullcontext():
            return _swap(database, source, now)


def _swap(database: Path, source: BinaryIO, now: datetime) -> Path | None:
    kept = database.with_name(f"{database.name}.replaced-{now:{STAMP}}") if database.exists() else None
    part = database.with_name(f"{database.name}.part")
    try:
        with part.open("wb") as target:
            part.chmod(0o600)
            shutil.copyfileobj(source, target)
        for end in ("", *LOGS) if kept else ():
            with suppress(FileNotFoundError):
                Path(f"{database}{end}").rename(f"{kept}{end}")
        _settle(part, database)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BackupError(f"expected to replace {database}, found: {error}") from error
    return kept


def _check(copy: Path) -> None:
    """Raise unless the file is a whole database of this daemon, or of an earlier version of it."""
    if not copy.is_file():
        raise BackupError(
            f"expected a copy at {copy}, found none; `rollback-backup list` shows which there are"
        )
    try:
        problem = not_ours(copy)
        with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as opened:
            problem = problem or damage_in(opened)
            (schema,) = opened.execute("PRAGMA user_version").fetchone()
    except sqlite3.Error as error:
        raise BackupError(f"expected a copy of the daemon's database, found {copy}: {error}") from error
    if not problem and not 0 < schema <= newest_schema():
        problem = f"its schema is {schema}, this daemon knows those up to {newest_schema()}"
    if problem:
        raise BackupError(f"expected a copy of the daemon's database, found {copy}: {problem}")


def _become_owner_of(path: Path) -> None:
    """Work as the daemon's user: what root would write there the daemon could not read or replace, and a link
    that the user left there must not lead root elsewhere."""
    if os.geteuid() == 0 and (owner := path.stat()).st_uid:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)


def _settle(part: Path, final: Path) -> None:
    """The file has its name, and both survive a loss of power."""
    for path in (part, final.parent):
        if path == final.parent:
            part.replace(final)
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line says; 1 with one sentence where it cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (RollbackError, OSError) as error:
        print(f"rollback-backup: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rollback-backup", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--database", type=Path, default=DATABASE, metavar="FILE", help=f"default: {DATABASE}"
    )
    parser.add_argument("--directory", type=Path, default=FOLDER, metavar="DIR", help=f"default: {FOLDER}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    now = commands.add_parser("now", help="make a copy, and remove the oldest ones")
    now.add_argument(
        "--keep", type=_count, default=KEPT, metavar="N", help=f"copies to keep (default: {KEPT})"
    )
    now.set_defaults(run=_now)
    commands.add_parser("list", help="show the copies, the newest last").set_defaults(run=_list)
    back = commands.add_parser("restore", help="put a copy back, while the daemon is stopped")
    back.add_argument("file", type=Path, metavar="FILE", help="the copy")
    back.set_defaults(run=_restore)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, found {text!r}")
    return int(text)


def _now(options: argparse.Namespace) -> None:
    made = save(options.database, options.directory, options.keep, datetime.now(UTC))
    print(f"{made}: {made.stat().st_size / 1e6:.1f} MB")  # noqa: T201


def _list(options: argparse.Namespace) -> None:
    if not options.directory.is_dir():
        raise BackupError(f"expected copies in {options.directory}, found no such folder")
    found = copies(options.directory)
    for path in found:
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")  # noqa: T201
    if not found:
        print(f"{options.directory}: no copy yet; make one: rollback-backup now")  # noqa: T201


def _restore(options: argparse.Namespace) -> None:
    kept = restore(options.database, options.file, datetime.now(UTC))
    former = f"; what was there is kept as {kept}" if kept else ""
    print(f"{options.database} is now {options.file}{former}. Start the daemon: systemctl start rollback")  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
