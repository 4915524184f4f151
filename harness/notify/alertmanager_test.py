"""What `scripts/test_alertmanager.py` does: Alertmanager answers, its routes hold, and drills arrive.

Without an alert a drill of each severity that people are told of is sent, the loud ones page.
"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path

from devtools.errors import UserError
from devtools.paths import REPO
from devtools.system import say
from harness.clients import Alertmanager
from harness.notify import testing
from harness.notify.drill import labels_of, of_its_own
from harness.notify.drilling import in_force, patience, play
from monitoring.catalog import Alert, CatalogError, load

SEVERITIES = ("critical", "error", "warning")
RULES = REPO / "monitoring" / "rules"
DAEMON = "no drill reaches the rollback daemon; POST /api/admin/rollback/test asks what it would do about"


def main(argv: Sequence[str] | None = None) -> int:
    """0 when everything arrived, 1 and a sentence otherwise."""
    arguments = _parser().parse_args(argv)
    try:
        return _run(arguments, testing.client(arguments))
    except (UserError, CatalogError) as error:
        print(f"test_alertmanager: {error}", file=sys.stderr)  # noqa: T201
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="test_alertmanager.py",
        description="Post drills to Alertmanager, say who is told and whether it was taken, and end "
        "them. Without --test-alert one of each severity is sent: critical and error page.",
    )
    parser.add_argument("--test-alert", metavar="NAME", help="an alert of monitoring/rules, as a drill")
    parser.add_argument(
        "--severity", choices=SEVERITIES, help="one of them alone; of --test-alert, instead of its own"
    )
    parser.add_argument("--label", action="append", default=[], help="such as env=production; repeatable")
    testing.add_options(parser)
    return parser


def _run(arguments: argparse.Namespace, client: Alertmanager) -> int:
    drills = [
        of_its_own(labels | testing.labels(arguments.label), datetime.now(UTC))
        for labels in _chosen(arguments)
    ]
    config = in_force(client)
    say(f"{client.base} answers, with {len(config['receivers'])} receivers")
    said = ", ".join(f"{one['alertname']} ({one['severity']})" for one in drills)
    say(f"drills of {said}; waiting up to {patience(config, drills) + 30:g} s for them to be taken")
    told = play(client, config, drills)
    say("\n".join(told.lines()))
    say("the drills are ended; that they are over is told after the group's interval, to who heard of them")
    if arguments.test_alert:
        say(f"{DAEMON} {arguments.test_alert}")
    say("all of it was taken" if told.well else "NOT all of it was taken")
    return 0 if told.well else 1


def _chosen(arguments: argparse.Namespace) -> list[dict[str, str]]:
    if arguments.test_alert:
        return [labels_of(_named(arguments.test_alert), arguments.severity, {})]
    plain = {"alertname": "MitaTestAlert", "component": "backend", "symptom": "test", "drill": "true"}
    about = dict.fromkeys(("service", "subject", "instance"), "drill")
    wanted = [arguments.severity] if arguments.severity else SEVERITIES
    return [{**plain, **about, "severity": severity} for severity in wanted]


def _named(name: str, rules: Path = RULES) -> Alert:
    by_name = {alert.name: alert for alert in load(rules)}
    if name not in by_name:
        close = get_close_matches(name, by_name, 1)
        raise UserError(
            f"--test-alert: expected an alert of monitoring/rules, found {name!r}"
            f"{f'; is {close[0]} meant?' if close else ''}"
        )
    return by_name[name]


if __name__ == "__main__":
    sys.exit(main())
