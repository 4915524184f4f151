"""Directories and files that every user may read, whatever the umask of whoever makes them."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

DIRECTORY, PROGRAM, FILE = 0o755, 0o755, 0o644


def make_directory(path: Path, mode: int = DIRECTORY) -> None:
    """Create *path* with this mode, and the missing ones above it, which every user may enter."""
    missing = [place for place in (path, *path.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir()
        place.chmod(mode if place == path else DIRECTORY)


def closed(root: Path) -> list[Path]:
    """Return what is at or below *root* with another mode than an open tree has; links are not followed."""
    return [path for path, found in _walk(root) if stat.S_IMODE(found.st_mode) != _wanted(found)]


def open_tree(root: Path) -> list[Path]:
    """Let every user read *root* and what is below, and only its owner write; return what had to change."""
    changed = closed(root)
    for path in changed:
        with suppress(FileNotFoundError):
            path.chmod(_wanted(path.stat()))
    return changed


def _walk(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    with suppress(FileNotFoundError):  # somebody else may remove what is below
        yield root, root.stat()
        for entry in sorted(os.scandir(root), key=lambda found: found.name):
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(Path(entry.path))
            elif entry.is_file(follow_symlinks=False):
                yield Path(entry.path), entry.stat()


def _wanted(found: os.stat_result) -> int:
    if stat.S_ISDIR(found.st_mode):
        return DIRECTORY
    return PROGRAM if found.st_mode & stat.S_IXUSR else FILE
