"""Action `container_files`: the complete configuration of a container, in the volume that it reads.

An action and no module: what runs the play is the container that writes, and no secret is sent anywhere.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ansible.plugins.action import ActionBase

DOCUMENTATION = r"""
module: container_files
short_description: The files that a container reads, and no others, in a volume
description:
  - Writes each file in one step, for its group to read and for nobody to change.
  - Removes what is no longer listed. Touches nothing outside of root.
  - Runs in a container without a right but to give files away, so it never reads what it wrote.
options:
  root: {type: path, required: true, description: "The volume."}
  group: {type: int, required: true, description: "The number of the group that the container runs as."}
  directories: {type: list, elements: str, default: [], description: "Directories that must be there."}
  files:
    type: list
    elements: dict
    required: true
    description: The complete list of files, as managed_service takes it.
    suboptions:
      path: {type: str, required: true, description: "Relative to root."}
      content: {type: str, required: true, description: "The whole text."}
"""


class FilesError(Exception):
    """The files cannot be written; the message says why."""


def write(
    root: Path, group: int, files: Sequence[dict[str, Any]], directories: Sequence[str] = ()
) -> list[str]:
    """Have exactly these files below *root*; return what was removed."""
    wanted = {_inside(file["path"]): str(file["content"]) for file in files}
    if len(wanted) != len(files):
        raise FilesError("expected every file once, found one twice")
    if not root.is_dir():
        raise FilesError(f"expected a volume at {root}, found none; mount one")
    _open(root, group)
    for path, content in wanted.items():
        _replace(root, path, content, group)
    removed = sorted(_pruned(root, set(wanted)))
    for name in directories:
        _directory(root, _inside(name), group)
    return removed


def _inside(path: str) -> PurePosixPath:
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise FilesError(f"expected a path inside of the volume, found {path!r}")
    return pure


def _open(directory: Path, group: int) -> None:
    os.chown(directory, -1, group)
    directory.chmod(0o750)


def _directory(root: Path, path: PurePosixPath, group: int) -> None:
    directory = root
    for part in path.parts:
        directory /= part
        directory.mkdir(exist_ok=True)
        _open(directory, group)


def _replace(root: Path, path: PurePosixPath, content: str, group: int) -> None:
    _directory(root, path.parent, group)
    target = root / path
    scratch = target.with_name(f".{target.name}.new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode())
    os.chown(scratch, -1, group)
    scratch.chmod(0o640)
    scratch.replace(target)


def _pruned(root: Path, wanted: set[PurePosixPath]) -> Iterator[str]:
    for path in sorted(root.rglob("*"), reverse=True):
        name = path.relative_to(root)
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif PurePosixPath(name) not in wanted:
            path.unlink()
            yield str(name)


class ActionModule(ActionBase):  # type: ignore[misc]
    """What Ansible loads."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Write the files of the task."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        file = {
            **{name: {"type": "str", "required": True} for name in ("path", "content")},
            **{name: {"type": "str"} for name in ("owner", "group", "mode", "apply")},
            "secret": {"type": "bool", "default": False},
        }
        _, given = self.validate_argument_spec(
            argument_spec={
                "root": {"type": "path", "required": True},
                "group": {"type": "int", "required": True},
                "directories": {"type": "list", "elements": "str", "default": []},
                "files": {"type": "list", "elements": "dict", "required": True, "options": file},
            }
        )
        try:
            removed = write(Path(given["root"]), given["group"], given["files"], given["directories"])
        except (FilesError, OSError) as error:
            return result | {"failed": True, "msg": f"{given['root']}: {error}"}
        return result | {"changed": True, "removed": removed}
