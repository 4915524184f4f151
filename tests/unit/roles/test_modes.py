"""What is made under a hardened host's umask can be read by the service that needs it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from roles.program.module_utils.mita_service import disk
from roles.program.module_utils.mita_service.model import Directory
from roles.program.module_utils.mita_tree import modes


@pytest.fixture(autouse=True)
def hardened() -> Iterator[None]:
    before = os.umask(0o027)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def make_tree(root: Path) -> None:
    (root / "lib").mkdir(parents=True)
    (root / "lib/module.py").touch()
    (root / "program").touch(mode=0o777)
    (root / "secret").symlink_to(root.parent / "elsewhere")


def test_a_directory_has_its_mode_and_those_above_can_be_entered(tmp_path: Path) -> None:
    modes.make_directory(tmp_path / "a/b/c", 0o700)

    assert [mode(tmp_path / path) for path in ("a", "a/b", "a/b/c")] == [0o755, 0o755, 0o700]


def test_a_directory_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o711)
    modes.make_directory(tmp_path / "new")

    assert mode(tmp_path) == 0o711


def test_a_tree_is_opened_once_and_links_are_left_alone(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree")
    (tmp_path / "elsewhere").touch(mode=0o600)

    changed = modes.open_tree(tmp_path / "tree")

    names = [str(path.relative_to(tmp_path)) for path in changed]
    assert names == ["tree", "tree/lib", "tree/lib/module.py", "tree/program"]
    assert [mode(path) for path in changed] == [0o755, 0o755, 0o644, 0o755]
    assert mode(tmp_path / "elsewhere") == 0o600
    assert modes.open_tree(tmp_path / "tree") == []


def test_others_may_not_write_what_is_opened(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree")
    (tmp_path / "tree/lib").chmod(0o777)
    (tmp_path / "tree/lib/module.py").chmod(0o666)

    modes.open_tree(tmp_path / "tree")

    assert [mode(tmp_path / "tree" / path) for path in ("lib", "lib/module.py")] == [0o755, 0o644]


def test_a_service_s_directory_is_wrong_while_something_in_it_is_closed(tmp_path: Path) -> None:
    make_tree(tmp_path / "tree")
    owner, group = (tmp_path.owner(), tmp_path.group())
    plain = Directory(path=str(tmp_path / "tree"), owner=owner, group=group, mode=0o755)
    opened = Directory(path=plain.path, owner=owner, group=group, mode=0o755, opened=True)

    disk.make_directory(plain)
    assert not disk.directory_differs(plain)
    assert disk.directory_differs(opened)
    disk.make_directory(opened)

    assert not disk.directory_differs(opened)
    assert mode(tmp_path / "tree/lib") == 0o755
