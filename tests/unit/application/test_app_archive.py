"""An archive is the pinned one and says what it was asked to be, or nothing of it reaches the host."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from roles.application.module_utils.mita_app import archive, history, modes
from roles.application.module_utils.mita_app.errors import ReleaseError
from roles.application.module_utils.mita_app.layout import MARKER, Layout, check_version
from roles.application.module_utils.mita_app.unpack import present

from .conftest import Build, put

NAME = "mita-backend"


def unpack(layout: Layout, archive: tuple[Path, str], version: str = "1.0.0") -> bool:
    path, checksum = archive
    return present(layout, path, checksum=checksum, name=NAME, version=version, at="t0")


def test_release_is_unpacked_compiled_and_marked(layout: Layout, build: Build) -> None:
    archive = build()

    assert unpack(layout, archive)

    release = layout.releases / "1.0.0"
    assert layout.complete() == {"1.0.0": archive[1].removeprefix("sha256:")}
    assert list(release.glob("app/application/__pycache__/*.pyc"))
    assert [entry.name for entry in layout.releases.iterdir()] == ["1.0.0"]


def test_same_release_again_changes_nothing(layout: Layout, build: Build) -> None:
    archive = build()
    unpack(layout, archive)

    assert not unpack(layout, archive)


def test_release_that_was_interrupted_is_made_again(layout: Layout, build: Build) -> None:
    partial = layout.releases / "1.0.0"
    partial.mkdir()
    (partial / "half").touch()

    assert unpack(layout, build())

    assert not (partial / "half").exists()
    assert "1.0.0" in layout.complete()


def test_other_archive_replaces_a_release_that_is_not_live_and_the_history_says_so(
    layout: Layout, build: Build
) -> None:
    put(layout, "1.0.0")
    history.append(layout.history, [history.Entry("t0", history.Event.LIVE, "1.0.0", "deploy")])

    assert unpack(layout, build())

    entries = history.read(layout.history)
    assert history.status(entries) == {"1.0.0": "replaced"}
    assert history.known_good(entries, layout.complete(), None) is None


def test_other_archive_never_replaces_the_live_release(layout: Layout, build: Build) -> None:
    put(layout, "1.0.0", "1" * 64)
    layout.point_at("1.0.0")

    with pytest.raises(ReleaseError, match="live here and was made from another archive"):
        unpack(layout, build())

    assert layout.complete() == {"1.0.0": "1" * 64}


@pytest.mark.parametrize(
    ("spoiled", "words"),
    [
        ({"name": "other"}, "expected a manifest with name 'mita-backend', found 'other'"),
        ({"version": "2.0.0"}, r"expected a manifest with version '1\.0\.0', found '2\.0\.0'"),
        ({"python": "2.7"}, r"found one for 2\.7"),
        ({"members": {"../escape": b""}}, "expected files inside the archive"),
        ({"members": {"/etc/escape": b""}}, "expected files inside the archive"),
        ({"members": {"app/broken.py": b"def"}}, "expected modules that compile"),
        ({"links": {"escape": "../outside"}}, "links that stay inside the release, found escape -> "),
        ({"links": {"escape": "/etc/passwd"}}, "links that stay inside the release, found escape -> "),
        ({"links": {"lost": "app/nowhere"}}, "found lost, which leaves it"),
        ({"links": {"app/deep": "../app/application", "deep": "app/deep/../../.."}}, "links that stay"),
        ({"members": {"caf\udce9": b""}}, r"names in UTF-8, found 'caf\\udce9'"),
        ({"start": ["/usr/bin/nothing-of-this-host"]}, "expected /usr/bin/nothing-of-this-host"),
        ({"start": ["bin/missing"]}, "found 'bin/missing'"),
    ],
)
def test_archive_that_is_not_this_release_is_refused_and_leaves_nothing(
    layout: Layout, build: Build, spoiled: dict[str, object], words: str
) -> None:
    path, checksum = build(**spoiled)

    with pytest.raises(ReleaseError, match=words):
        present(layout, path, checksum=checksum, name=NAME, version="1.0.0", at="t0")

    assert list(layout.releases.iterdir()) == []


def test_release_of_another_language_needs_no_python_that_fits(layout: Layout, build: Build) -> None:
    archive = build(
        members={"bin/server": b"#!/bin/sh\n", "old.py": b"print 1\n"},
        links={"latest": "bin/server", "bin/up": "../app"},
        start=["bin/server"],
        python=None,
    )

    assert unpack(layout, archive)

    release = layout.releases / "1.0.0"
    assert (release / "latest").resolve() == (release / "bin/server").resolve()
    assert (release / "bin/server").stat().st_mode & 0o777 == 0o755
    assert not unpack(layout, archive)
    (release / "latest").unlink()
    (release / "latest").symlink_to("bin/up")
    assert unpack(layout, archive)


def test_archive_that_tar_made_of_a_directory_is_as_good(layout: Layout, tmp_path: Path) -> None:
    code = tmp_path / "code"
    (code / "bin").mkdir(parents=True)
    (code / "bin/server").write_text("#!/bin/sh\n")
    (code / "bin/server").chmod(0o755)
    said = {"name": NAME, "version": "1.0.0", "rollback_safe": True, "start": ["bin/server"]}
    (code / "manifest.json").write_text(json.dumps(said))
    path = tmp_path / "made.tar.gz"
    subprocess.run(["tar", "-czf", str(path), "-C", str(code), "."], check=True)

    assert unpack(layout, (path, archive.sha256(path)))

    assert (layout.releases / "1.0.0/bin/server").read_text() == "#!/bin/sh\n"


def test_archive_without_a_manifest_is_refused(layout: Layout, tmp_path: Path) -> None:
    path = tmp_path / "made.tar.gz"
    subprocess.run(["tar", "-czf", str(path), "-C", str(tmp_path), "--files-from=/dev/null"], check=True)

    with pytest.raises(ReleaseError, match=r"expected manifest\.json at its top, found none"):
        unpack(layout, (path, archive.sha256(path)))


def test_everything_that_is_wrong_is_said_at_once(layout: Layout, build: Build) -> None:
    path, checksum = build(name="other", start=["server"], links={"escape": "/etc"})

    with pytest.raises(ReleaseError) as caught:
        archive.check(path, checksum=checksum, name=NAME, version="1.0.0")

    said = str(caught.value).splitlines()
    assert said[0].endswith("3 things are wrong")
    assert [line.split()[3] for line in said[1:]] == ["manifest", "a", "that"]


def test_release_that_a_host_cannot_start_yet_is_refused_with_what_to_do(
    layout: Layout, build: Build, tmp_path: Path
) -> None:
    path, checksum = build(members={"bin/server": b"#!/bin/sh\n"}, start=["bin/server"])

    with pytest.raises(ReleaseError, match=r"start\.py on this host.*run playbooks/application\.yml"):
        present(
            layout,
            path,
            checksum=checksum,
            name=NAME,
            version="1.0.0",
            at="t0",
            launcher=tmp_path / "start.py",
        )


def test_other_file_than_the_pinned_one_is_refused_with_both_checksums(build: Build) -> None:
    path, checksum = build()
    path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(ReleaseError, match=f"expected SHA-256 {checksum.removeprefix('sha256:')}, found"):
        archive.check(path, checksum=checksum, name=NAME, version="1.0.0")


def test_pinned_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.tar.gz"
    path.write_text("not an archive")

    with pytest.raises(ReleaseError, match="expected a gzipped tar archive"):
        archive.check(path, checksum=archive.sha256(path), name=NAME, version="1.0.0")


def test_archive_that_is_missing_is_named_with_the_way_to_build_it(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=r"nowhere\.tar\.gz.*harness release pack"):
        archive.sha256(tmp_path / "nowhere.tar.gz")


@pytest.mark.parametrize("checksum", ["", "sha256:", "md5:0", "sha256:" + "g" * 64, "0" * 63])
def test_checksum_that_pins_nothing_is_refused(checksum: str) -> None:
    with pytest.raises(ReleaseError, match="expected a checksum as sha256:"):
        archive.digest(checksum)


@pytest.mark.parametrize("version", ["latest", "", "..", "a/b", "-1", "1 0"])
def test_version_that_is_no_directory_is_refused(version: str) -> None:
    with pytest.raises(ReleaseError, match="expected a version"):
        check_version(version)


def test_half_written_marker_is_not_complete(layout: Layout) -> None:
    put(layout, "1.0.0")
    (layout.releases / "1.0.0" / MARKER).write_text('{"sha')

    assert layout.complete() == {}


def test_release_is_readable_for_the_service_under_a_hardened_umask(layout: Layout, build: Build) -> None:
    before = os.umask(0o027)
    try:
        unpack(layout, build())
    finally:
        os.umask(before)

    assert list(layout.releases.glob("1.0.0/app/application/__pycache__/*.pyc"))
    assert modes.closed(layout.releases / "1.0.0") == []
    assert modes.closed(layout.archives) == []
