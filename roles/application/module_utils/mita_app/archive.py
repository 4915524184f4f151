"""A release's archive: the pinned file, with the manifest it must have."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

from .errors import ReleaseError

CHUNK = 1 << 20
MANIFEST = "manifest.json"


def check(path: Path, *, checksum: str, name: str, version: str) -> dict[str, Any]:
    """Return the manifest of an archive that is the pinned one and says what it was asked to be."""
    found = sha256(path)
    if found != digest(checksum):
        raise ReleaseError(
            f"{path.name}: expected SHA-256 {digest(checksum)}, found {found}; "
            "fetch or build the archive again, or correct app_checksum"
        )
    manifest = read_manifest(path)
    for field, expected in (("name", name), ("version", version)):
        if manifest.get(field) != expected:
            raise ReleaseError(
                f"{path.name}: expected a manifest with {field} {expected!r}, found {manifest.get(field)!r}; "
                "give the archive of this release, or ask for the version it has"
            )
    return manifest


def digest(checksum: str) -> str:
    """Return the hexadecimal part of `sha256:<hex>`."""
    kind, _, value = checksum.strip().lower().rpartition(":")
    if kind not in ("", "sha256") or len(value) != 64 or set(value) - set("0123456789abcdef"):
        raise ReleaseError(f"expected a checksum as sha256:<64 hexadecimal digits>, found {checksum!r}")
    return value


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    result = hashlib.sha256()
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                result.update(chunk)
    except OSError as error:
        raise ReleaseError(
            f"expected a release's archive at {path}, found: {error.strerror}; "
            "build it with `harness release build VERSION`, or give app_archive"
        ) from error
    return result.hexdigest()


def read_manifest(path: Path) -> dict[str, Any]:
    """Return what the archive says about itself."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            stream = archive.extractfile(MANIFEST)
            manifest = json.load(stream) if stream else None
    except (tarfile.TarError, OSError, EOFError, KeyError, ValueError) as error:
        raise ReleaseError(
            f"{path.name}: expected a gzipped tar archive with {MANIFEST}, found {error}; build it again"
        ) from error
    if not isinstance(manifest, dict):
        raise ReleaseError(
            f"{path.name}: expected an object in {MANIFEST}, found {manifest!r}; build it again"
        )
    return manifest
