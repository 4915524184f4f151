"""An environment counts as whole only if it is."""

import sys
from pathlib import Path

from devtools import environment


def _finished(venv: Path) -> Path:
    """What a finished installation leaves, without the packages."""
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / "mita-identity").write_text(f"{venv} {sys.version_info.major}.{sys.version_info.minor}")
    (venv / "mita-installed").write_text(environment.wanted())
    return venv


def test_a_finished_environment_is_current(tmp_path: Path) -> None:
    assert environment.is_current(_finished(tmp_path / "venv"))


def test_one_that_was_moved_is_not(tmp_path: Path) -> None:
    moved = _finished(tmp_path / "venv").rename(tmp_path / "elsewhere")

    assert not environment.is_current(moved)


def test_one_of_other_requirements_is_not(tmp_path: Path) -> None:
    venv = _finished(tmp_path / "venv")
    (venv / "mita-installed").write_text("0" * 64)

    assert not environment.is_current(venv)


def test_one_whose_last_installation_did_not_end_is_not(tmp_path: Path) -> None:
    venv = _finished(tmp_path / "venv")
    (venv / "mita-unfinished").touch()

    assert not environment.is_current(venv)


def test_one_whose_python_is_gone_is_not(tmp_path: Path) -> None:
    venv = _finished(tmp_path / "venv")
    (venv / "bin" / "python").unlink()

    assert not environment.is_current(venv)


def test_requirements_follow_their_includes(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "requirements.txt").write_text("-r part/requirements.txt\na==1\n")
    (tmp_path / "part" / "requirements.txt").write_text("b==1\n")

    found = list(environment.requirement_files(tmp_path / "requirements.txt"))

    assert found == [tmp_path / "requirements.txt", tmp_path / "part" / "requirements.txt"]


def test_an_included_pin_changes_what_is_wanted(tmp_path: Path) -> None:
    top, part, constraints = tmp_path / "top.txt", tmp_path / "part.txt", tmp_path / "constraints.txt"
    top.write_text("-r part.txt\n")
    part.write_text("b==1\n")
    constraints.touch()
    before = environment.wanted(top, constraints)

    part.write_text("b==2\n")

    assert environment.wanted(top, constraints) != before
