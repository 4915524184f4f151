"""What services leave on a host is taken away: what manifests list, and what their roles name besides."""

import fnmatch
import os
import pwd
import shutil
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import manifest, systemd, wait
from .lock import held
from .model import UNIT_DIRECTORY, RequestError

OURS = (Path("/etc"), Path("/var/lib"))
"""Below these a folder that is empty once our files are gone was made for them."""
BIN = Path("/usr/local/bin")
"""Where links into a removed tree may be."""
STAMPS = Path("/var/lib/systemd/timers")
"""When systemd last ran what a timer starts."""
SHARED = {
    *("/etc/apt", "/etc/systemd", "/etc/ssh", "/usr/bin", "/usr/lib", "/usr/local", "/usr/share"),
    *("/var/backups", "/var/cache", "/var/lib", "/var/log", "/var/spool"),
}
"""Folders of the system: a site that keeps data right in one has others' data there too."""
LONGEST_END_S = 5.0
"""How long processes that were killed may take to be gone."""
UNITS = (".service", ".timer", ".socket")


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """What shall go. *services* are patterns of names; *data* goes only where *keep_data* says so.

    A user stays while data that is kept belongs to it.
    """

    services: tuple[str, ...]
    paths: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    keep_data: bool = True


def remove(leaving: Leaving, *, check_mode: bool, manifests: Path = manifest.DIRECTORY) -> list[str]:
    """Take it away, or only say what would go; return all of it, nothing where the host has none of it."""
    _refuse_broad(leaving)
    names = [name for name in _known(manifests) if any(fnmatch.fnmatch(name, p) for p in leaving.services)]
    files = [path for name in names for path in manifest.load(name, manifests).files]
    trees = [path for path in (*leaving.paths, *(() if leaving.keep_data else leaving.data)) if _there(path)]
    users = [user for user in leaving.users if _is_user(user) and not _owns_what_stays(user, leaving)]
    if not check_mode:
        for name in names:
            with held(name, check_mode=False):
                _stop(name, manifests)
        for path in files:
            _unlink(Path(path))
        for path in trees:
            _unlink_tree(Path(path))
            _unlink_links(path)
        if names:
            systemd.run(["systemctl", "daemon-reload"])
        for user in users:
            _end_processes(user)
            systemd.run(["userdel", user])
        for name in names:
            (manifests / f"{name}.json").unlink()
    return [*names, *files, *trees, *users]


def _end_processes(user: str) -> None:
    """A session that somebody left open, such as the daemon's to `mita-deploy`, would keep its user."""
    uid = pwd.getpwnam(user).pw_uid

    def gone() -> bool:
        left = _processes(uid)
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return not left

    wait.until(gone, seconds=LONGEST_END_S)  # where one stays, userdel says which


def _processes(uid: int) -> list[int]:
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it may end meanwhile
            if place.stat().st_uid == uid:
                found.append(int(place.name))
    return found


def _refuse_broad(leaving: Leaving) -> None:
    """A variable that is empty by mistake must not take a whole system away."""
    for path in (*leaving.paths, *leaving.data):
        shared = str(Path(path)) in SHARED
        if not path.startswith("/") or ".." in path or len(Path(path).parts) < 3 or shared:
            raise RequestError(
                f"expected a folder of its own like /opt/name, found {path!r}; nothing was removed"
            )


def _known(manifests: Path) -> list[str]:
    return sorted(path.stem for path in manifests.glob("*.json"))


def _there(path: str) -> bool:
    return Path(path).exists() or Path(path).is_symlink()


def _is_user(name: str) -> bool:
    with suppress(KeyError):
        return bool(pwd.getpwnam(name))
    return False


def _owns_what_stays(user: str, leaving: Leaving) -> bool:
    kept = leaving.data if leaving.keep_data else ()
    return any(Path(path).owner() == user for path in kept if Path(path).exists())


def _units(name: str, manifests: Path) -> Iterator[str]:
    """The service itself and the units that it wrote, timers first: they would start it anew."""
    found = {
        Path(path).name for path in manifest.load(name, manifests).files if path.startswith(UNIT_DIRECTORY)
    }
    yield from sorted({one for one in found | {f"{name}.service"} if one.endswith(UNITS)}, reverse=True)


def _stop(name: str, manifests: Path) -> None:
    for unit in _units(name, manifests):
        if systemd.run(["systemctl", "show", "-P", "LoadState", unit]).strip() == "loaded":
            systemd.run(["systemctl", "disable", "--now", unit])
            systemd.reset_failed(unit)
        (STAMPS / f"stamp-{unit}").unlink(missing_ok=True)


def _unlink(path: Path) -> None:
    path.unlink(missing_ok=True)
    for parent in path.parents:
        if not any(ours in parent.parents for ours in OURS):
            return
        try:
            parent.rmdir()
        except OSError:  # it is not empty, or gone already
            if parent.exists():
                return


def _unlink_links(tree: str) -> None:
    for link in BIN.iterdir():
        if link.is_symlink() and str(link.readlink()).startswith(f"{tree}/"):
            link.unlink()


def _unlink_tree(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)  # it was emptied, and went, with the files of a manifest
