"""System users: made where they are missing; one that somebody logs in as is kept as it is described."""

import grp
import pwd
import subprocess
from pathlib import Path

from .model import Account

SHADOW = Path("/etc/shadow")
NO_SHELL = "/usr/sbin/nologin"
NO_PASSWORD = "*"  # noqa: S105 - no password opens it; with ! also no key would


def ensure(account: Account, *, check_mode: bool) -> list[str]:
    """Return what was done, or would be."""
    argv = changes(account)
    if argv and not check_mode:
        subprocess.run(argv, check=True, capture_output=True)
    return [f"{'add' if argv[0] == 'useradd' else 'change'} user {account.name}"] if argv else []


def changes(account: Account, shadow: Path = SHADOW) -> list[str]:
    """Return the command that makes the user what it must be, nothing where it is.

    One without a shell serves a program, which sees nothing of the rest.
    """
    try:
        found = pwd.getpwnam(account.name)
    except KeyError:
        own = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", account.home]
        return [*own, "--shell", account.shell or NO_SHELL, *_login(account), account.name]
    if not account.shell:
        return []
    wrong: list[str] = []
    wrong += ["--home", account.home] if found.pw_dir != account.home else []
    wrong += ["--shell", account.shell] if found.pw_shell != account.shell else []
    wrong += ["--password", NO_PASSWORD] if _password(account.name, shadow) != NO_PASSWORD else []
    missing = [name for name in account.groups if account.name not in grp.getgrnam(name).gr_mem]
    wrong += ["--append", "--groups", ",".join(missing)] if missing else []
    return ["usermod", *wrong, account.name] if wrong else []


def _login(account: Account) -> list[str]:
    groups = ["--groups", ",".join(account.groups)] if account.groups else []
    return ["--password", NO_PASSWORD, *groups] if account.shell else []


def _password(name: str, shadow: Path) -> str:
    lines = (line.split(":") for line in shadow.read_text(encoding="utf-8").splitlines())
    return next((fields[1] for fields in lines if fields[0] == name), "")
