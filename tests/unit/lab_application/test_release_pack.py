"""A directory becomes an archive that hosts take, or is refused with everything that is in the way of it."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devtools.errors import UserError
from harness.cli import main
from harness.release import tree
from harness.release.pack import Packed, Wish, pack
from roles.application.module_utils.mita_app import archive
from roles.application.module_utils.mita_app.layout import Layout
from roles.application.module_utils.mita_app.unpack import present

Pack = Callable[..., Packed]


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A person's code, with what no release needs beside it."""
    directory = tmp_path / "shop"
    for name in ("bin/server", "static/style.css", ".git/config", ".env", "__pycache__/a.pyc", ".hidden"):
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(name)
    (directory / "bin/server").chmod(0o700)
    (directory / "latest").symlink_to("bin/server")
    return directory


@pytest.fixture
def packed(code: Path, tmp_path: Path) -> Pack:
    """Pack it, with some of the words changed."""

    def run(**changed: Any) -> Packed:
        wish = {"version": "2.0.0", "start": "bin/server --quiet", "rollback_safe": True}
        return pack(Wish(directory=code, **{"out": tmp_path / "out", **wish, **changed}))

    return run


def names(found: Packed) -> list[str]:
    return [member.name for member in archive.read(found.path)[1]]


def test_archive_holds_the_files_and_says_how_they_are_started(packed: Pack) -> None:
    found = packed(environment=["LEVEL=info", "QUERY=a=b"])

    described, _ = archive.read(found.path)
    assert names(found) == [".hidden", "bin/server", "latest", "static/style.css", "manifest.json"]
    assert described == {
        "name": "mita-backend",
        "version": "2.0.0",
        "rollback_safe": True,
        "start": ["bin/server", "--quiet"],
        "environment": {"LEVEL": "info", "QUERY": "a=b"},
        "socket": False,
    }


def test_host_takes_what_was_packed(packed: Pack, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "root")
    layout.releases.mkdir(parents=True)
    found = packed()

    assert present(layout, found.path, checksum=found.checksum, name="mita-backend", version="2.0.0", at="t0")

    release = layout.releases / "2.0.0"
    assert (release / "latest").read_text() == "bin/server"
    assert os.access(release / "bin/server", os.X_OK) and not os.access(release / "manifest.json", os.X_OK)


def test_same_files_give_the_same_archive_and_others_another(packed: Pack, code: Path) -> None:
    first = packed()
    os.utime(code / "bin/server", (1, 1))
    assert packed().checksum == first.checksum

    (code / "bin/server").write_text("changed")

    assert packed().checksum != first.checksum


def test_person_is_told_what_was_left_out_and_what_to_type(packed: Pack) -> None:
    found = packed(exclude=["static"])

    assert "left out: .env, .git, __pycache__, static\n" in found.summary
    assert (
        f"-e app_version=2.0.0 -e app_archive={found.path} -e app_checksum={found.checksum}" in found.summary
    )
    beside = found.path.with_name("mita-backend-2.0.0.tar.gz.sha256")
    assert found.checksum == f"sha256:{beside.read_text().split()[0]}"


def test_earlier_archives_in_the_directory_are_no_part_of_the_next(packed: Pack, code: Path) -> None:
    packed(out=code)

    assert "mita-backend-2.0.0.tar.gz" not in names(packed(out=code, version="2.1.0"))


def spoil_link(code: Path) -> None:
    (code / "passwords").symlink_to("/etc/passwd")


def spoil_upward(code: Path) -> None:
    (code / "up").symlink_to("../other")


def spoil_dangling(code: Path) -> None:
    (code / "lost").symlink_to("nowhere")


def spoil_circle(code: Path) -> None:
    (code / "round").symlink_to("round")


def spoil_pipe(code: Path) -> None:
    os.mkfifo(code / "pipe")


def spoil_socket(code: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.relpath(code / "socket"))


def spoil_name(code: Path) -> None:
    (code / os.fsdecode(b"caf\xe9")).touch()


def spoil_manifest(code: Path) -> None:
    (code / "manifest.json").touch()


@pytest.mark.parametrize(
    ("spoil", "changes", "words"),
    [
        (spoil_link, {}, "stay inside the release, found passwords -> /etc/passwd"),
        (spoil_upward, {}, "stay inside the release, found up -> ../other"),
        (spoil_dangling, {}, "found lost, which leads to nothing"),
        (spoil_circle, {}, "found round, which leads to nothing"),
        (spoil_pipe, {}, "found a pipe at pipe"),
        (spoil_socket, {}, "found a socket at socket"),
        (spoil_name, {}, "names in UTF-8, found 'caf\\udce9'"),
        (spoil_manifest, {}, "expected no manifest.json in"),
        (None, {"version": "latest"}, "expected a version such as 2.0.0"),
        (None, {"environment": ["LEVEL"]}, "expected --env NAME=VALUE, found 'LEVEL'"),
        (None, {"environment": ["LEVEL=1", "LEVEL=2"]}, "expected --env LEVEL=VALUE once, found it twice"),
        (
            None,
            {"out": Path("/dev/null/out")},
            "expected to write /dev/null/out/mita-backend-2.0.0.tar.gz, found",
        ),
        (None, {"environment": ["MITA_PORT=1"]}, "the host does not set itself, found MITA_PORT"),
        (None, {"start": "bin/gone"}, "a file of the release"),
        (None, {"start": "static/style.css"}, "chmod +x static/style.css"),
        (None, {"start": "bin/server 'x"}, "No closing quotation"),
        (None, {"start": ""}, "a list of words, found []"),
        (None, {"most_mib": 0}, "at most --most-mib 0"),
    ],
)
def test_each_obstacle_is_one_clear_sentence(
    packed: Pack, code: Path, spoil: Callable[[Path], None] | None, changes: dict[str, Any], words: str
) -> None:
    if spoil:
        spoil(code)

    with pytest.raises(UserError) as caught:
        packed(**changes)

    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_all_obstacles_are_said_together_and_nothing_is_written(
    packed: Pack, code: Path, tmp_path: Path
) -> None:
    for spoil in (spoil_link, spoil_pipe, spoil_name, spoil_manifest):
        spoil(code)

    with pytest.raises(UserError, match="6 things are wrong"):
        packed(version="1 0", start="gone")

    assert not (tmp_path / "out").exists()


def test_huge_tree_is_refused_with_its_largest_part(
    packed: Pack, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tree, "MOST_FILES", 3)

    with pytest.raises(UserError, match=r"at most 3 files, found 4; leave out .* \(static has 0\.0 KiB\)"):
        packed()


def test_command_line_packs_and_tells(code: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--version", "2.0.0", "--start", "bin/server", "--rollback-safe", "no", "--out", str(tmp_path)]

    assert main(["release", "pack", str(code), *words]) == 0

    assert "deploy it:\nansible-playbook" in capsys.readouterr().out
    assert archive.read(tmp_path / "mita-backend-2.0.0.tar.gz")[0]["rollback_safe"] is False


@pytest.mark.parametrize("words", [["--rollback-safe", "yes"], ["--version", "1", "--start", "x"]])
def test_command_line_asks_for_what_nobody_can_guess(
    code: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["release", "pack", str(code), *words])

    assert "required" in capsys.readouterr().err
