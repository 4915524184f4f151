"""What comes out of an archive is compiled once, and is always what the archive says."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from devtools.paths import REPO

HOOK = REPO / "harness" / "scratch"
CODE = """
import builtins, sys
sys.path.insert(0, sys.argv[1])
import compiled_once
compiled_once.install(sys.argv[2])
compiled, own = [], builtins.compile
builtins.compile = lambda *given, **more: compiled.append(given) or own(*given, **more)
sys.path.insert(0, sys.argv[3])
import sent
print(sent.VALUE, sent.where().endswith("/sent.zip/sent.py"), len(compiled))
"""
"""Prints the value of a module in an archive, whether it knows its file, and how much was compiled."""


def run(tmp_path: Path, value: int, kept: Path) -> str:
    archive = tmp_path / "sent.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("sent.py", f"VALUE = {value}\ndef where():\n    return where.__code__.co_filename\n")
    argv = [sys.executable, "-c", CODE, str(HOOK), str(kept), str(archive)]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def test_what_was_sent_before_is_not_compiled_again_and_a_change_is(tmp_path: Path) -> None:
    kept = tmp_path / "kept"

    assert [run(tmp_path, value, kept) for value in (1, 1, 2, 2)] == [
        "1 True 1",
        "1 True 0",
        "2 True 1",
        "2 True 0",
    ]


@pytest.mark.parametrize("left", [b"", b"\xe3", b"no code"])
def test_what_was_kept_by_half_is_compiled_anew(tmp_path: Path, left: bytes) -> None:
    kept = tmp_path / "kept"
    run(tmp_path, 1, kept)
    [file] = kept.iterdir()
    file.write_bytes(left)

    assert run(tmp_path, 1, kept) == "1 True 1"


def test_where_nothing_can_be_kept_all_works_as_without(tmp_path: Path) -> None:
    kept = tmp_path / "file"
    kept.touch()

    assert run(tmp_path, 1, kept / "below") == "1 True 2"  # Python compiles it to know its file, and again
