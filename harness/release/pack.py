"""A person's own code, in any language, as a release that can be deployed and rolled back."""

import gzip
import io
import json
import shlex
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devtools.errors import UserError
from harness.release import tree as trees
from harness.release.tree import EPOCH, Tree
from roles.application.module_utils.mita_app import manifest as manifests
from roles.application.module_utils.mita_app import members
from roles.application.module_utils.mita_app.archive import MANIFEST, sha256
from roles.application.module_utils.mita_app.errors import ReleaseError
from roles.application.module_utils.mita_app.layout import MARKER, check_version

NAME = "mita-backend"
"""What hosts call every application: no other name could be deployed."""
MOST_MIB = 512


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a person typed."""

    directory: Path
    version: str
    start: str
    rollback_safe: bool
    environment: Sequence[str] = ()
    socket: bool = False
    exclude: Sequence[str] = ()
    out: Path = Path()
    most_mib: int = MOST_MIB


@dataclass(frozen=True)
class Packed:
    """The archive, with its checksum beside it."""

    path: Path
    checksum: str
    version: str
    tree: Tree

    @property
    def summary(self) -> str:
        """What was packed and what to type next."""
        count = len(self.tree.members)
        contents = f"{count} file{'s' * (count != 1)}, {trees.mib(self.tree.size)}"
        left = f"left out: {', '.join(self.tree.left_out)}\n" if self.tree.left_out else ""
        return f"{self.path}: {contents}\n{left}{self.checksum}\ndeploy it:\n{self.deploy_command}"

    @property
    def deploy_command(self) -> str:
        """The command for a site."""
        return f"ansible-playbook -i inventories/SITE {shlex.join(self.deploy_arguments)}"

    @property
    def deploy_arguments(self) -> list[str]:
        """The words of that command which say what is deployed."""
        said = {"app_version": self.version, "app_archive": self.path, "app_checksum": self.checksum}
        pairs = [word for name, value in said.items() for word in ("-e", f"{name}={value}")]
        return ["playbooks/deploy.yml", *pairs]


def pack(wish: Wish) -> Packed:
    """Write the archive, or say everything that is in its way."""
    if not wish.directory.is_dir():
        raise UserError(f"expected a directory to pack, found none at {wish.directory}")
    path = wish.out.resolve() / f"{NAME}-{wish.version}.tar.gz"
    tree = trees.read(wish.directory, [*wish.exclude, *_earlier(wish, path)], wish.most_mib)
    wrong: list[str] = []
    described = manifest(wish, wrong)
    wrong += tree.wrong
    wrong += (f"expected no {each} in {wish.directory}: a release has its own" for each in _taken(tree))
    wrong += members.complaints(tree.infos)
    wrong += manifests.complaints(described, members.executables(tree.infos), name=NAME, version=wish.version)
    if wrong:
        raise UserError(members.shortened(wrong))
    write(path, tree, described)
    checksum = sha256(path)
    path.with_name(f"{path.name}.sha256").write_text(f"{checksum}  {path.name}\n")
    return Packed(path, f"sha256:{checksum}", wish.version, tree)


def manifest(wish: Wish, wrong: list[str]) -> dict[str, Any]:
    """What the release says about itself; what cannot be said is added to *wrong*."""
    try:
        check_version(wish.version)
    except ReleaseError as error:
        wrong.append(str(error))
    environment = {}
    for pair in wish.environment:
        name, equals, value = pair.partition("=")
        if not equals:
            wrong.append(f"expected --env NAME=VALUE, found {pair!r}")
        elif name in environment:
            wrong.append(f"expected --env {name}=VALUE once, found it twice")
        environment[name] = value
    return {
        "name": NAME,
        "version": wish.version,
        "rollback_safe": wish.rollback_safe,
        "start": _words(wish.start, wrong),
        "environment": environment,
        "socket": wish.socket,
    }


def write(path: Path, tree: Tree, described: dict[str, Any]) -> None:
    """Put the archive at the path in one step; the same files and manifest give the same bytes."""
    text = (json.dumps(described, indent=2, sort_keys=True) + "\n").encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, tree, text)
    except OSError as error:
        raise UserError(f"expected to write {path}, found: {error}; say another --out") from error


def _write(path: Path, tree: Tree, text: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".pack.", delete=False) as scratch:
        try:
            _fill(scratch, tree, text)
        except OSError as error:
            Path(scratch.name).unlink()
            raise UserError(f"expected to pack {tree.root}, found: {error}; pack it again") from error
    Path(scratch.name).chmod(0o644)
    Path(scratch.name).replace(path)


def _fill(scratch: Any, tree: Tree, text: bytes) -> None:
    with (
        gzip.GzipFile(filename="", fileobj=scratch, mode="wb", mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for info, path in tree.members:
            if info.issym():
                archive.addfile(info)
                continue
            with path.open("rb") as content:
                archive.addfile(info, content)
        info = tarfile.TarInfo(MANIFEST)
        info.size, info.mode, info.mtime = len(text), 0o644, EPOCH
        archive.addfile(info, io.BytesIO(text))


def _words(start: str, wrong: list[str]) -> list[str]:
    try:
        return shlex.split(start)
    except ValueError as error:
        wrong.append(f"expected --start to be a command, found {start!r}: {error}")
        return ["/"]  # no second complaint about the same words


def _taken(tree: Tree) -> list[str]:
    return [info.name for info in tree.infos if info.name in (MANIFEST, MARKER)]


def _earlier(wish: Wish, path: Path) -> list[str]:
    """Archives of earlier packings, where they lie in the directory that is packed."""
    inside = path.is_relative_to(wish.directory.resolve())
    return [f"{NAME}-*.tar.gz", f"{NAME}-*.tar.gz.sha256"] if inside else []
