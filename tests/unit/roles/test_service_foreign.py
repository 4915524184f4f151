"""Before files are replaced there is room for them, and those of another hand are copied."""

from pathlib import Path

import pytest

from roles.program.module_utils.mita_service import disk, foreign
from roles.program.module_utils.mita_service.manifest import Entry, Manifest
from roles.program.module_utils.mita_service.model import Apply, File


def file(path: Path, content: str = "ours") -> File:
    return File(path=str(path), content=content, owner="root", group="root", mode=0o640)


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(foreign, "KEPT", tmp_path / "kept")
    monkeypatch.setattr(disk, "ids", lambda owner, group: (-1, -1))
    return tmp_path / "kept"


def test_a_file_of_another_hand_is_copied_once_for_root_alone(kept: Path, tmp_path: Path) -> None:
    path = tmp_path / "prometheus.yml"
    for theirs in ("by hand", "by hand again"):
        path.write_text(theirs)
        foreign.keep("prometheus", [file(path)], {str(path): disk.read(str(path))}, Manifest())

    copy = kept / "prometheus" / str(path).lstrip("/")
    assert copy.read_text() == "by hand"
    assert copy.stat().st_mode & 0o777 == 0o600 and kept.stat().st_mode & 0o777 == 0o700


def test_a_file_of_ours_and_one_that_is_new_are_not_copied(kept: Path, tmp_path: Path) -> None:
    path = tmp_path / "prometheus.yml"
    path.write_text("ours, changed by hand")
    ours = Manifest(files={str(path): Entry(digest="x", apply=Apply.RELOAD)})

    foreign.keep("prometheus", [file(path)], {str(path): disk.read(str(path))}, ours)
    foreign.keep("prometheus", [file(tmp_path / "new")], {str(tmp_path / "new"): None}, Manifest())

    assert not kept.exists()


def test_files_that_do_not_fit_are_refused_before_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [file(tmp_path / "new" / name, "x" * 1000) for name in ("a", "b")]
    monkeypatch.setattr(foreign, "_free", lambda place: 2 * (1000 + foreign.BLOCK) - 1)

    with pytest.raises(foreign.NoSpaceError, match=f"bytes free at {tmp_path}, found 10191; make room"):
        foreign.require_space(wanted)

    monkeypatch.setattr(foreign, "_free", lambda place: 2 * (1000 + foreign.BLOCK))
    foreign.require_space(wanted)
