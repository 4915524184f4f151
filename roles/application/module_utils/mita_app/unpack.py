"""Put a release on the host, whole or not at all."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path, PurePosixPath

from . import archive, content, history, modes, starting
from .errors import ReleaseError
from .history import Entry, Event
from .layout import MARKER, Layout, sync_directory


def present(
    layout: Layout,
    path: Path,
    *,
    checksum: str,
    name: str,
    version: str,
    at: str,
    launcher: Path | None = None,
) -> bool:
    """Have `releases/<version>` made from this archive and keep that; return whether it was not there yet.

    A release that was interrupted while it was unpacked, that another archive made, or whose files changed
    since, is made again; the live one is never touched.
    """
    target = layout.releases / version
    known = layout.complete().get(version)
    if known == archive.digest(checksum) and not content.damage(layout, version, thorough=True):
        return keep_archive(layout, path, version, checksum)
    if layout.current_version() == version and target.exists():
        if known == archive.digest(checksum):
            raise ReleaseError(
                f"version {version} is live here and its files changed since it was unpacked; "
                "deploy another version, then this one again"
            )
        raise ReleaseError(
            f"version {version} is live here and was made from another archive; releases do not change: "
            "give the new one its own version"
        )
    manifest = archive.check(path, checksum=checksum, name=name, version=version)
    if "python" in manifest:
        check_python(str(manifest["python"]))
    if lacking := starting.obstacle(manifest, launcher, f"{name}.service"):
        raise ReleaseError(lacking)
    fresh = Path(tempfile.mkdtemp(prefix=f".{version}.", dir=layout.releases))
    try:
        extract(path, fresh)
        compile_all(fresh, strictly="python" in manifest)
        write_marker(fresh, archive.digest(checksum))
        if target.exists():
            if known and known != archive.digest(checksum):
                history.append(layout.history, [Entry(at, Event.REPLACED, version, "deploy")])
            layout.remove(target)
        modes.open_tree(fresh)
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    sync_directory(layout.releases)
    keep_archive(layout, path, version, checksum)
    return True


def keep_archive(layout: Layout, path: Path, version: str, checksum: str) -> bool:
    """Keep the archive beside the releases; return whether it was not there yet."""
    kept = layout.archive(version)
    if (
        path == kept
        or not path.exists()
        or (kept.exists() and archive.sha256(kept) == archive.digest(checksum))
    ):
        return False
    modes.make_directory(layout.archives)
    fresh = layout.archives / f".{version}.new"
    shutil.copyfile(path, fresh)
    fresh.chmod(modes.FILE)
    fresh.replace(kept)
    return True


def check_python(wanted: str) -> None:
    """Refuse a release whose libraries are made for another Python than the host's."""
    found = f"{sys.version_info.major}.{sys.version_info.minor}"
    if wanted != found:
        raise ReleaseError(
            f"expected a release for this host's Python {found}, found one for {wanted or 'an unknown one'}; "
            "build it for this host's Debian (harness release build VERSION --os trixie|bookworm)"
        )


def extract(path: Path, into: Path) -> None:
    """Unpack what `archive.check` found to be right: files first, so that none is written through a link."""
    links = []
    with tarfile.open(path, "r:gz") as stream:
        for member in stream:
            source = stream.extractfile(member) if member.isreg() else None
            if member.issym():
                links.append(member)
            if source is None:
                continue
            target = into / PurePosixPath(member.name)
            modes.make_directory(target.parent)
            with target.open("wb") as out:
                shutil.copyfileobj(source, out)
            target.chmod(modes.PROGRAM if member.mode & 0o100 else modes.FILE)
            os.utime(target, (member.mtime, member.mtime))
    for link in links:
        modes.make_directory((into / link.name).parent)
        (into / link.name).symlink_to(link.linkname)
    check_links(into, [link.name for link in links])


def check_links(root: Path, names: list[str]) -> None:
    """Refuse links that lead out of the release by way of other links, or to nothing."""
    inside = root.resolve()
    for name in names:
        found = (root / name).resolve()
        if not found.is_relative_to(inside) or not found.exists():
            raise ReleaseError(f"expected links that stay inside the release, found {name}, which leaves it")


def compile_all(directory: Path, *, strictly: bool) -> None:
    """Compile the modules once, here: the service may not write, and would compile at each start.

    A release that brings no libraries for a Python may hold files that are none of it.
    """
    command = [sys.executable, "-m", "compileall", "-q", "-j", "2", str(directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and strictly:
        raise ReleaseError(
            f"expected modules that compile, found: {(done.stdout + done.stderr).strip()[-800:]}"
        )


def write_marker(directory: Path, sha256: str) -> None:
    """Say that everything is here. It is the last file to be written, after the others reached the disk."""
    marker = {"sha256": sha256, "shape": content.shape(directory), "content": content.digest(directory)}
    os.sync()
    with (directory / MARKER).open("w") as stream:
        json.dump(marker, stream)
        stream.flush()
        os.fsync(stream.fileno())
