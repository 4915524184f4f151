"""The command line of a back-test, for any rules and for a site's."""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monitoring.catalog import CatalogError
from monitoring.durations import parse_duration
from ruletools import backtest, backtest_report
from ruletools.errors import RulesError
from ruletools.http import READ_S, Http
from ruletools.say import say

HELP = (
    "how often each alert would have fired, asked of the Prometheus that watched; `heard` counts the firings "
    "that no louder alert silenced from beginning to end"
)


def add_options(parser: argparse.ArgumentParser) -> None:
    """The command asks a Prometheus about a time."""
    parser.add_argument("alerts", nargs="*", metavar="ALERT", help="all without a name")
    parser.add_argument("--prometheus", metavar="URL", required=True, help="it is only read")
    parser.add_argument("--since", metavar="DURATION", default="7d", help="how far to look back (7d)")
    parser.add_argument("--user", help="for Prometheus's basic authentication")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="the user's password")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="certificates to trust, for https")
    parser.add_argument("--json", action="store_true", help="every firing with its labels, for a program")


def check(arguments: argparse.Namespace) -> float:
    """How many seconds to look back; RulesError where an option is wrong."""
    try:
        since = parse_duration(arguments.since) / 1000
    except CatalogError as error:
        raise RulesError(f"--since: {error}") from None
    if bool(arguments.user) != bool(arguments.password_file):
        raise RulesError("expected --user and --password-file together, found one of them")
    for file in filter(None, (arguments.password_file, arguments.ca)):
        if not file.is_file():
            raise RulesError(f"expected a file, found no {file}")
    return since


def run(
    arguments: argparse.Namespace, groups: Sequence[Mapping[str, Any]], alertmanager: Mapping[str, Any]
) -> None:
    """What the groups' alerts would have done is said."""
    since = check(arguments)
    auth = (arguments.user, arguments.password_file.read_text("utf-8").strip()) if arguments.user else None
    url = arguments.prometheus.rstrip("/")
    archive = backtest.Archive(Http(url, auth, str(arguments.ca or ""), read_s=12 * READ_S))
    end = time.time()
    asked = backtest.Period(end - since, end)
    covered = archive.covered(asked)
    found = backtest.backtest(archive, groups, alertmanager, covered, arguments.alerts)
    say((backtest_report.as_json if arguments.json else backtest_report.as_text)(found, asked, covered))
