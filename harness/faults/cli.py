"""`harness fault`: what can be broken on the lab, broken and mended by hand."""

import argparse
from typing import Any

from devtools.errors import UserError
from devtools.system import say
from harness.faults import on_host
from harness.faults.fault import Fault, faults, named
from harness.lab.hosts import HOSTS

HELP = """\
A fault is real: a full disk is a full disk. It is undone by itself after the time that its entry in
harness/faults/catalogue gives it, at the next boot of its host, or by `harness fault undo`. `harness proof`
plays faults and judges what the alerts and receivers did.
"""


def add_commands(subparsers: Any) -> None:
    """`harness fault ...` is known to the command line."""
    area = subparsers.add_parser(
        "fault", help="break something on the lab's hosts, and mend it", description=HELP
    )
    commands = area.add_subparsers(metavar="COMMAND", required=True)
    commands.add_parser("list", help="every fault, its hosts and the alerts it proves").set_defaults(
        run=_list
    )
    commands.add_parser("status", help="which faults are on which host").set_defaults(run=_status)
    for name, text, run in (("inject", "break it", _inject), ("undo", "mend it", _undo)):
        command = commands.add_parser(name, help=text)
        command.add_argument("name", nargs=None if name == "inject" else "?", help="its name in `list`")
        command.set_defaults(run=run)


def _list(_: argparse.Namespace) -> None:
    for fault in faults().values():
        where = ",".join(fault.hosts) or "a release"
        say(f"{fault.name:<28} {where:<12} {', '.join(fault.proves)}\n    {fault.does}")


def _status(_: argparse.Namespace) -> None:
    found = {host.name: on_host.left_on(host.name) for host in HOSTS}
    for host, names in found.items():
        say(f"{host:<10} {', '.join(names) or 'no fault'}")


def _inject(arguments: argparse.Namespace) -> None:
    fault = named(arguments.name)
    if fault.deploys:
        raise UserError(
            f"expected a fault of hosts alone, found {fault.name}, which deploys a release; "
            f"`harness proof {fault.proves[0]}` plays it"
        )
    if fault.needs and fault.needs.name not in on_host.left_on(fault.needs.hosts[0]):
        on_host.inject(fault.needs)
    on_host.inject(fault)
    say(f"{fault.name} is on {', '.join(fault.hosts)} for at most {fault.lasts_s} s: {fault.does}")
    say(f"it must make {', '.join(fault.proves)} fire; end it with `harness fault undo {fault.name}`")


def _is_needed(program: Fault) -> bool:
    """Whether another fault is still there that needs it."""
    there = {name for host in HOSTS for name in on_host.left_on(host.name)}
    return any(fault.needs == program for fault in faults().values() if fault.name in there)


def _undo(arguments: argparse.Namespace) -> None:
    if arguments.name:
        fault = named(arguments.name)
        on_host.undo(fault)
        if fault.needs and not _is_needed(fault.needs):
            on_host.undo(fault.needs)
        say(f"{arguments.name} is undone")
        return
    undone, failed = [], []
    for host in HOSTS:
        try:
            undone += [f"{name} on {host.name}" for name in on_host.undo_all(host.name)]
        except UserError as error:
            failed.append(str(error))
    say(f"undone: {', '.join(undone) or 'nothing was there'}")
    if failed:
        raise UserError("\n".join(failed))
