"""The users that a program or a person needs on a host."""

import grp
import pwd
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from roles.program.module_utils.mita_program.accounts import changes
from roles.program.module_utils.mita_program.model import Account

LOGIN = Account(name="deploy", home="/var/lib/deploy", shell="/bin/bash", groups=("journal",))  # noqa: S604


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """A host with the user as it must be; a test changes what it wants."""
    there = {"home": LOGIN.home, "shell": LOGIN.shell, "password": "*", "members": ["deploy"], "known": True}

    def getpwnam(name: str) -> Any:
        if not there["known"]:
            raise KeyError(name)
        return SimpleNamespace(pw_dir=there["home"], pw_shell=there["shell"])

    monkeypatch.setattr(pwd, "getpwnam", getpwnam)
    monkeypatch.setattr(grp, "getgrnam", lambda _: SimpleNamespace(gr_mem=there["members"]))
    there["shadow"] = tmp_path / "shadow"
    return there


def wanted(host: dict[str, Any], account: Account = LOGIN) -> list[str]:
    host["shadow"].write_text(f"root:!:1::::::\ndeploy:{host['password']}:1::::::\n")
    return changes(account, host["shadow"])


def test_a_user_that_is_as_it_must_be_is_left_alone(host: dict[str, Any]) -> None:
    assert wanted(host) == []


@pytest.mark.parametrize(
    ("found", "options"),
    [
        ({"home": "/home/deploy"}, ["--home", "/var/lib/deploy"]),
        ({"shell": "/bin/sh"}, ["--shell", "/bin/bash"]),
        ({"password": "!"}, ["--password", "*"]),  # with ! its key would open nothing
        ({"members": []}, ["--append", "--groups", "journal"]),
    ],
)
def test_what_is_another_about_a_login_is_mended(
    host: dict[str, Any], found: dict[str, Any], options: list[str]
) -> None:
    host.update(found)

    assert wanted(host) == ["usermod", *options, "deploy"]


def test_a_missing_login_is_made_without_a_password(host: dict[str, Any]) -> None:
    host["known"] = False

    made = " ".join(wanted(host))
    assert made.startswith("useradd --system --user-group --no-create-home --home-dir /var/lib/deploy")
    assert made.endswith("--shell /bin/bash --password * --groups journal deploy")


def test_a_user_of_a_program_cannot_log_in_and_is_only_made(host: dict[str, Any]) -> None:
    service = Account(name="deploy", home="/nonexistent")
    assert wanted(host, service) == []

    host["known"] = False
    assert wanted(host, service)[-3:] == ["--shell", "/usr/sbin/nologin", "deploy"]
