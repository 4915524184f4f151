"""The stand-in's command line: as much of Grafana's as the role uses."""

import argparse
import sys
from pathlib import Path

from .accounts import Accounts
from .answering import serve
from .refusing import RefusedError
from .settings import Settings


def main(version: str, arguments: list[str]) -> int:
    """Run one command and return its exit status."""
    if arguments == ["--version"]:
        print(f"grafana version {version}")  # noqa: T201 - what a program answers
        return 0
    given = _parser().parse_args(arguments)
    settings = Settings(given.config)
    try:
        _require_home(given.homepath)
        serve(settings) if given.command == "server" else _reset(settings, given.words)
    except RefusedError as error:
        print(f"Error: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="grafana")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("server", "cli"):
        command = commands.add_parser(name)
        command.add_argument("--homepath", type=Path, required=True)
        command.add_argument("--config", type=Path, required=True)
        if name == "cli":
            command.add_argument("words", nargs=argparse.REMAINDER)
    return parser


def _require_home(path: Path) -> None:
    if not (path / "conf" / "defaults.ini").is_file() or not (path / "public").is_dir():
        raise RefusedError(f"could not find conf/defaults.ini and public in {path}")


def _reset(settings: Settings, words: list[str]) -> None:
    """The first account has the password that standard input holds."""
    if words != ["admin", "reset-admin-password", "--password-from-stdin"]:
        raise RefusedError(f"unknown command {' '.join(words)}")
    password = sys.stdin.readline().rstrip("\n")
    if len(password) < 5:
        raise RefusedError("new password is too short")
    Accounts(Path(settings.get("paths", "data"))).set_password(1, password)
