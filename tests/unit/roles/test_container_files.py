"""What the containers read: exactly the files of the task, closed to others, each replaced in one step."""

import os
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible.plugins.filter.urlsplit import FilterModule as Urlsplit

from playbooks.filter_plugins.mita_containers import (
    backend,
    database_uri,
    redis_address,
    redis_passwords,
    taken_apart,
)
from roles.program.action_plugins.container_files import FilesError, write
from roles.rollback.filter_plugins.mita_rollback import settings_text, without_hosts
from rollback.domain.policy import Mode
from rollback.settings import parse

split: Any = Urlsplit().filters()["urlsplit"]


def files(**contents: str) -> list[dict[str, Any]]:
    return [{"path": path.replace("__", "/"), "content": content} for path, content in contents.items()]


def found(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_volume_has_exactly_the_files_of_the_task(tmp_path: Path) -> None:
    write(tmp_path, os.getgid(), files(a="1", rules__b="2", gone__c="3"))

    removed = write(tmp_path, os.getgid(), files(a="4", rules__b="2"), ["kept/empty"])

    assert found(tmp_path) == {"a": "4", "rules/b": "2"}
    assert removed == ["gone/c"]
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_dir()} == {
        "rules",
        "kept",
        "kept/empty",
    }


@pytest.mark.parametrize("mask", [0o000, 0o077])
def test_only_the_group_reads_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write(tmp_path, os.getgid(), files(secrets__a="x"))
    finally:
        os.umask(before)

    assert (tmp_path / "secrets" / "a").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o750


def test_file_that_is_open_keeps_its_content(tmp_path: Path) -> None:
    write(tmp_path, os.getgid(), files(a="before"))
    with (tmp_path / "a").open() as reader:
        write(tmp_path, os.getgid(), files(a="after"))

        assert reader.read() == "before"


@pytest.mark.parametrize("path", ["/etc/passwd", "../a", "a/../../b", ""])
def test_nothing_outside_of_the_volume_is_written(tmp_path: Path, path: str) -> None:
    with pytest.raises(FilesError, match="inside of the volume"):
        write(tmp_path, os.getgid(), [{"path": path, "content": "x"}])


def test_link_out_of_the_volume_is_removed_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "link").symlink_to(outside)

    write(volume, os.getgid(), files(a="1"))

    assert (outside / "kept").exists()
    assert not (volume / "link").is_symlink()


def test_missing_volume_is_named(tmp_path: Path) -> None:
    with pytest.raises(FilesError, match="expected a volume"):
        write(tmp_path / "none", os.getgid(), files(a="1"))


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("postgresql://user:pass@host:5432/mita", "host:5432/mita"),
        ("postgres://u:p%40%2F@db/mita?sslmode=disable", "db:5432/mita?sslmode=disable"),
        ("postgresql://u:p@[fd5e::4]:6000", "[fd5e::4]:6000/postgres"),
    ],
)
def test_database_is_told_without_its_password(url: str, uri: str) -> None:
    assert database_uri(split(url)) == uri


@pytest.mark.parametrize(
    ("url", "address", "passwords"),
    [
        ("redis://redis:6379", "redis://redis:6379", "{}"),
        ("rediss://:p%22w@cache/0", "rediss://cache:6379", r'{"rediss://cache:6379": "p\"w"}'),
        ("redis://me:pw@cache:7000", "redis://me@cache:7000", '{"redis://me@cache:7000": "pw"}'),
    ],
)
def test_redis_is_told_without_its_password(url: str, address: str, passwords: str) -> None:
    assert (redis_address(split(url)), redis_passwords(split(url))) == (address, passwords)


@pytest.mark.parametrize("wrong", ["mysql://planted:secret@host/x", "planted-secret", "postgresql://"])
def test_odd_address_is_refused_without_a_word_of_its_password(wrong: str) -> None:
    with pytest.raises(AnsibleFilterError, match="DATABASE_URL: expected") as refused:
        database_uri(split(wrong))

    assert "planted" not in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:planted#x@host/db",
        "postgresql://u:12#planted@host/db",
        "postgresql://u:12/planted@host/db",
        "postgresql://u:12?planted@host/db",
        "redis://:planted:x@[::1/0",
        "redis://u:planted@host:planted/0",
    ],
)
def test_password_that_cuts_its_address_short_is_refused_without_a_word_of_it(url: str) -> None:
    with pytest.raises(AnsibleFilterError, match="REDIS_URL: expected a user and a password") as refused:
        taken_apart(url, "REDIS_URL")

    assert "planted" not in f"{refused.value!r}{refused.value.__cause__!r}"


def test_address_is_taken_apart_as_ansible_does() -> None:
    url = "postgresql://u:p%40%2F@db:5432/mita?sslmode=disable"

    assert taken_apart(url, "DATABASE_URL") == split(url)


@pytest.mark.parametrize("url", ["https://api/base", "https://api?x=1", "https://planted:pw@api"])
def test_more_of_an_application_than_is_asked_is_refused(url: str) -> None:
    with pytest.raises(AnsibleFilterError, match="ROLLBACK_BASE_URL: expected scheme, host") as refused:
        backend(split(url))

    assert "planted" not in str(refused.value)


def test_application_is_asked_at_the_usual_port_of_its_scheme() -> None:
    assert backend(split("https://api.mita.finance"))["port"] == 443
    assert backend(split("http://app:8080/"))["port"] == 8080


def test_daemon_without_an_executor_proposes_and_says_what_is_missing() -> None:
    text = settings_text(without_hosts({}, {}), {})

    settings = parse(text, "settings.yml")
    assert Mode.AUTO not in settings.triggers.values()
    assert Mode.PROPOSE in settings.triggers.values()
    assert "rollback_settings.executor" in " ".join(settings.executor.argv)


def test_daemon_with_an_executor_has_the_triggers_of_every_daemon() -> None:
    given = {"executor": {"kind": "command", "argv": ["/bin/true"]}}

    settings = parse(settings_text(without_hosts({}, given), given), "settings.yml")

    assert Mode.AUTO in settings.triggers.values()
    assert settings.executor.argv == ["/bin/true"]
