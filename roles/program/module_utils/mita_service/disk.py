"""Files and directories of the host: what is there, and how it is replaced or put back."""

import grp
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..mita_tree import modes
from .model import Directory, File, RequestError


@dataclass(frozen=True, kw_only=True)
class Found:
    """A regular file as it was found; enough to put it back."""

    content: bytes
    owner: str
    group: str
    mode: int


def read(path: str) -> Found | None:
    """Return the file at *path*, or None where there is none or a link, which is replaced as if absent."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    return Found(
        content=Path(path).read_bytes(),
        owner=_user_name(status.st_uid),
        group=_group_name(status.st_gid),
        mode=stat.S_IMODE(status.st_mode),
    )


def as_found(file: File) -> Found:
    """Return *file* in the shape in which `read` will find it."""
    return Found(content=file.content.encode(), owner=file.owner, group=file.group, mode=file.mode)


def write(path: str, new: Found) -> None:
    """Replace *path* in one step: a reader sees the old file or the new one, never a part or a wrong mode."""
    handle, temporary = tempfile.mkstemp(dir=Path(path).parent, prefix=".mita-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(new.content)
            stream.flush()
            os.fsync(stream.fileno())
        os.chown(temporary, *ids(new.owner, new.group))
        Path(temporary).chmod(new.mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def restore(path: str, before: Found | None) -> None:
    """Put *path* back as `read` found it."""
    if before is None:
        Path(path).unlink(missing_ok=True)
    else:
        write(path, before)


def make_parents(path: str, group: str) -> None:
    """Create missing parents of *path* for root and *group* only; existing ones stay as they are."""
    missing = [parent for parent in Path(path).parents if not parent.exists()]
    for parent in reversed(missing):
        parent.mkdir()
        os.chown(parent, *ids("root", group))
        parent.chmod(0o750)


def directory_differs(wanted: Directory) -> bool:
    """Say whether *wanted* is missing or has another owner, group or mode."""
    try:
        status = Path(wanted.path).stat()
    except FileNotFoundError:
        return True
    found = (_user_name(status.st_uid), _group_name(status.st_gid), stat.S_IMODE(status.st_mode))
    if found != (wanted.owner, wanted.group, wanted.mode):
        return True
    return wanted.opened and bool(modes.closed(Path(wanted.path)))


def make_directory(wanted: Directory) -> None:
    """Create *wanted*, or set its owner, group and mode, and those of what is in it if that is opened."""
    modes.make_directory(Path(wanted.path), wanted.mode)
    os.chown(wanted.path, *ids(wanted.owner, wanted.group))
    Path(wanted.path).chmod(wanted.mode)
    if wanted.opened:
        modes.open_tree(Path(wanted.path))


def copy_tree(source: Path, target: Path) -> None:
    """Copy the configuration tree as it is, links as links; an absent source gives an empty target."""
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    else:
        target.mkdir(parents=True)


def ids(owner: str, group: str) -> tuple[int, int]:
    """Return the numeric owner and group, or raise RequestError that names the missing one."""
    try:
        return pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise RequestError(
            f"expected user {owner!r} and group {group!r} on this host: {error}; create them first"
        ) from error


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
