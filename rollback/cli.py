"""rollbackctl: see what the rollback daemon knows, decided and did."""

import argparse
import json
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rollback import cli_text, client

EXAMPLES = """\
examples:
  rollbackctl status                  what is live, known good and under way
  rollbackctl decisions               the latest decisions, newest first
  rollbackctl explain 7               why decision 7 is what it is, guard by guard
  rollbackctl rollbacks               what was rolled back, with every host's steps
  rollbackctl ledger --follow         everything as it happens
  rollbackctl decisions --json | jq   the same for programs

Run it as root on the daemon's host: address and secret are then found in /etc/mita-rollback/settings.yml.
From elsewhere: rollbackctl --url https://monitor:8000 --secret-file FILE status
"""

Json = dict[str, Any]
FOLLOW_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line says; 1 with one clear sentence when that is not possible."""
    options = parser().parse_args(arguments)
    try:
        daemon = client.connect(options.settings, options.url, options.secret_file, options.ca_file)
        options.run(daemon, options)
    except client.ClientError as error:
        print(f"rollbackctl: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except (KeyboardInterrupt, BrokenPipeError):
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    shape = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        prog="rollbackctl", description=__doc__, epilog=EXAMPLES, formatter_class=shape
    )
    top.add_argument("--settings", type=Path, default=client.SETTINGS, metavar="FILE", help="the daemon's")
    top.add_argument("--url", default="", help="where the daemon answers; default: as the settings say")
    top.add_argument("--secret-file", type=Path, metavar="FILE", help="password of the user admin")
    top.add_argument("--ca-file", type=Path, metavar="FILE", help="certificate to trust, with https")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add(commands, "status", _status, "what is live, known good and under way, per service")
    decisions = _add(commands, "decisions", _decisions, "the latest decisions, newest first")
    explain = _add(commands, "explain", _explain, "why a decision is what it is, with its evidence")
    rollbacks = _add(commands, "rollbacks", _rollbacks, "what was rolled back, host by host")
    ledger = _add(commands, "ledger", _ledger, "the history, oldest first")
    for listing in (decisions, rollbacks):
        listing.add_argument("--service", help="only this service")
        listing.add_argument("--limit", type=int, default=20, help="how many (default: 20)")
    explain.add_argument("id", type=int, help="a decision's number, as `rollbackctl decisions` shows it")
    ledger.add_argument("--follow", action="store_true", help="go on until Ctrl-C")
    ledger.add_argument("--after", type=int, default=0, metavar="ID", help="only entries after this one")
    return top


def _add(
    commands: Any, name: str, run: Callable[[client.Daemon, argparse.Namespace], None], text: str
) -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    found.add_argument("--json", action="store_true", help="the daemon's answer as it is, for programs")
    found.set_defaults(run=run)
    return found


def _status(daemon: client.Daemon, options: argparse.Namespace) -> None:
    _show(daemon.get("/status"), options, cli_text.status)


def _decisions(daemon: client.Daemon, options: argparse.Namespace) -> None:
    found = daemon.get("/decisions", service=options.service, limit=options.limit)
    _show(found, options, cli_text.decisions)


def _explain(daemon: client.Daemon, options: argparse.Namespace) -> None:
    _show(daemon.get(f"/decisions/{options.id}"), options, cli_text.explanation)


def _rollbacks(daemon: client.Daemon, options: argparse.Namespace) -> None:
    found = daemon.get("/rollbacks", service=options.service, limit=options.limit)
    _show(found, options, cli_text.rollbacks)


def _ledger(daemon: client.Daemon, options: argparse.Namespace) -> None:
    after, never = options.after, threading.Event()
    while True:
        entries = daemon.get("/ledger", after=after, limit=1000)["entries"]
        for entry in entries:
            _say(json.dumps(entry) if options.json else cli_text.entry(entry))
            after = entry["id"]
        if not entries and not options.follow:
            return
        if not entries:
            never.wait(FOLLOW_SECONDS)


def _show(found: Json, options: argparse.Namespace, text: Callable[[Json], str]) -> None:
    _say(json.dumps(found, indent=2) if options.json else text(found))


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
