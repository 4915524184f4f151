"""Upstream's tarballs: checked, unpacked beside the running release, tried, then put in place."""

import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path, PurePosixPath

from .model import Outcome, Release, ReleaseError

OPT = Path("/opt")
MARKER = ".checksum"


def look(release: Release, opt: Path = OPT) -> Outcome:
    """Return where the release's programs are, and whether they are still to be unpacked."""
    directory = home(release, opt)
    paths = {name: str(directory / name) for name in release.binaries}
    marker = directory / MARKER
    complete = marker.exists() and marker.read_text() == release.checksum
    return Outcome(paths=paths, token=release.checksum, missing=not complete)


def home(release: Release, opt: Path = OPT) -> Path:
    """Return the directory of exactly this version."""
    return opt / release.name / release.version


def unpack(release: Release, archive: Path, opt: Path = OPT) -> None:
    """Put the programs of *archive* into the version's directory, or raise and leave it as it was."""
    verify(release, archive)
    target = home(release, opt)
    fresh = target.with_name(f".{release.version}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        _extract(release, archive, fresh)
        for name in release.binaries:
            _try_out(fresh / name)
        (fresh / MARKER).write_text(release.checksum)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def verify(release: Release, archive: Path) -> None:
    """Raise ReleaseError unless *archive* is exactly the file that was pinned."""
    with archive.open("rb") as stream:
        found = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    if found != release.checksum:
        raise ReleaseError(
            f"expected the archive of {release.name} {release.version} to be {release.checksum}, "
            f"found {found}; it is not the pinned file: do not change the checksum before you know why"
        )


def _extract(release: Release, archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        members = {PurePosixPath(m.name).name: m for m in tar.getmembers() if m.isfile()}
        absent = sorted(set(release.binaries) - set(members))
        if absent:
            raise ReleaseError(
                f"expected {', '.join(absent)} in the archive of {release.name}, "
                f"found {', '.join(sorted(members)) or 'nothing'}; it must have upstream's layout"
            )
        for name in release.binaries:
            _refuse_other_version(release, members[name].name)
            source = tar.extractfile(members[name])
            assert source is not None
            with (target / name).open("wb") as stream:
                shutil.copyfileobj(source, stream)
            (target / name).chmod(0o755)


def _refuse_other_version(release: Release, member: str) -> None:
    top = PurePosixPath(member).parts[0]
    if f"-{release.version}." not in top.replace("-v", "-"):
        raise ReleaseError(
            f"expected the archive's directory to be {release.name}-{release.version}.<system>, "
            f"found {top}; the version and the archive do not belong together"
        )


def _try_out(program: Path) -> None:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30)
    except OSError as error:
        raise ReleaseError(
            f"{program.name} can not run here ({error.strerror}); take the archive for this machine"
        ) from error
    if done.returncode:
        raise ReleaseError(
            f"{program.name} --version ended with {done.returncode}: {done.stderr.strip()[-500:]}"
        )
