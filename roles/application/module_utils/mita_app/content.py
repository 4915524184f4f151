"""Whether a release's files are as they were when it was unpacked."""

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from .layout import MARKER, Layout

CHUNK = 1 << 20


def shape(directory: Path) -> str:
    """Return the SHA-256 of all paths and sizes: cheap, and notices what is missing or was cut short."""
    lines = sorted(f"{name} {_link(entry) or entry.stat().st_size}\n" for name, entry in _files(directory))
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


def digest(directory: Path) -> str:
    """Return the SHA-256 of all paths and contents."""
    result = hashlib.sha256()
    for name, entry in sorted(_files(directory)):
        content = _link(entry) or _content(entry)
        result.update(f"{name} {content}\n".encode(errors="surrogateescape"))
    return result.hexdigest()


def damage(layout: Layout, version: str, *, thorough: bool) -> str:
    """Return a sentence about files that changed since the release was unpacked, or nothing.

    A release from before digests were written down cannot be judged and counts as whole.
    """
    directory, marker = layout.releases / version, layout.marker(version)
    known, look = ("content", digest) if thorough else ("shape", shape)
    try:
        if known in marker and marker[known] != look(directory):
            return f"files of {version} differ from what was unpacked"
    except OSError as error:
        return f"files of {version} cannot be read: {error.strerror}"
    return ""


def _link(entry: os.DirEntry[str]) -> str:
    """Where a symbolic link leads; nothing for a file."""
    return f"-> {Path(entry.path).readlink()}" if entry.is_symlink() else ""


def _content(entry: os.DirEntry[str]) -> str:
    with Path(entry.path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _files(directory: Path, prefix: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(directory) as entries:
        for entry in entries:
            name = f"{prefix}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                yield from _files(Path(entry.path), f"{name}/")
            elif name != MARKER:
                yield name, entry
