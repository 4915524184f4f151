"""What is looked at before the first file is replaced: room for all of them, and files of another hand."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..mita_tree import modes
from . import disk
from .disk import Found
from .manifest import Manifest
from .model import File

KEPT = Path("/var/backups/mita")
BLOCK = 4096  # what even a short file takes


class NoSpaceError(Exception):
    """The files do not fit; nothing was replaced."""


def keep(name: str, writes: Iterable[File], found: Mapping[str, Found | None], ours: Manifest) -> None:
    """Copy each file that is about to be replaced and that we did not write, once, for root alone."""
    for file in writes:
        before, copy = found[file.path], KEPT / name / file.path.lstrip("/")
        if before is not None and file.path not in ours.files and not copy.exists():
            modes.make_directory(KEPT, 0o700)
            modes.make_directory(copy.parent)
            disk.write(str(copy), Found(content=before.content, owner="root", group="root", mode=0o600))


def require_space(writes: Iterable[File]) -> None:
    """Raise NoSpaceError unless every filesystem has room for what is to be written there."""
    needed: defaultdict[int, int] = defaultdict(int)
    places: dict[int, Path] = {}
    for file in writes:
        place = next(parent for parent in Path(file.path).parents if parent.exists())
        device = place.stat().st_dev
        needed[device] += len(file.content.encode()) + BLOCK
        places.setdefault(device, place)
    for device, place in places.items():
        free = _free(place)
        if free < needed[device]:
            raise NoSpaceError(
                f"expected {needed[device]} bytes free at {place}, found {free}; make room there, "
                "nothing was replaced"
            )


def _free(place: Path) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize
