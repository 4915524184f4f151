"""An archive is found where it was said to be, pinned by somebody, and fetched once."""

from pathlib import Path
from typing import Any

import pytest

from roles.application.module_utils.mita_app import source
from roles.application.module_utils.mita_app.errors import ReleaseError

from .conftest import Build

URL = "https://releases.example.org/mita-backend-1.0.0.tar.gz"


class Web:
    """An address that gives what it is told to, and counts."""

    def __init__(self, content: bytes | Exception) -> None:
        self.content = content
        self.asked = 0

    def __call__(self, url: str) -> bytes:
        self.asked += 1
        if isinstance(self.content, Exception):
            raise self.content
        return self.content


def check(
    tmp_path: Path,
    where: object,
    checksum: str = "",
    web: Web | None = None,
    version: str = "1.0.0",
    assumed: dict[str, Any] | None = None,
) -> Any:
    return source.checked(
        str(where),
        checksum,
        name="mita-backend",
        version=version,
        cache=tmp_path / "cache",
        read=web or Web(AssertionError("nothing is fetched")),
        assumed=assumed,
    )


def test_local_archive_is_pinned_by_the_file_beside_it(tmp_path: Path, build: Build) -> None:
    path, checksum = build()
    Path(f"{path}.sha256").write_text(f"{checksum.removeprefix('sha256:')}  {path.name}\n")

    assert check(tmp_path, path)[:2] == (path, checksum)


def test_checksum_that_was_given_counts_more_than_the_file_beside(tmp_path: Path, build: Build) -> None:
    path, _ = build()

    with pytest.raises(ReleaseError, match="expected SHA-256 000"):
        check(tmp_path, path, "sha256:" + "0" * 64)


@pytest.mark.parametrize("where", [URL, "local"])
def test_archive_that_nothing_pins_is_refused_and_not_fetched(
    tmp_path: Path, build: Build, where: str
) -> None:
    path, _ = build()

    with pytest.raises(ReleaseError, match=r"expected the archive's SHA-256 in app_checksum"):
        check(tmp_path, path if where == "local" else URL)


def test_archive_of_a_url_is_fetched_once(tmp_path: Path, build: Build) -> None:
    path, checksum = build()
    web = Web(path.read_bytes())

    first = check(tmp_path, URL, checksum, web)
    second = check(tmp_path, URL, checksum, web)

    assert first == second and web.asked == 1


def test_wrong_answer_of_a_url_is_asked_for_again(tmp_path: Path, build: Build) -> None:
    path, checksum = build()
    web = Web(b"an error page")
    with pytest.raises(ReleaseError, match="expected SHA-256"):
        check(tmp_path, URL, checksum, web)

    web.content = path.read_bytes()

    assert check(tmp_path, URL, checksum, web)[1] == checksum


def test_url_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match=rf"expected an archive at {URL}, found: no route"):
        check(tmp_path, URL, "sha256:" + "0" * 64, Web(OSError("no route")))


@pytest.mark.parametrize(
    ("where", "words"), [("", "expected app_archive"), ("/nowhere.tar.gz", "expected a release's archive at")]
)
def test_archive_that_is_nowhere_is_said_first(tmp_path: Path, where: str, words: str) -> None:
    with pytest.raises(ReleaseError, match=words):
        check(tmp_path, where)


def test_latest_is_no_version(tmp_path: Path, build: Build) -> None:
    with pytest.raises(ReleaseError, match="not 'latest'"):
        check(tmp_path, build()[0], version="latest")


def test_archive_that_does_not_say_whether_it_may_be_left_is_not_deployed(
    tmp_path: Path, build: Build
) -> None:
    path, checksum = build(rollback_safe=None)

    with pytest.raises(ReleaseError, match=r"rollback_safe.*--rollback-safe yes or no.*app_rollback_safe="):
        check(tmp_path, path, checksum)


@pytest.mark.parametrize(("own", "counts"), [(None, False), (True, True)])
def test_word_of_a_person_counts_where_the_archive_says_nothing(
    tmp_path: Path, build: Build, own: bool | None, counts: bool
) -> None:
    path, checksum = build(rollback_safe=own)

    _, _, found = check(tmp_path, path, checksum, assumed={"rollback_safe": False})

    assert found["rollback_safe"] is counts
