"""Programs fail with their own words, and only one process is inside a lock."""

import fcntl
import sys
from pathlib import Path

import pytest

from devtools import apt, system
from devtools.errors import UserError
from devtools.paths import CACHE
from harness import cli


def test_a_program_gives_its_output() -> None:
    assert system.run([sys.executable, "-c", "print('out')"]) == "out\n"


def test_a_failed_program_is_quoted() -> None:
    with pytest.raises(UserError, match="exited 3: the reason"):
        system.run([sys.executable, "-c", "import sys; sys.stderr.write('the reason'); sys.exit(3)"])


def test_a_missing_program_is_named() -> None:
    with pytest.raises(UserError, match="expected the program 'no-such-program' on this machine, found none"):
        system.run(["no-such-program"])


def test_a_program_that_hangs_is_ended() -> None:
    with pytest.raises(UserError, match=r"to end within 0\.1 s"):
        system.run([sys.executable, "-c", "import threading; threading.Event().wait()"], timeout_s=0.1)


def test_last_words_are_the_last_lines() -> None:
    assert system.last_words("one\ntwo\nthree\n", lines=2) == "two\nthree"
    assert system.last_words(" \n") == "(it said nothing)"


def test_a_lock_is_held_inside_and_free_after() -> None:
    with (
        system.locked("unit-test"),
        (CACHE / "unit-test.lock").open("w") as other,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (CACHE / "unit-test.lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_only_packages_of_missing_programs_are_missing(tmp_path: Path) -> None:
    there = tmp_path / "keyring.gpg"
    there.touch()

    needed = {
        "sh": "dash",
        str(there): "keyring",
        str(tmp_path / "no"): "absent",
        "no-such-program": "absent",
    }

    assert apt.missing(needed) == ["absent"]


def test_empty_package_lists_are_recognised(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    assert not apt.has_lists(tmp_path)

    (tmp_path / "mirror_dists_trixie_main_binary-amd64_Packages.lz4").touch()
    assert apt.has_lists(tmp_path)


def test_an_explained_failure_is_one_sentence_and_status_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/engine.sock")

    assert cli.main(["lab", "status"]) == 1

    printed = capsys.readouterr()
    assert printed.err == (
        "harness: expected a Docker engine to answer, found none; `harness lab up` starts one\n"
    )
    assert printed.out == ""
