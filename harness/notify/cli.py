"""`harness notify`: how messages look, why an alert reaches whom, and whether a receiver is told."""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from devtools.errors import UserError
from devtools.paths import REPO
from devtools.system import say
from harness.notify import called, preview, sent, table, testing, why
from harness.notify.scenes import scenes
from monitoring.catalog import Alert, load
from monitoring.rule_files import rule_files
from monitoring.yaml_text import read_as_written

TALL = 900
CONFIG = REPO / "monitoring" / "alertmanager.yml"
RULES = REPO / "monitoring" / "rules"


def add_commands(subparsers: Any) -> None:
    """`harness notify` is known to the command line."""
    parser = subparsers.add_parser("notify", help="how messages look, who is told and why, and a drill")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _preview_command(commands)
    _why_command(commands)
    _table_command(commands)
    testing.add_command(commands)
    called.add_command(commands)


def _preview_command(commands: Any) -> None:
    parser = commands.add_parser(
        "preview",
        help="send example alerts through a real Alertmanager and write what people would read",
        description="Nothing leaves this machine: the messages go to recording stand-ins.",
    )
    parser.add_argument("--out", type=Path, default=Path("notify-preview"), help="a directory for the files")
    parser.add_argument(
        "--alertmanager", type=Path, help="another program than the one of `harness tools`, to compare"
    )
    parser.add_argument("--pictures", action="store_true", help="also draw them, with Chromium")
    parser.set_defaults(run=_preview)


def _preview(arguments: argparse.Namespace) -> int:
    if arguments.alertmanager and not arguments.alertmanager.is_file():
        raise UserError(f"--alertmanager: expected a program, found {str(arguments.alertmanager)!r}")
    arguments.out.mkdir(parents=True, exist_ok=True)
    told = sent.messages(scenes(), arguments.alertmanager)
    refused = [
        f"{scene.name}: {one['receiver']} refused it: {'; '.join(one['problems'])}"
        for scene in scenes()
        for one in told[scene.name]
        if not one["valid"]
    ]
    for scene in scenes():
        for path in preview.write(scene, told[scene.name], arguments.out):
            if arguments.pictures and path.suffix == ".html":
                for device in preview.WIDTHS:
                    preview.draw(path, device, height=TALL)
    say(f"{preview.index(scenes(), arguments.out)} links all of them")
    say("\n".join(refused) or "the stand-ins took every message")
    return 1 if refused else 0


def _why_command(commands: Any) -> None:
    parser = commands.add_parser("why", help="who is told about an alert, and what keeps them from it")
    parser.add_argument("alert", help="its name, such as HostDown")
    parser.add_argument("--at", help="a moment, such as 2026-11-28T03:00 in Sofia; now without it")
    parser.add_argument("--label", action="append", default=[], help="such as env=production; repeatable")
    _files(parser)
    parser.set_defaults(run=_why)


def _table_command(commands: Any) -> None:
    parser = commands.add_parser("table", help="who is told of every alert, by day and at night")
    _files(parser)
    parser.set_defaults(run=_table)


def _files(parser: argparse.ArgumentParser) -> None:
    """The command reads anybody's files."""
    parser.add_argument("--config", type=Path, default=CONFIG, help="any alertmanager.yml, a host's too")
    parser.add_argument(
        "--rules", type=Path, nargs="+", help="other rule files, or a directory of *.rules.yml"
    )


def _rules(paths: Sequence[Path] | None) -> Sequence[Alert]:
    if not paths:
        return load(RULES)
    files = [file for path in paths for file in (rule_files(path) if path.is_dir() else [path])]
    if missing := [str(file) for file in files if not file.is_file()]:
        raise UserError(f"--rules: expected rule files, found no {', '.join(missing)}")
    return load(files)


def _table(arguments: argparse.Namespace) -> int:
    say(table.page(list(table.rows(_configuration(arguments.config), _rules(arguments.rules)))).rstrip())
    return 0


def _why(arguments: argparse.Namespace) -> int:
    alerts = _rules(arguments.rules)
    alert = _named(arguments.alert, alerts)
    labels = why.labels_of(alert, _labels(arguments.label))
    at = _moment(arguments.at)
    config = _configuration(arguments.config)
    said = [labels[name] for name in ("severity", "component") if name in labels]
    say(f"{alert.name} ({', component '.join(said) or 'no severity'}) at {at:%a %d %b %Y %H:%M %Z}")
    for reach in why.reached(config, labels, at):
        state = f"MUTED now by {reach.muted_by}" if reach.muted_by else "told"
        later = f"; muted at other times by {reach.other_times}" if reach.other_times else ""
        say(f"  {reach.receiver}: {state}{later}; {reach.grouped}")
        for place in reach.places or ("nobody",):
            say(f"    {place}")
    found = why.silenced(config, labels, alerts)
    say("no other alert silences it" if not found else "silenced while one of these fires:")
    for name, equal in sorted(found.items()):
        say(f"  {name}{f', with the same {equal}' if equal else ''}")
    say("silences that people made are not known here: `amtool silence query` lists them")
    return 0


def _named(name: str, alerts: Sequence[Alert]) -> Alert:
    by_name = {alert.name: alert for alert in alerts}
    if name in by_name:
        return by_name[name]
    close = get_close_matches(name, by_name, 1)
    raise UserError(
        f"expected an alert of the rules, found {name!r}{f'; is {close[0]} meant?' if close else ''}"
    )


def _labels(said: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in said]
    if wrong := [name for name, sign, _ in pairs if not (name and sign)]:
        raise UserError(f"--label: expected NAME=VALUE, found {wrong[0]!r}")
    return {name: value for name, _, value in pairs}


def _moment(text: str | None) -> datetime:
    zone = ZoneInfo(sent.ZONE)
    try:
        read = datetime.fromisoformat(text) if text else datetime.now(UTC)
    except ValueError:
        raise UserError(f"--at: expected a moment such as 2026-11-28T03:00, found {text!r}") from None
    return read.astimezone(zone) if read.tzinfo else read.replace(tzinfo=zone)


def _configuration(path: Path) -> dict[str, Any]:
    try:
        read = read_as_written(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"--config: expected Alertmanager's configuration, found: {error}") from None
    if not isinstance(read, dict) or not {"route", "receivers"} <= read.keys():
        raise UserError(f"--config: expected a route and receivers in {path}, found neither or one")
    return read
