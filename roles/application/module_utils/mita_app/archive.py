"""A release's archive: the pinned file, with the manifest it must have."""

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any

from . import manifest, members
from .errors import ReleaseError

CHUNK = 1 << 20
MANIFEST = "manifest.json"


def check(
    path: Path,
    *,
    checksum: str,
    name: str,
    version: str,
    deploying: bool = False,
    assumed: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the manifest of an archive that is the pinned one, says what it was asked to be, and can be one.

    All that is wrong is said at once. *deploying* asks more than a rollback to it, which must stay possible;
    *assumed* is what a person says where the manifest does not.
    """
    found = sha256(path)
    if found != digest(checksum):
        raise ReleaseError(
            f"{path.name}: expected SHA-256 {digest(checksum)}, found {found}; "
            "fetch or build the archive again, or correct app_checksum"
        )
    described, content = read(path)
    described = {**(assumed or {}), **described}
    files = members.executables(content)
    wrong = manifest.complaints(described, files, name=name, version=version, deploying=deploying)
    wrong += members.complaints(content)
    if wrong:
        raise ReleaseError(f"{path.name}: {members.shortened(wrong)}")
    return described


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
            "make it with `harness release pack DIRECTORY`, or give app_archive"
        ) from error
    return result.hexdigest()


def read(path: Path) -> tuple[dict[str, Any], list[tarfile.TarInfo]]:
    """Return what the archive says about itself, and its members."""
    try:
        with tarfile.open(path, "r:gz") as archive:
            content = [_named(member) for member in archive.getmembers()]
            described = next((member for member in content if member.name == MANIFEST), None)
            stream = archive.extractfile(described) if described else None
            found = json.load(stream) if stream else None
    except (tarfile.TarError, OSError, EOFError, KeyError, ValueError) as error:
        raise ReleaseError(
            f"{path.name}: expected a gzipped tar archive with {MANIFEST}, found {error}; build it again"
        ) from error
    if stream is None:
        raise ReleaseError(f"{path.name}: expected {MANIFEST} at its top, found none; pack it again")
    if not isinstance(found, dict):
        raise ReleaseError(f"{path.name}: expected an object in {MANIFEST}, found {found!r}; build it again")
    return found, content


def _named(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """The member without the `./` that tar writes before each name when it packs a directory as a whole."""
    member.name = member.name.removeprefix("./")
    return member
