"""Which programs are installed, and which are refused."""

import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from roles.program.module_utils.mita_program import archive, links, packages, system
from roles.program.module_utils.mita_program.model import Program, ProgramError, parse, untested

PARAMS: dict[str, Any] = {
    "name": "xtool",
    "method": "archive",
    "version": "1.2.3",
    "packages": [],
    "binaries": {"xtool": "debian-xtool"},
    "checksum": "sha256:" + "0" * 64,
    "user": None,
    "home": "/nonexistent",
    "logins": [],
    "tree": "",
    "linked": True,
}
SCRIPT = b"#!/bin/sh\necho 1.2.3\n"


def make_archive(path: Path, top: str = "xtool-1.2.3.linux-amd64", program: bytes = SCRIPT) -> Program:
    """Write an archive in upstream's layout and return the release that pins it."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in ((f"{top}/xtool", program), (f"{top}/LICENSE", b"free")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    checksum = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    return parse({**PARAMS, "checksum": checksum})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "latest"}, "found 'latest'"),
        ({"method": "package", "version": "latest"}, "found 'latest'"),
        ({"version": ""}, "needs its version"),
        ({"checksum": ""}, "needs its checksum"),
        ({"checksum": "0" * 64}, "needs its checksum"),
    ],
)
def test_unpinned_release_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ProgramError, match=words):
        parse({**PARAMS, **change})


def test_archive_is_unpacked_into_the_directory_of_its_version(tmp_path: Path) -> None:
    release = make_archive(tmp_path / "x.tar.gz")

    assert archive.look(release, tmp_path / "opt").missing
    archive.unpack(release, tmp_path / "x.tar.gz", tmp_path / "opt")

    outcome = archive.look(release, tmp_path / "opt")
    assert not outcome.missing and outcome.token == release.checksum
    assert Path(outcome.paths["xtool"]).read_bytes() == SCRIPT
    assert not (tmp_path / "opt/xtool/1.2.3/LICENSE").exists()


def test_other_file_than_the_pinned_one_is_refused_with_both_checksums(tmp_path: Path) -> None:
    release = make_archive(tmp_path / "x.tar.gz")
    (tmp_path / "x.tar.gz").write_bytes(b"something else")
    found = hashlib.sha256(b"something else").hexdigest()

    with pytest.raises(ProgramError, match=f"{release.checksum}, found sha256:{found}"):
        archive.unpack(release, tmp_path / "x.tar.gz", tmp_path / "opt")

    assert not (tmp_path / "opt/xtool/1.2.3").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"top": "xtool-1.2.30.linux-amd64"}, "found xtool-1.2.30.linux-amd64"),
        ({"program": b"\x7fELF of another machine"}, "can not run here"),
        ({"program": b"#!/bin/sh\necho broken >&2; exit 3\n"}, "ended with 3: broken"),
    ],
)
def test_unfit_archive_is_refused_and_the_running_release_stays(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    good = make_archive(tmp_path / "x.tar.gz")
    archive.unpack(good, tmp_path / "x.tar.gz", tmp_path / "opt")
    release = make_archive(tmp_path / "y.tar.gz", **change)

    with pytest.raises(ProgramError, match=words):
        archive.unpack(release, tmp_path / "y.tar.gz", tmp_path / "opt")

    assert not archive.look(good, tmp_path / "opt").missing
    assert [path.name for path in (tmp_path / "opt/xtool").iterdir()] == ["1.2.3"]


def test_archive_without_the_program_is_refused_with_what_it_holds(tmp_path: Path) -> None:
    release = make_archive(tmp_path / "x.tar.gz")
    other = Program(**{**vars(release), "binaries": {"ytool": "y"}})

    with pytest.raises(ProgramError, match=r"expected ytool .* found LICENSE, xtool"):
        archive.unpack(other, tmp_path / "x.tar.gz", tmp_path / "opt")


def make_tree(path: Path, *members: tuple[str, int, str]) -> Program:
    """Write an archive of a whole tree; a member is a name, a mode, and where it leads if it is a link."""
    with tarfile.open(path, "w:gz") as tar:
        for name, mode, target in members:
            member = tarfile.TarInfo(f"xtool-v1.2.3/{name}")
            member.size, member.mode = (0, mode) if target else (len(SCRIPT), mode)
            member.type, member.linkname = (tarfile.SYMTYPE if target else tarfile.REGTYPE), target
            tar.addfile(member, io.BytesIO(SCRIPT))
    checksum = "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
    return parse({**PARAMS, "checksum": checksum, "tree": "bin"})


def test_whole_tree_is_unpacked_for_everybody_to_read_whatever_the_umask(tmp_path: Path) -> None:
    release = make_tree(tmp_path / "x.tar.gz", ("bin/xtool", 0o700, ""), ("public/img/a.svg", 0o600, ""))
    before = os.umask(0o077)
    try:
        archive.unpack(release, tmp_path / "x.tar.gz", tmp_path / "opt")
    finally:
        os.umask(before)

    found = archive.look(release, tmp_path / "opt")
    home = tmp_path / "opt/xtool/1.2.3"
    assert found.paths == {"xtool": str(home / "bin/xtool")}
    assert [
        (home / name).stat().st_mode & 0o777 for name in ("bin/xtool", "public/img", "public/img/a.svg")
    ] == [
        0o755,
        0o755,
        0o644,
    ]


@pytest.mark.parametrize("bad", [("public/a", 0o777, "/etc/passwd"), ("../../a", 0o644, "")])
def test_tree_that_leads_elsewhere_is_refused(tmp_path: Path, bad: tuple[str, int, str]) -> None:
    release = make_tree(tmp_path / "x.tar.gz", ("bin/xtool", 0o755, ""), bad)

    with pytest.raises(ProgramError, match="which is a link or leads elsewhere"):
        archive.unpack(release, tmp_path / "x.tar.gz", tmp_path / "opt")

    assert archive.look(release, tmp_path / "opt").missing


def test_links_follow_the_version_and_go_with_the_method(tmp_path: Path) -> None:
    release, bin_dir = parse(PARAMS), tmp_path
    (bin_dir / "xtool").symlink_to("/opt/xtool/1.0.0/xtool")

    links.mend(release, {"xtool": "/opt/xtool/1.2.3/xtool"}, bin_dir)
    assert str((bin_dir / "xtool").readlink()) == "/opt/xtool/1.2.3/xtool"

    links.mend(parse({**PARAMS, "method": "package"}), {"xtool": "/usr/bin/debian-xtool"}, bin_dir)
    assert list(bin_dir.iterdir()) == []


def test_program_of_somebody_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "xtool").write_text("theirs")

    with pytest.raises(ProgramError, match="another hand"):
        links.mend(parse(PARAMS), {"xtool": "/opt/xtool/1.2.3/xtool"}, tmp_path)

    links.mend(parse({**PARAMS, "method": "package"}), {"xtool": "/usr/bin/debian-xtool"}, tmp_path)
    assert (tmp_path / "xtool").read_text() == "theirs"


@pytest.mark.parametrize(
    ("wanted", "found", "same"),
    [
        ("", "2.53.3+ds1-2", True),
        ("2.53.3", "2.53.3+ds1-2", True),
        ("2.53.3", "5:2.53.3-1", True),
        ("2.53", "2.53.3+ds1-2", False),
        ("2.5", "2.53.3+ds1-2", False),
        ("2.53.30", "2.53.3+ds1-2", False),
    ],
)
def test_pin_means_exactly_that_upstream_version(wanted: str, found: str, same: bool) -> None:
    assert packages.pinned(wanted, found) is same


def test_package_is_missing_until_it_is_installed_in_the_pinned_version() -> None:
    release = parse({**PARAMS, "method": "package", "packages": ["xtool", "xtool-data"]})

    assert packages.missing(release, {"xtool": "1.2.3-1"})
    assert packages.missing(release, {"xtool": "1.2.2-1", "xtool-data": "1"})
    assert not packages.missing(release, {"xtool": "1.2.3-1", "xtool-data": "1"})


TESTED = {"bookworm": "2.42", "trixie": "2.53"}


@pytest.mark.parametrize(
    ("version", "known"),
    [
        ("2.53.3+ds1-2", True),
        ("5:2.42.0-1", True),
        ("2.53", True),
        ("2.530.1", False),
        ("2.5.3", False),
        ("3.5.0", False),
        ("12.53.1", False),
        ("", True),  # nothing is installed yet
    ],
)
def test_a_version_that_is_not_tested_is_warned_about(version: str, known: bool) -> None:
    told = untested("prometheus", version, TESTED, "trixie", "Debian 13")

    assert (told == "") == known
    if not known:
        assert f"2.42 (bookworm) and 2.53 (trixie), found {version}; " in told


def test_a_distribution_that_is_not_tested_is_named_whatever_the_version() -> None:
    told = untested("prometheus", "2.53.3", TESTED, "noble", "Ubuntu 24.04 LTS")

    assert "expected a host of a release that this repository is tested on, with prometheus 2.42" in told
    assert "found Ubuntu 24.04 LTS with 2.53.3; it may well work" in told
    assert untested("prometheus", "2.53.3", TESTED, "", "") == ""  # it does not say what it is


def test_host_says_what_it_runs(tmp_path: Path) -> None:
    said = tmp_path / "os-release"
    said.write_text('PRETTY_NAME="Ubuntu 24.04 LTS"\nVERSION_CODENAME=noble\n')

    assert system.found(said) == system.System("noble", "Ubuntu 24.04 LTS")
    assert system.found(tmp_path / "none") == system.System()


def test_python_that_is_too_old_is_refused_with_the_distribution() -> None:
    host = system.System("jammy", "Ubuntu 22.04 LTS")

    with pytest.raises(
        ProgramError, match=r"Python 3.11 or newer for x, found 3.10 on Ubuntu 22.04 LTS; take"
    ):
        system.require_python("3.11", "x", host, (3, 10))
    system.require_python("3.11", "x", host, (3, 11))
    system.require_python("", "x", host, (3, 5))


def test_a_component_without_tested_versions_is_not_warned_about() -> None:
    assert untested("application", "1.0", {}, "noble", "Ubuntu 24.04") == ""


def test_what_is_installed_says_its_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release = make_archive(tmp_path / "x.tar.gz")
    archive.unpack(release, tmp_path / "x.tar.gz", tmp_path / "opt")
    monkeypatch.setattr(packages, "installed", lambda _: {"xtool": "2.0-1"})
    package = parse({**PARAMS, "method": "package", "version": "", "packages": ["xtool"]})

    assert archive.look(release, tmp_path / "opt").version == "1.2.3"
    assert archive.look(release, tmp_path / "none").version == ""
    assert packages.look(package).version == "2.0-1"


def test_what_is_unpacked_under_a_hardened_umask_can_be_run_by_others(tmp_path: Path) -> None:
    release = make_archive(tmp_path / "x.tar.gz")
    before = os.umask(0o027)
    try:
        archive.unpack(release, tmp_path / "x.tar.gz", tmp_path / "opt")
    finally:
        os.umask(before)

    assert archive.closed(release, tmp_path / "opt") == []


def test_a_complete_release_that_others_cannot_enter_is_noticed(tmp_path: Path) -> None:
    release = make_archive(tmp_path / "x.tar.gz")
    archive.unpack(release, tmp_path / "x.tar.gz", tmp_path / "opt")
    (tmp_path / "opt/xtool/1.2.3").chmod(0o750)

    assert not archive.look(release, tmp_path / "opt").missing
    assert archive.closed(release, tmp_path / "opt") == [tmp_path / "opt/xtool/1.2.3"]
