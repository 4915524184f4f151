"""rollbackctl: see what the rollback daemon knows, and tell it what to do."""

import argparse
import json
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rollback import cli_people, cli_status, cli_text, client

EXAMPLES = """\
see:
  rollbackctl status                      what is live, open and under way, and what would happen
  rollbackctl decisions                   the latest decisions, newest first
  rollbackctl explain 7                   why decision 7 is what it is, guard by guard
  rollbackctl rollbacks                   what was rolled back, with every host's steps
  rollbackctl proposals                   what waits for your yes, and earlier answers
  rollbackctl ledger --follow             everything as it happens
  rollbackctl decisions --json | jq       the same for programs

do:
  rollbackctl approve 12 --note "seen it" do the rollback that decision 12 proposes
  rollbackctl reject 12                   do not, and do not propose it again for this deployment
  rollbackctl freeze --for 2h --reason "database migration"    no automatic rollbacks of any service
  rollbackctl unfreeze                    automatic rollbacks again
  rollbackctl rollback shop --dry-run     what going back would do, and what is known about it
  rollbackctl rollback shop               go back to the last good release, after a question
  rollbackctl mark good 1.4.2             1.4.2 may be gone back to
  rollbackctl breaker close shop          automatic rollbacks again after too many of them
  rollbackctl acknowledge 7               you have taken over what rollback 7 left open

exit codes:
  0 done                   1 the daemon was not asked: it could not be, or somebody did not say yes
  2 wrong command line     3 the daemon refused, and says why

Run it as root on the daemon's host: address and secret are then found in
/etc/mita-rollback/settings.yml, and who you are in SUDO_USER.
From elsewhere: rollbackctl --url https://monitor:8000 --secret-file FILE status
"""
CANNOT_ASK, REFUSED, INTERRUPTED = 1, 3, 130

Json = dict[str, Any]
FOLLOW_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line says; otherwise one clear sentence and the exit code that the help names."""
    options = parser().parse_args(arguments)
    try:
        names = ("url", "username", "secret_file", "ca_file", "cert_file", "key_file")
        access = client.Access(**{name: getattr(options, name) for name in names})
        daemon = client.connect(options.settings, access)
        options.run(daemon, options)
    except client.RefusedError as error:
        _complain(str(error), *(f"  - {sentence}" for sentence in error.known))
        return REFUSED
    except client.ClientError as error:
        _complain(str(error))
        return CANNOT_ASK
    except (KeyboardInterrupt, BrokenPipeError):
        return INTERRUPTED
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    shape = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        prog="rollbackctl", description=__doc__, epilog=EXAMPLES, formatter_class=shape
    )
    top.add_argument("--settings", type=Path, default=client.SETTINGS, metavar="FILE", help="the daemon's")
    top.add_argument("--url", default="", help="where the daemon answers; default: as the settings say")
    top.add_argument("--secret-file", type=Path, metavar="FILE", help="its password")
    top.add_argument("--username", default="", metavar="NAME", help="the account (default: the operator's)")
    top.add_argument("--ca-file", type=Path, metavar="FILE", help="certificate to trust, with https")
    top.add_argument("--cert-file", type=Path, metavar="FILE", help="certificate to show, with https")
    top.add_argument("--key-file", type=Path, metavar="FILE", help="its key, if it is another file")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_reading(commands)
    cli_people.add(commands, _add)
    return top


def _add_reading(commands: Any) -> None:
    _add(commands, "status", _status, "what is live, open and under way, and what would happen now")
    decisions = _add(commands, "decisions", _decisions, "the latest decisions, newest first")
    explain = _add(commands, "explain", _explain, "why a decision is what it is, with its evidence")
    rollbacks = _add(commands, "rollbacks", _rollbacks, "what was rolled back, host by host")
    _add(
        commands,
        "proposals",
        _proposals,
        "rollbacks that were proposed: those that wait for a person's yes, and earlier ones",
    )
    ledger = _add(commands, "ledger", _ledger, "the history, oldest first")
    for listing in (decisions, rollbacks):
        listing.add_argument("--service", help="only this service")
        listing.add_argument("--limit", type=int, default=20, help="how many (default: 20)")
    explain.add_argument("id", type=int, help="a decision's number, as `rollbackctl decisions` shows it")
    ledger.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    ledger.add_argument("--after", type=int, default=0, metavar="ID", help="only entries after this one")


def _add(
    commands: Any, name: str, run: Callable[[client.Daemon, argparse.Namespace], None], text: str
) -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    found.add_argument("--json", action="store_true", help="the daemon's answer as it is, for programs")
    found.set_defaults(run=run)
    return found


def _status(daemon: client.Daemon, options: argparse.Namespace) -> None:
    cli_text.show(daemon.get("/status"), options.json, cli_status.status)


def _decisions(daemon: client.Daemon, options: argparse.Namespace) -> None:
    found = daemon.get("/decisions", service=options.service, limit=options.limit)
    cli_text.show(found, options.json, partial(cli_text.decisions, service=options.service))


def _explain(daemon: client.Daemon, options: argparse.Namespace) -> None:
    cli_text.show(daemon.get(f"/decisions/{options.id}"), options.json, cli_text.explanation)


def _rollbacks(daemon: client.Daemon, options: argparse.Namespace) -> None:
    found = daemon.get("/rollbacks", service=options.service, limit=options.limit)
    cli_text.show(found, options.json, partial(cli_text.rollbacks, service=options.service))


def _proposals(daemon: client.Daemon, options: argparse.Namespace) -> None:
    cli_text.show(daemon.get("/proposals"), options.json, cli_text.proposals)


def _ledger(daemon: client.Daemon, options: argparse.Namespace) -> None:
    after, never = options.after, threading.Event()
    while True:
        entries = daemon.get("/ledger", after=after, limit=1000)["entries"]
        for entry in entries:
            cli_text.say(json.dumps(entry) if options.json else cli_text.entry(entry))
            after = entry["id"]
        if not entries and not options.follow:
            if after == options.after and not options.json:
                cli_text.say(f"Nothing has happened{' after entry ' + str(after) if after else ' yet'}.")
            return
        if not entries:
            never.wait(FOLLOW_SECONDS)


def _complain(*lines: str) -> None:
    print("rollbackctl: " + "\n".join(lines), file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
