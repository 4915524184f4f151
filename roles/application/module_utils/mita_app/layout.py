"""Where releases are on a host: `releases/<version>/`, their archives, `current`, `history.jsonl`."""

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

from .errors import ReleaseError

MARKER = ".complete.json"
VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}")


def check_version(version: str) -> str:
    """Return a version that may become a directory's name."""
    if not VERSION.fullmatch(version) or version == "latest":
        raise ReleaseError(
            f"expected a version such as 2.0.0 (letters, digits, .+_- and not 'latest'), found {version!r}"
        )
    return version


@dataclass(frozen=True)
class Layout:
    """The tree of one application."""

    root: Path

    @property
    def releases(self) -> Path:
        """One directory per release."""
        return self.root / "releases"

    @property
    def archives(self) -> Path:
        """One archive per release, from which it can be made again, here or on another host."""
        return self.root / "archives"

    @property
    def current(self) -> Path:
        """The link to the live release."""
        return self.root / "current"

    @property
    def history(self) -> Path:
        """What was live when, one JSON object a line."""
        return self.root / "history.jsonl"

    def current_version(self) -> str | None:
        """Return the version that `current` points at."""
        try:
            return self.current.readlink().name
        except FileNotFoundError:
            return None

    def point_at(self, version: str | None) -> None:
        """Make `current` point at the release, in one step; None removes it."""
        if version is None:
            self.current.unlink(missing_ok=True)
            return
        fresh = self.root / ".current.new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path("releases") / version)
        fresh.replace(self.current)
        sync_directory(self.root)

    def complete(self) -> dict[str, str]:
        """Return the releases that were unpacked to the end, with the SHA-256 of their archives."""
        markers = {
            path.parent.name: self.marker(path.parent.name) for path in self.releases.glob(f"*/{MARKER}")
        }
        return {
            version: str(found["sha256"]) for version, found in sorted(markers.items()) if "sha256" in found
        }

    def marker(self, version: str) -> dict[str, Any]:
        """Return what was written down when the release was unpacked; nothing where it was not."""
        try:
            found = json.loads((self.releases / version / MARKER).read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def archive(self, version: str) -> Path:
        """Return where the release's archive is kept."""
        return self.archives / f"{version}.tar.gz"

    def kept_archives(self) -> list[str]:
        """Return the versions whose archives are here."""
        return sorted(path.name.removesuffix(".tar.gz") for path in self.archives.glob("[!.]*.tar.gz"))

    def manifest(self, version: str | None) -> dict[str, Any]:
        """Return what an unpacked release says about itself; nothing where it cannot be read."""
        try:
            found = json.loads((self.releases / str(version) / "manifest.json").read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def takes_socket(self, version: str | None) -> bool:
        """Whether this release serves on the socket that systemd keeps for it."""
        return bool(self.manifest(version).get("socket"))

    def leftovers(self) -> list[Path]:
        """Return what unpacking left behind when it was interrupted."""
        whole = self.complete()
        return [entry for entry in self.releases.iterdir() if entry.name not in whole]

    def remove(self, entry: Path) -> None:
        """Remove a release or a part of one. Its marker goes first: what is half removed is not complete."""
        if not entry.is_dir():
            entry.unlink()
            return
        (entry / MARKER).unlink(missing_ok=True)
        shutil.rmtree(entry)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Let one deployment or rollback at a time change this tree; another one waits."""
        with (self.root / ".lock").open("w") as lock:
            flock(lock, LOCK_EX)
            yield


def sync_directory(path: Path) -> None:
    """Make renames in the directory durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
