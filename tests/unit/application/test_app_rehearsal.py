"""A rehearsal finds what would stop a switch, and what changed since a release was unpacked."""

import subprocess
from pathlib import Path

import pytest

from roles.application.module_utils.mita_app import archive, content, rehearsal, starting
from roles.application.module_utils.mita_app.layout import Layout
from roles.application.module_utils.mita_app.unpack import present

from .conftest import Build, put

NAME = "mita-backend"


@pytest.fixture
def unpacked(layout: Layout, build: Build) -> str:
    """The release 1.0.0 from an archive; its checksum."""
    path, checksum = build()
    present(layout, path, checksum=checksum, name=NAME, version="1.0.0", at="t0")
    return checksum


def obstacles(layout: Layout, checksum: str = "", version: str = "1.0.0") -> list[str]:
    return rehearsal.obstacles(layout, version, checksum, f"{NAME}.service")


@pytest.fixture(autouse=True)
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)


def test_whole_release_with_the_right_checksum_is_ready_to_go(layout: Layout, unpacked: str) -> None:
    before = sorted(layout.root.rglob("*"))

    assert obstacles(layout, unpacked) == []
    assert sorted(layout.root.rglob("*")) == before


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda file: file.write_bytes(b"VALUE = 2\n"), "differ from what was unpacked"),
        (lambda file: file.unlink(), "differ from what was unpacked"),
        (lambda file: file.with_name("new.py").touch(), "differ from what was unpacked"),
    ],
)
def test_file_that_changed_is_noticed(layout: Layout, unpacked: str, spoil: object, words: str) -> None:
    spoil(layout.releases / "1.0.0/app/application/__init__.py")  # type: ignore[operator]

    [said] = obstacles(layout)

    assert words in said


def test_quick_look_notices_what_is_missing_or_cut_short(layout: Layout, unpacked: str) -> None:
    file = layout.releases / "1.0.0/app/application/__init__.py"
    assert content.damage(layout, "1.0.0", thorough=False) == ""
    file.write_bytes(b"VALUE")
    assert "differ" in content.damage(layout, "1.0.0", thorough=False)


def test_release_from_before_digests_were_written_counts_as_whole(layout: Layout) -> None:
    put(layout, "1.0.0")

    assert obstacles(layout) == []


def test_missing_release_and_another_archive_are_named(layout: Layout, unpacked: str) -> None:
    assert obstacles(layout, version="9.0.0") == ["the release 9.0.0 is not here; found 1.0.0"]
    [said] = obstacles(layout, "sha256:" + "0" * 64)
    assert said.startswith(f"1.0.0 was made from the archive {archive.digest(unpacked)}, not 000")


def test_tree_that_cannot_be_written_is_named(
    layout: Layout, unpacked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "symlink_to", refuse)

    assert obstacles(layout) == [f"a link beside {layout.current} cannot be made: Permission denied"]


def test_command_that_sudo_does_not_allow_is_named(
    layout: Layout, unpacked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def sudo(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        refused = "start" in command
        return subprocess.CompletedProcess(
            command, int(refused), "", "sudo: a password is required\n" * refused
        )

    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(subprocess, "run", sudo)

    said = obstacles(layout)

    assert said == [f"sudo does not allow `systemctl start {NAME}.service`: sudo: a password is required"]
    assert [command[:4] for command in asked] == [["sudo", "-n", "-l", "/usr/bin/systemctl"]] * 3


def test_changed_release_is_made_again_from_the_archive_that_is_kept(layout: Layout, unpacked: str) -> None:
    (layout.releases / "1.0.0/app/application/__init__.py").write_bytes(b"")

    assert present(layout, layout.archive("1.0.0"), checksum=unpacked, name=NAME, version="1.0.0", at="t1")

    assert obstacles(layout, unpacked) == []
    assert not layout.history.exists()  # nothing took its name


def test_archive_is_kept_also_for_a_release_that_was_unpacked_before(
    layout: Layout, unpacked: str, tmp_path: Path
) -> None:
    layout.archive("1.0.0").unlink()
    path = tmp_path / "1.0.0.tar.gz"

    assert present(layout, path, checksum=unpacked, name=NAME, version="1.0.0", at="t1")
    assert not present(layout, path, checksum=unpacked, name=NAME, version="1.0.0", at="t2")
    assert layout.kept_archives() == ["1.0.0"]


@pytest.mark.parametrize("thorough", [True, False])
def test_link_that_leads_elsewhere_is_noticed(layout: Layout, build: Build, thorough: bool) -> None:
    path, checksum = build(links={"latest": "app"})
    present(layout, path, checksum=checksum, name=NAME, version="1.0.0", at="t0")
    link = layout.releases / "1.0.0" / "latest"
    assert content.damage(layout, "1.0.0", thorough=thorough) == ""

    link.unlink()
    link.symlink_to("../1.0.0/app")

    assert "differ from what was unpacked" in content.damage(layout, "1.0.0", thorough=thorough)


def test_program_of_the_host_that_is_gone_is_named(layout: Layout, build: Build, tmp_path: Path) -> None:
    program = tmp_path / "node"
    program.touch(mode=0o755)
    path, checksum = build(start=[str(program), "server.js"])
    present(layout, path, checksum=checksum, name=NAME, version="1.0.0", at="t0")
    assert obstacles(layout) == []

    program.unlink()

    [said] = obstacles(layout)
    assert said.startswith(f"expected {program}, which starts 1.0.0, on this host, found none")


@pytest.mark.parametrize(
    ("start", "answer", "said"),
    [
        ("node server.js", "yes", "expected {} to be allowed to make machine code"),
        ("node server.js", "no", ""),
        ("node --jitless server.js", "yes", ""),
        ("python3 server.py", "yes", ""),
    ],
)
def test_program_that_the_sandbox_would_kill_late_is_named_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str, answer: str, said: str
) -> None:
    name, *words = start.split()
    (tmp_path / name).touch(mode=0o755)
    (tmp_path / "systemctl").write_text(f"#!/bin/sh\necho {answer}\n")
    (tmp_path / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    found = starting.obstacle({"start": [str(tmp_path / name), *words]}, unit="mita-backend.service")

    assert found.startswith(said.format(tmp_path / name)) and bool(found) == bool(said)


def test_service_that_was_killed_as_the_sandbox_kills_says_what_may_be_behind_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "forbids", lambda _: True)

    assert "MemoryDenyWriteExecute: null" in starting.hint("code=killed, status=5/TRAP", "x.service")
    assert starting.hint("code=exited, status=1/FAILURE", "x.service") == ""
