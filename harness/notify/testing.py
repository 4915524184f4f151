"""`harness notify test`: a real message to one receiver, and whether the other side took it."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devtools.errors import UserError
from devtools.system import say
from harness.clients import Alertmanager
from harness.notify.drill import labels_for, of_its_own
from harness.notify.drilling import in_force, patience, play

FIXED = ("alertname", "severity", "symptom", "drill")
USUAL = "http://127.0.0.1:9093"


def add_command(commands: Any) -> None:
    """`harness notify test` is known to the command line."""
    parser = commands.add_parser(
        "test",
        help="send a drill to one receiver through Alertmanager's own routes, and say whether it was taken",
        description="The quietest alert that reaches the receiver is posted, marked as a drill, and ended.",
    )
    parser.add_argument("receiver", help="its name in alertmanager.yml, such as slack-database")
    parser.add_argument("--label", action="append", default=[], help="such as env=production; repeatable")
    add_options(parser)
    parser.set_defaults(run=_run)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command asks an Alertmanager."""
    parser.add_argument("--alertmanager", metavar="URL", default=USUAL, help=f"its address ({USUAL})")
    parser.add_argument("--user", help="for Alertmanager's basic authentication")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="the user's password")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="certificates to trust, for https")


def client(arguments: argparse.Namespace) -> Alertmanager:
    """The Alertmanager that the options name."""
    if bool(arguments.user) != bool(arguments.password_file):
        raise UserError("expected --user and --password-file together, found one of them")
    for file in filter(None, (arguments.password_file, arguments.ca)):
        if not file.is_file():
            raise UserError(f"expected a file, found no {file}")
    auth = (arguments.user, arguments.password_file.read_text("utf-8").strip()) if arguments.user else None
    return Alertmanager(arguments.alertmanager.rstrip("/"), auth, str(arguments.ca or ""))


def labels(said: list[str]) -> dict[str, str]:
    """What `--label` says."""
    pairs = [one.partition("=") for one in said]
    if wrong := [one for one in pairs if not all(one)]:
        raise UserError(f"--label: expected NAME=VALUE, found {''.join(wrong[0])!r}")
    for name, _, _ in pairs:
        if name.startswith("rollback"):
            raise UserError(
                "--label: expected no label of the rollback daemon, for which this were a real alert; "
                "POST /api/admin/rollback/test asks the daemon what it would do"
            )
        if name in FIXED:
            raise UserError(
                f"--label: expected none of {', '.join(FIXED)}, by which a drill is known and silences "
                f"nothing real, found {name}; --severity and --test-alert choose others"
            )
    return {name: value for name, _, value in pairs}


def _run(arguments: argparse.Namespace) -> int:
    asked, now = client(arguments), datetime.now(UTC)
    config = in_force(asked)
    drill = of_its_own(labels_for(config, arguments.receiver, labels(arguments.label), now), now)
    say(
        f"a drill of severity {drill['severity']} is posted to {asked.base}; its group waits "
        f"{patience(config, [drill]):g} s before it speaks"
    )
    told = play(asked, config, [drill])
    say("\n".join(told.lines()))
    say("the drill is ended; that it is over is told after the group's interval, to who heard of it")
    return 0 if told.well else 1
