"""`harness lab`: the lab hosts from the command line."""

import argparse
import os
from typing import Any

from harness.lab import keys, lab
from harness.lab.hosts import host


def add_commands(subparsers: Any) -> None:
    """`harness lab ...` is known to the command line."""
    area = subparsers.add_parser("lab", help="the lab hosts: up, status, ssh, logs, stop, start, down")
    commands = area.add_subparsers(metavar="COMMAND", required=True)
    commands.add_parser("up", help="five hosts run and answer SSH").set_defaults(run=lambda _: lab.up())
    down = commands.add_parser("down", help="nothing of the lab is left: containers, networks, keys, secrets")
    down.add_argument("--images", action="store_true", help="remove the lab's images as well")
    down.set_defaults(run=lambda arguments: lab.down(images=arguments.images))
    ssh = commands.add_parser("ssh", help="a shell on a host, or one command")
    ssh.add_argument("host")
    ssh.add_argument("command", nargs=argparse.REMAINDER)
    ssh.set_defaults(run=lambda arguments: _ssh(arguments.host, arguments.command))


def _ssh(name: str, command: list[str]) -> None:
    os.execvp("ssh", ssh_argv(name, command))  # noqa: S606  (an argv list, no shell)


def ssh_argv(name: str, command: list[str]) -> list[str]:
    """The ssh command line to a host, with the lab's key and its recorded host keys."""
    return [
        "ssh",
        *("-i", str(keys.USER_KEY), "-o", "IdentitiesOnly=yes"),
        *("-o", f"UserKnownHostsFile={keys.KNOWN_HOSTS}", "-o", "StrictHostKeyChecking=yes"),
        *("-p", str(host(name).ssh_port), "ops@127.0.0.1", *command),
    ]
