"""The commands of rollbackctl that change something; each says who asked."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from rollback import cli_text, durations
from rollback.client import ClientError, Daemon

Json = dict[str, Any]
Run = Callable[[Daemon, argparse.Namespace], None]
Add = Callable[[Any, str, Run, str], argparse.ArgumentParser]
LOGINS = ("SUDO_USER", "USER", "LOGNAME")
"""Where the name of the person is looked for: behind sudo it is not the user that runs."""


def add(commands: Any, new: Add) -> None:
    """Add the commands to the command line."""
    _add_proposals(commands, new)
    _add_freezes(commands, new)
    _add_rollback(commands, new)
    _add_judging(commands, new)


def _add_proposals(commands: Any, new: Add) -> None:
    for name, text in (
        ("approve", "do a proposed rollback; refused when the facts have moved"),
        ("reject", "refuse a proposed rollback; its deployment is not proposed again"),
    ):
        command = new(commands, name, _answer, text)
        command.add_argument(
            "id", type=int, help="the proposal's number, as `rollbackctl proposals` shows it"
        )
        _person(command)
        _note(command)


def _add_freezes(commands: Any, new: Add) -> None:
    freeze = new(
        commands, "freeze", _freeze, "stop automatic rollbacks for a while, of all services or of one"
    )
    freeze.add_argument("service", nargs="?", help="only this one (default: all)")
    freeze.add_argument(
        "--for", dest="lasting", type=_duration, required=True, metavar="TIME", help="as 2h, 90m, 1h30m"
    )
    freeze.add_argument("--reason", required=True, help="what the next person must know")
    _person(freeze)
    unfreeze = new(commands, "unfreeze", _unfreeze, "end a freeze before its time")
    unfreeze.add_argument("service", nargs="?", help="the freeze of this one (default: that of all)")
    _person(unfreeze)


def _add_rollback(commands: Any, new: Add) -> None:
    back = new(commands, "rollback", _rollback, "go back to an earlier release, after saying what that does")
    back.add_argument("service", nargs="?", help="may be left out when there is one")
    back.add_argument("--to", metavar="VERSION", help="default: the last good release, else the best guess")
    back.add_argument("--reason", default="asked for with rollbackctl", help="kept in the record")
    back.add_argument(
        "--further", action="store_true", help="even from a release that was itself gone back to"
    )
    back.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")
    back.add_argument("--yes", action="store_true", help="do not ask")
    _person(back)


def _add_judging(commands: Any, new: Add) -> None:
    mark = new(commands, "mark", _mark, "say that a release is good (may be gone back to) or bad")
    mark.add_argument("standing", choices=("good", "bad"))
    mark.add_argument("version")
    mark.add_argument("--service", help="may be left out when there is one")
    breaker = new(
        commands, "breaker", _breaker, "allow automatic rollbacks again after too many or vain ones"
    )
    breaker.add_argument("action", choices=("close",))
    breaker.add_argument("service", nargs="?", help="may be left out when there is one")
    taken = new(
        commands, "acknowledge", _acknowledge, "take over what a rollback left open: it pages no more"
    )
    taken.add_argument("id", type=int, help="the rollback's number")
    for command in (mark, breaker, taken):
        _person(command)
        _note(command)


def _answer(daemon: Daemon, options: argparse.Namespace) -> None:
    path = f"/proposals/{options.id}/{options.command}"
    found = daemon.post(path, by=_who(options), note=options.note)
    text = cli_text.begun if options.command == "approve" else cli_text.rejected
    cli_text.show(found, options.json, text)


def _freeze(daemon: Daemon, options: argparse.Namespace) -> None:
    found = daemon.post(
        "/freezes",
        service=options.service,
        minutes=options.lasting,
        reason=options.reason,
        by=_who(options),
    )
    cli_text.show(found, options.json, cli_text.frozen)


def _unfreeze(daemon: Daemon, options: argparse.Namespace) -> None:
    found = daemon.delete(f"/freezes/{options.service or '_all'}", by=_who(options))
    cli_text.show(found, options.json, cli_text.unfrozen)


def _rollback(daemon: Daemon, options: argparse.Namespace) -> None:
    """Name hosts and versions first; nothing happens before the answer to the question."""
    wish = {
        "service": _service(daemon, options),
        "to_version": options.to,
        "reason": options.reason,
        "by": _who(options),
        "further": options.further,
    }
    plan = daemon.post("/rollbacks", **wish, dry_run=True)
    if options.dry_run:
        cli_text.show(plan, options.json, cli_text.plan)
        return
    if not options.yes:
        cli_text.say(cli_text.plan(plan))
        _confirm()
    # What was shown is what is done: without a named target the facts could move in between.
    found = daemon.post("/rollbacks", **{**wish, "to_version": plan["to_version"]})
    cli_text.show(found, options.json, cli_text.begun)


def _mark(daemon: Daemon, options: argparse.Namespace) -> None:
    path = f"/releases/{_service(daemon, options)}/{options.version}/mark"
    found = daemon.post(path, standing=options.standing, by=_who(options), note=options.note)
    cli_text.show(found, options.json, cli_text.marked)


def _breaker(daemon: Daemon, options: argparse.Namespace) -> None:
    path = f"/breakers/{_service(daemon, options)}/close"
    found = daemon.post(path, by=_who(options), note=options.note)
    cli_text.show(found, options.json, cli_text.closed)


def _acknowledge(daemon: Daemon, options: argparse.Namespace) -> None:
    found = daemon.post(f"/rollbacks/{options.id}/acknowledge", by=_who(options), note=options.note)
    cli_text.show(found, options.json, cli_text.acknowledged)


def _confirm() -> None:
    if not sys.stdin.isatty():
        raise ClientError("nobody is there to say yes: give --yes to do it, or --dry-run to only look")
    try:
        answer = input("Do it? [y/N] ")
    except EOFError:
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise ClientError("nothing was done")


def _service(daemon: Daemon, options: argparse.Namespace) -> str:
    """The service that is meant: the only one, where none is named."""
    if options.service:
        return str(options.service)
    services = sorted(daemon.get("/status")["services"])
    if len(services) != 1:
        raise ClientError(f"name the service: there is not exactly one ({', '.join(services) or 'none'})")
    return str(services[0])


def _who(options: argparse.Namespace) -> str:
    found = options.by or next((os.environ[name] for name in LOGINS if os.environ.get(name)), "")
    if not found:
        raise ClientError("nothing says who you are: give --by NAME")
    return str(found)


def _person(command: argparse.ArgumentParser) -> None:
    command.add_argument("--by", help="who asks (default: the login behind sudo)")


def _note(command: argparse.ArgumentParser) -> None:
    command.add_argument("--note", default="", help="kept in the record")


def _duration(text: str) -> float:
    """Minutes."""
    try:
        return durations.parse(text).total_seconds() / 60
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
