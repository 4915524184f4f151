"""`harness contract URL`."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from compliance import scraped
from compliance.compliance import Finding, State, blind_alerts, judge, readiness
from compliance.questions import Asked, ask
from compliance.readers import readers
from devtools.errors import UserError
from monitoring import contract

NARROWEST = 140
COLOURS = {State.THERE: "green", State.ACCEPTED: "yellow", State.MISSING: "red", State.WRONG: "red"}


def add_commands(subparsers: Any) -> None:
    """`harness contract` is known to the command line."""
    parser = subparsers.add_parser(
        "contract",
        help="ask a running application for what the rules and the deployment need of it",
        epilog="Exit status 0: everything is there; 1: something is missing or wrong, or nothing answered. "
        "docs/application.md says what each series means.",
    )
    parser.add_argument("url", metavar="URL", help="such as http://127.0.0.1:8080")
    parser.add_argument(
        "--accept",
        action="append",
        default=[],
        metavar="PATTERN",
        help="series that may be missing, such as 'revenue_*'; may be repeated",
    )
    parser.add_argument("--user", help="for the basic authentication of /metrics")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="the user's password")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="certificates to trust, for https")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """The table is printed; 1 where something is missing or wrong."""
    promised = contract.series()
    asked = ask(arguments.url, _login(arguments), str(arguments.ca or ""))
    found = scraped.parse(asked.metrics)
    findings = judge(promised, found, asked.ready.version or "", arguments.accept)
    complaints = readiness(asked.ready)
    _show(findings, readers(promised), asked, complaints)
    return int(bool(complaints) or any(each.bad for each in findings))


def _login(arguments: argparse.Namespace) -> tuple[str, str] | None:
    if bool(arguments.user) != bool(arguments.password_file):
        raise UserError("expected --user and --password-file together, found one of them")
    for file in filter(None, (arguments.password_file, arguments.ca)):
        if not file.is_file():
            raise UserError(f"expected a file, found no {file}")
    return (arguments.user, arguments.password_file.read_text("utf-8").strip()) if arguments.user else None


def _show(
    findings: Sequence[Finding], alerts: Mapping[str, Sequence[str]], asked: Asked, complaints: Sequence[str]
) -> None:
    console = Console(highlight=False)
    console.width = max(console.width, NARROWEST) if not sys.stdout.isatty() else console.width
    table = Table("series", "state", "what", "blind alerts", box=None, pad_edge=False)
    table.columns[0].min_width = max(len(each.name) for each in findings)
    for each in findings:
        blind = (
            "" if each.state is State.THERE else "\n".join(alerts[each.name]) or "none: dashboards read it"
        )
        table.add_row(each.name, f"[{COLOURS[each.state]}]{each.state}[/]", each.words, blind)
    console.print(table)
    for line in [*(complaints or [f"/health/ready: {asked.ready.words}"]), _summary(findings, alerts)]:
        console.print(line, markup=False)


def _summary(findings: Sequence[Finding], alerts: Mapping[str, Sequence[str]]) -> str:
    counts = {state: sum(each.state is state for each in findings) for state in State}
    said = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    return f"{len(findings)} series: {said}; {len(blind_alerts(findings, alerts))} alerts are blind"
