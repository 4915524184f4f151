"""The files of a directory as members of an archive, and everything that cannot become one."""

import fnmatch
import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

EPOCH = 315_532_800  # 1980-01-01: the same files give the same archive, whenever they were written
LEFT_OUT = (".git", ".hg", ".svn", "__pycache__", ".env")
"""What nobody means to release; .env holds secrets, and a release is readable by every user of a host."""
MOST_FILES = 50_000
KINDS = {
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
}


@dataclass
class Tree:
    """What goes into the archive, with the file behind each member, and what is in the way of it."""

    root: Path
    exclude: Sequence[str]
    members: list[tuple[tarfile.TarInfo, Path]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def infos(self) -> list[tarfile.TarInfo]:
        """The members alone."""
        return [info for info, _ in self.members]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(info.size for info in self.infos)


def read(root: Path, exclude: Sequence[str], most_mib: int) -> Tree:
    """Return the tree of a directory, sorted, with every complaint about it."""
    tree = Tree(root, [*LEFT_OUT, *exclude])
    for path in _paths(tree, root):
        _add(tree, path)
    tree.wrong += _too_much(tree, most_mib)
    return tree


def shown(path: Path | str) -> str:
    """A path as text that can be printed, whatever bytes its name has."""
    return os.fsencode(path).decode(errors="backslashreplace")


def mib(size: float) -> str:
    """A number of bytes for people."""
    return f"{size / 2**20:.1f} MiB" if size >= 2**20 else f"{size / 2**10:.1f} KiB"


def _paths(tree: Tree, directory: Path) -> Iterator[Path]:
    try:
        entries = sorted(directory.iterdir())
    except OSError as error:
        tree.wrong.append(f"expected to read {_name(tree, directory)}, found: {error.strerror}")
        return
    for path in entries:
        if _is_left_out(tree, path):
            tree.left_out.append(shown(_name(tree, path)))
        elif path.is_dir() and not path.is_symlink():
            yield from _paths(tree, path)
        else:
            yield path


def _add(tree: Tree, path: Path) -> None:
    found = path.lstat()
    info = tarfile.TarInfo(_name(tree, path))
    info.mtime = EPOCH
    if stat.S_ISLNK(found.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, str(path.readlink())
        tree.wrong += _link(tree, path)
    elif not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "none")
        tree.wrong.append(f"expected a file, found {kind} at {shown(info.name)}; leave it out with --exclude")
        return
    elif not os.access(path, os.R_OK):
        tree.wrong.append(f"expected to read {shown(info.name)}, found that it is closed to you")
    info.size = 0 if info.issym() else found.st_size
    info.mode = 0o755 if found.st_mode & stat.S_IXUSR else 0o644
    tree.members.append((info, path))


def _link(tree: Tree, path: Path) -> Iterator[str]:
    """What `members.complaints` cannot see in an archive: a link to nothing, or to what is left out."""
    target = Path(os.path.realpath(path))  # of a link to itself that is the link, and there is nothing there
    inside = target.is_relative_to(tree.root.resolve())
    if inside and not path.exists():
        yield f"expected a link to a file, found {shown(_name(tree, path))}, which leads to nothing"


def _too_much(tree: Tree, most_mib: int) -> Iterator[str]:
    if len(tree.members) > MOST_FILES:
        yield f"expected at most {MOST_FILES} files, found {len(tree.members)}; {_leave_out(tree)}"
    if tree.size > most_mib * 2**20:
        yield f"expected at most --most-mib {most_mib}, found {mib(tree.size)}; {_leave_out(tree)}"


def _leave_out(tree: Tree) -> str:
    sizes: dict[str, int] = {}
    for info in tree.infos:
        top = info.name.partition("/")[0]
        sizes[top] = sizes.get(top, 0) + max(info.size, 1)
    largest = max(sizes, key=lambda name: sizes[name])
    return f"leave out what a host does not need with --exclude ({shown(largest)} has {mib(sizes[largest])})"


def _name(tree: Tree, path: Path) -> str:
    return path.relative_to(tree.root).as_posix()


def _is_left_out(tree: Tree, path: Path) -> bool:
    name = _name(tree, path)
    return any(fnmatch.fnmatch(path.name, each) or fnmatch.fnmatch(name, each) for each in tree.exclude)
