"""Upstream's tarballs: checked, unpacked beside the running program, tried, then put in place."""

import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path, PurePosixPath

from ..mita_tree import modes
from .model import OPT as OPT_PATH
from .model import Outcome, Program, ProgramError, places

OPT = Path(OPT_PATH)
MARKER = ".checksum"


def look(program: Program, opt: Path = OPT) -> Outcome:
    """Return where the release's programs are, and whether they are still to be unpacked."""
    paths = places(program, PurePosixPath(opt))
    marker = home(program, opt) / MARKER
    complete = marker.exists() and marker.read_text() == program.checksum
    version = program.version if complete else ""
    return Outcome(paths=paths, token=program.checksum, missing=not complete, version=version)


def home(program: Program, opt: Path = OPT) -> Path:
    """Return the directory of exactly this version."""
    return opt / program.name / program.version


def closed(program: Program, opt: Path = OPT) -> list[Path]:
    """Return what the user that runs the program could not read, because of the umask that made it."""
    place = opt / program.name
    return modes.closed(place) if place.is_dir() else []


def unpack(program: Program, archive: Path, opt: Path = OPT) -> None:
    """Put the programs of *archive* into the version's directory, or raise and leave it as it was."""
    verify(program, archive)
    target = home(program, opt)
    fresh = target.with_name(f".{program.version}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    modes.make_directory(fresh)
    try:
        _extract(program, archive, fresh)
        for name in program.binaries:
            _try_out(fresh / program.tree / name)
        (fresh / MARKER).write_text(program.checksum)
        modes.open_tree(fresh)
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def verify(program: Program, archive: Path) -> None:
    """Raise ProgramError unless *archive* is exactly the file that was pinned."""
    with archive.open("rb") as stream:
        found = f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
    if found != program.checksum:
        raise ProgramError(
            f"expected the archive of {program.name} {program.version} to be {program.checksum}, "
            f"found {found}; it is not the pinned file: do not change the checksum before you know why"
        )


def _extract(program: Program, archive: Path, target: Path) -> None:
    with tarfile.open(archive) as tar:
        members = {PurePosixPath(m.name).name: m for m in tar.getmembers() if m.isfile()}
        absent = sorted(set(program.binaries) - set(members))
        if absent:
            raise ProgramError(
                f"expected {', '.join(absent)} in the archive of {program.name}, "
                f"found {', '.join(sorted(members)) or 'nothing'}; it must have upstream's layout"
            )
        for name in program.binaries:
            _refuse_other_version(program, members[name].name)
        if program.tree:
            _extract_tree(program, tar, target)
            return
        for name in program.binaries:
            _extract_file(tar, members[name], target / name, 0o755)


def _extract_tree(program: Program, tar: tarfile.TarFile, target: Path) -> None:
    """Unpack all files below the archive's one directory, for everybody to read."""
    for member in tar.getmembers():
        inner = PurePosixPath(*PurePosixPath(member.name).parts[1:])
        if ".." in inner.parts or not (member.isfile() or member.isdir()):
            raise ProgramError(
                f"expected plain files in the archive of {program.name}, found {member.name}, "
                "which is a link or leads elsewhere; take upstream's archive"
            )
        if member.isfile():
            modes.make_directory((target / inner).parent)
            _extract_file(tar, member, target / inner, 0o755 if member.mode & 0o100 else 0o644)


def _extract_file(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path, mode: int) -> None:
    source = tar.extractfile(member)
    assert source is not None
    with path.open("wb") as stream:
        shutil.copyfileobj(source, stream)
    path.chmod(mode)


def _refuse_other_version(program: Program, member: str) -> None:
    top = PurePosixPath(member).parts[0]
    if f"-{program.version}." not in f"{top}.".replace("-v", "-"):
        raise ProgramError(
            f"expected the archive's directory to be {program.name}-{program.version}.<system>, "
            f"found {top}; the version and the archive do not belong together"
        )


def _try_out(program: Path) -> None:
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False, timeout=30)
    except OSError as error:
        raise ProgramError(
            f"{program.name} can not run here ({error.strerror}); take the archive for this machine"
        ) from error
    if done.returncode:
        raise ProgramError(
            f"{program.name} --version ended with {done.returncode}: {done.stderr.strip()[-500:]}"
        )
