"""`harness lab`: the lab hosts from the command line."""

import argparse
import os
import sys
from typing import Any

from harness.lab import containers, keys, lab, status
from harness.lab.hosts import HOSTS

_NAMES = tuple(each.name for each in HOSTS)


def add_commands(subparsers: Any) -> None:
    """`harness lab ...` is known to the command line."""
    area = subparsers.add_parser("lab", help="the lab hosts: up, status, ssh, logs, stop, start, down")
    commands = area.add_subparsers(metavar="COMMAND", required=True)
    _add(commands, "up", "five hosts run and answer SSH", lambda _: lab.up())
    _add(commands, "prepare", "engine and image are there, no host yet", lambda _: lab.prepare() and None)
    _add(commands, "status", "every host at a glance; exit status 0 if all are up", lambda _: status.show())
    down = _add(commands, "down", "nothing of the lab is left", lambda a: lab.down(images=a.images))
    down.add_argument("--images", action="store_true", help="remove the lab's images as well")
    ssh = _add(commands, "ssh", "a shell on a host, or one command", lambda a: _ssh(a.host, a.command))
    ssh.add_argument("host", choices=_NAMES)
    ssh.add_argument("command", nargs=argparse.REMAINDER)
    logs = _add(commands, "logs", "the journal of a unit on a host", _logs)
    logs.add_argument("host", choices=_NAMES)
    logs.add_argument("unit")
    logs.add_argument("-n", "--lines", type=int, default=100)
    logs.add_argument("-f", "--follow", action="store_true")
    for name, run, text in (
        ("stop", containers.stop, "shut a host down in good order; its disk is kept"),
        ("kill", containers.kill, "end a host as a power cut would; its disk is kept"),
        ("start", containers.start, "boot a stopped host again"),
    ):
        _add(commands, name, text, lambda a, run=run: run(a.host)).add_argument("host", choices=_NAMES)


def _add(commands: Any, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def _ssh(name: str, command: list[str]) -> None:
    os.execvp("ssh", ["ssh", "-F", str(keys.CONFIG), name, *command])  # noqa: S606  (an argv list, no shell)


def _logs(arguments: argparse.Namespace) -> None:
    """The journal goes to the terminal as it comes, through the engine: it works where SSH does not."""
    journal = ["journalctl", "--no-pager", f"--lines={arguments.lines}", f"--unit={arguments.unit}"]
    follow = ["--follow"] if arguments.follow else []
    for chunk in containers.get(arguments.host).exec_run([*journal, *follow], stream=True).output:
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
