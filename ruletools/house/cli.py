"""`harness rules`: coverage, mutate, lint, exposed, test, newer, backtest and show from the command line."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from monitoring.catalog import load
from ruletools import backtest_cli, coverage_report, programs
from ruletools.errors import RulesError
from ruletools.house import coverage, newer, overridden, overridden_report
from ruletools.house.changed import base, changed_since
from ruletools.house.files import CATALOGUE, EQUIVALENTS, REPO, RULES
from ruletools.house.hooks import Hooks
from ruletools.house.lint import exposed
from ruletools.house.lint.run import lint
from ruletools.house.loading import load_files, load_suites
from ruletools.house.site import shown
from ruletools.house.site.effective import effective
from ruletools.house.site.read import Site, check_extra, read_site
from ruletools.lint import findings
from ruletools.mutation import report as mutation_report
from ruletools.mutation.run import Result, check_names, load_equivalents, mutate
from ruletools.ruleset import RuleFile, name_of
from ruletools.say import say

INTERRUPTED = 130
FORMATS = coverage_report.FORMATS


def add_commands(subparsers: Any, hooks: Hooks) -> None:
    """`harness rules ...` is known to the command line."""
    area = subparsers.add_parser("rules", help="the alert rules: coverage, mutate, lint, exposed, test, show")
    area.set_defaults(hooks=hooks)
    programs.find_with(hooks.program)
    commands = area.add_subparsers(metavar="COMMAND", required=True)
    covered = _add(
        commands, "coverage", "which case of which alert has a unit test; fails under 100 %", _coverage
    )
    covered.add_argument("--format", choices=FORMATS, default="text")
    mutated = _add(commands, "mutate", "which faults in rules their unit tests would not notice", _mutate)
    mutated.add_argument(
        "names", nargs="*", metavar="ALERT", help="alerts or recorded series; all without a name"
    )
    which = mutated.add_mutually_exclusive_group()
    which.add_argument(
        "--since", metavar="REV", help="only rules that differ from this revision, or whose tests do"
    )
    which.add_argument(
        "--changed", action="store_true", help="the same since this branch began, or the last commit; for CI"
    )
    mutated.add_argument("--format", choices=mutation_report.FORMATS, default="text")
    mutated.add_argument("--junit", type=Path, metavar="FILE", help="also write a JUnit report there")
    linted = _add(commands, "lint", "what is wrong with the rules beyond their syntax", _lint)
    linted.add_argument(
        "--prometheus", metavar="URL", help="also: how a running lab differs from the committed catalogue"
    )
    linted.add_argument("--format", choices=findings.FORMATS, default="text")
    listed = _add(commands, "exposed", "write the catalogue of what a running lab's targets expose", _exposed)
    listed.add_argument("--prometheus", metavar="URL", default="http://127.0.0.1:9090")
    tested = _add(
        commands, "test", "the unit tests of the alerts that a site overrides, with its numbers", _test
    )
    _add_site(tested, required=True)
    _add(commands, "newer", "whether the unit tests hold with promtool 3, whose ranges are open", _newer)
    past = _add(commands, "backtest", backtest_cli.HELP, _backtest)
    backtest_cli.add_options(past)
    _add_site(past, required=False)
    show = _add(commands, "show", "an alert as it is in force at a site", _show)
    show.add_argument("alert")
    _add_site(show, required=False)
    show.add_argument("--json", action="store_true", help="for a program")


def _add_site(command: argparse.ArgumentParser, *, required: bool) -> None:
    text = "the site" if required else "the site; without it, the repository's values"
    command.add_argument("-i", "--inventory", required=required, help=text)
    command.add_argument("-e", dest="extra", action="append", default=[], metavar="NAME=VALUE|@FILE")
    command.add_argument("--vault-password-file", dest="vaults", action="append", default=[], metavar="FILE")


def _add(commands: Any, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text.replace("%", "%%"), description=text
    )
    parser.set_defaults(run=run)
    return parser


def _coverage(arguments: argparse.Namespace) -> int:
    table = coverage.cover(load(RULES), load_suites(), coverage.load_exemptions())
    say(FORMATS[arguments.format](table))
    return int(any(row.missing for row in table))


def _mutate(arguments: argparse.Namespace) -> int:
    files, console = load_files(), Console(file=sys.stderr)
    names = set(arguments.names)
    check_names(names, files)
    since = base() if arguments.changed else arguments.since
    if arguments.changed and not since:
        console.print("the history here does not say what changed: all rules are mutated")
    if since:
        names = changed_since(since) & (names or {name_of(rule) for file in files for rule in file.rules})
    result = Result() if since and not names else _run_mutants(names, files, console)
    if arguments.junit:
        arguments.junit.parent.mkdir(parents=True, exist_ok=True)
        arguments.junit.write_text(mutation_report.as_junit(result, files), encoding="utf-8")
    if since and not names and arguments.format == "text":
        say(f"no rule differs from {since[:12]}")
    else:
        say(mutation_report.FORMATS[arguments.format](result, files))
    return INTERRUPTED if result.pending else int(not result.ok)


def _run_mutants(names: set[str], files: Sequence[RuleFile], console: Console) -> Result:
    equivalents = load_equivalents(EQUIVALENTS)
    with mutation_report.progress(console) as progress:
        result = mutate(files, load_suites(), only=names, equivalents=equivalents, progress=progress)
    return replace(result, list_name=str(EQUIVALENTS.relative_to(REPO)))


def _lint(arguments: argparse.Namespace) -> int:
    found = lint(prometheus=arguments.prometheus)
    say(findings.FORMATS[arguments.format](found))
    return int(any(finding.level is findings.Level.ERROR for finding in found))


def _exposed(arguments: argparse.Namespace) -> None:
    text = exposed.as_yaml(exposed.ask(arguments.prometheus))
    CATALOGUE.write_text(text, encoding="utf-8")
    say(f"{CATALOGUE.relative_to(REPO)}: {text.count(chr(10))} lines; `git diff` shows what changed")


def _test(arguments: argparse.Namespace) -> int:
    overrides = _site(arguments).checked_overrides
    outcomes = overridden.run(load_files(), load_suites(), overrides)
    say(overridden_report.overridden_text(outcomes, overrides))
    return int(any(outcome.verdict is overridden.Verdict.FAILS for outcome in outcomes))


def _newer(_: argparse.Namespace) -> int:
    found = newer.compare(load_suites())
    say(newer.as_text(found))
    return int(bool(found.differing))


def _backtest(arguments: argparse.Namespace) -> None:
    backtest_cli.check(arguments)
    site = _site(arguments)
    backtest_cli.run(arguments, site.groups, site.alertmanager)


def _show(arguments: argparse.Namespace) -> None:
    found = effective(arguments.alert, _site(arguments), arguments.hooks.causes())
    say(shown.as_json(found) if arguments.json else shown.as_text(found))


def _site(arguments: argparse.Namespace) -> Site:
    for text in arguments.extra:
        check_extra(text)
    if not arguments.inventory:
        if arguments.extra:
            raise RulesError("expected an inventory (-i) beside -e: without one nothing reads it")
        return Site()
    options = [f"-e{_absolute(text, '@')}" for text in arguments.extra]
    options += [f"--vault-password-file={Path(file).resolve()}" for file in arguments.vaults]
    return read_site(arguments.inventory, arguments.hooks, options)


def _absolute(text: str, mark: str) -> str:
    """A file named after the mark by its whole path: Ansible runs in the repository's root."""
    return f"{mark}{Path(text[1:]).resolve()}" if text.startswith(mark) else text
