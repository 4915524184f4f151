"""Where a release's archive comes from: a path on the controller, or a URL that is fetched once."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import archive
from .errors import ReleaseError
from .layout import check_version

Open = Callable[[str], bytes]  # reads a URL


def is_url(source: str) -> bool:
    """Whether the source is fetched rather than read."""
    return source.startswith(("http://", "https://"))


def checked(
    source: str,
    checksum: str,
    *,
    name: str,
    version: str,
    cache: Path,
    read: Open,
    assumed: dict[str, Any] | None = None,
) -> tuple[Path, str, dict[str, Any]]:
    """Return path, checksum and manifest of an archive that is the pinned one and of this release."""
    check_version(version)
    if not source:
        raise ReleaseError(
            f"expected app_archive, path or URL of {name} {version}, found none; give -e app_archive=..."
        )
    if not is_url(source):
        archive.sha256(Path(source))  # a missing archive is said before its missing checksum
    digest = archive.digest(pinned(source, checksum))
    path = fetched(source, digest, cache, read)
    try:
        manifest = archive.check(
            path, checksum=digest, name=name, version=version, deploying=True, assumed=assumed
        )
    except ReleaseError:
        if is_url(source):
            path.unlink()  # what the URL gave once must not be given again
        raise
    return path, f"sha256:{digest}", manifest


def pinned(source: str, checksum: str) -> str:
    """Return the checksum that was given, or the one that lies beside a local archive."""
    beside = Path(f"{source}.sha256")
    if checksum or is_url(source) or not beside.exists():
        where = "app_checksum" if is_url(source) else f"app_checksum or {beside}"
        return checksum or missing(where)
    return (beside.read_text().split() or [""])[0]


def missing(where: str) -> str:
    """Refuse an archive that nothing pins."""
    raise ReleaseError(
        f"expected the archive's SHA-256 in {where}, found none; "
        "an archive is not deployed without one: give -e app_checksum=sha256:<hex>"
    )


def fetched(source: str, digest: str, cache: Path, read: Open) -> Path:
    """Return the path of the archive, downloaded now unless it is in the cache."""
    if not is_url(source):
        return Path(source)
    path = cache / f"{digest}.tar.gz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            content = read(source)
        except (OSError, ValueError) as error:
            raise ReleaseError(
                f"expected an archive at {source}, found: {error}; give another app_archive"
            ) from error
        handle, scratch = tempfile.mkstemp(dir=path.parent)
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        Path(scratch).replace(path)
    return path
