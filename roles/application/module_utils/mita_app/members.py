"""The files in a release's archive: what may be there, and everything that may not at once."""

import posixpath
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

SHOWN = 10
LONGEST_CHAIN = 8  # of links that lead to links


def complaints(members: Iterable[tarfile.TarInfo]) -> Iterator[str]:
    """Yield a sentence for each member that would not stay inside the release, or is none of ours."""
    for member in members:
        if not _is_utf8(member.name):
            yield f"expected names in UTF-8, found {member.name!a}"
        elif not (member.isreg() or member.isdir() or member.issym()):
            yield f"expected files inside the archive, found {member.name!r}, which is none"
        elif _leaves(member.name):
            yield f"expected files inside the archive, found {member.name!r}"
        elif member.issym() and leads_outside(member.name, member.linkname):
            yield f"expected links that stay inside the release, found {member.name} -> {member.linkname}"


def executables(members: Iterable[tarfile.TarInfo]) -> dict[str, bool]:
    """Return the files with whether they may be executed; a link to a file counts as that file."""
    known = list(members)
    files = {member.name: bool(member.mode & 0o100) for member in known if member.isreg()}
    links = {member.name: _target(member.name, member.linkname) for member in known if member.issym()}
    for name in links:
        target = name
        for _ in range(LONGEST_CHAIN):
            target = links.get(target, target)
        if target in files:
            files[name] = files[target]
    return files


def leads_outside(name: str, target: str) -> bool:
    """Whether a symbolic link of this name leaves the release."""
    return target.startswith("/") or _leaves(_target(name, target))


def shortened(sentences: list[str]) -> str:
    """Return the sentences as one message: one as it is, several as a list."""
    if len(sentences) == 1:
        return sentences[0]
    more = len(sentences) - SHOWN
    lines = [f"- {sentence}" for sentence in sentences[:SHOWN]]
    return "\n".join(
        [f"{len(sentences)} things are wrong", *lines, *([f"- and {more} more"] if more > 0 else [])]
    )


def _target(name: str, target: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), target))


def _leaves(name: str) -> bool:
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
