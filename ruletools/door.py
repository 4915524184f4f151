"""What each command of `ruletools` does with the files that it is given; each returns its exit status."""

import argparse
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from ruletools import backtest_cli, coverage_report, shown
from ruletools.coverage import CASES, cover, read_exemptions
from ruletools.errors import RulesError
from ruletools.given import Given, gather
from ruletools.lint import findings
from ruletools.lint import run as linting
from ruletools.lint.content import Content
from ruletools.mutation import report as mutation_report
from ruletools.mutation.run import Result, check_names, load_equivalents
from ruletools.mutation.run import mutate as run_mutants
from ruletools.routes import read_routes
from ruletools.ruleset import alerts_of
from ruletools.say import say
from ruletools.suites import Group

FOUND, UNREADABLE, INTERRUPTED = 1, 2, 130
UNLISTED = "a file given with --equivalents"


def coverage(arguments: argparse.Namespace) -> int:
    """The table of cases."""
    cases = arguments.cases.split(",")
    if not set(cases) <= set(CASES):
        raise RulesError(f"--cases: expected some of {', '.join(CASES)}, found {arguments.cases!r}")
    given = _gather(arguments)
    exemptions = read_exemptions(arguments.exempt, cases) if arguments.exempt else {}
    table = cover(alerts_of(given.files), given.suites, exemptions, cases)
    say(coverage_report.FORMATS[arguments.format](table))
    if arguments.format == "text":
        say(coverage_report.summary(table))
    return _status(given, found=any(row.missing for row in table))


def mutate(arguments: argparse.Namespace) -> int:
    """The mutants that live."""
    equivalents = load_equivalents(arguments.equivalents) if arguments.equivalents else ()
    if arguments.junit:
        _writable(arguments.junit)
    given, console = _gather(arguments), Console(file=sys.stderr)
    check_names(set(arguments.names), given.files)
    failing: dict[str, None] = {}

    def fails(group: Group, label: str) -> None:
        failing[f"{group.suite}: {group.name} (asked about {label})"] = None

    with mutation_report.progress(console) as progress:
        result = run_mutants(
            given.files,
            given.suites,
            only=set(arguments.names),
            equivalents=equivalents,
            progress=progress,
            failing=fails,
        )
    listed = str(arguments.equivalents or UNLISTED)
    result = replace(result, failing=tuple(failing), target=arguments.target, list_name=listed)
    _say_mutants(result, given, arguments)
    return INTERRUPTED if result.pending else _status(given, found=not result.ok)


def _say_mutants(result: Result, given: Given, arguments: argparse.Namespace) -> None:
    if arguments.junit:
        arguments.junit.write_text(mutation_report.as_junit(result, given.files), encoding="utf-8")
    say(mutation_report.FORMATS[arguments.format](result, given.files))


def _writable(path: Path) -> None:
    """The report can be written: that is known before the minutes that it takes to make."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a").close()
    except OSError as error:
        raise RulesError(f"--junit: expected a file that can be written, found {path}: {error}") from None


def lint(arguments: argparse.Namespace) -> int:
    """Every finding; only an error makes it fail."""
    given = _gather(arguments)
    content = Content(
        files=given.files,
        suites=given.suites,
        routing=arguments.alertmanager,
        exceptions=arguments.exceptions,
    )
    found = linting.lint(content)
    say(findings.FORMATS[arguments.format](found))
    return _status(given, found=any(each.level is findings.Level.ERROR for each in found))


def show(arguments: argparse.Namespace) -> int:
    """All that is known of one rule."""
    config = read_routes(arguments.alertmanager) if arguments.alertmanager else {}
    given = _gather(arguments)
    found = shown.show(arguments.name, given.files, given.suites, config)
    say(shown.as_json(found) if arguments.json else shown.as_text(found))
    return _status(given, found=False)


def backtest(arguments: argparse.Namespace) -> int:
    """What the alerts would have done."""
    backtest_cli.check(arguments)
    config = read_routes(arguments.alertmanager) if arguments.alertmanager else {}
    given = _gather(arguments)
    backtest_cli.run(arguments, [group for file in given.files for group in file.groups], config)
    return _status(given, found=False)


def _gather(arguments: argparse.Namespace) -> Given:
    """What was given; its problems are told at once, so that they stand before a long run."""
    given = gather(arguments.rules, arguments.tests)
    _tell(given.problems)
    _tell(
        f"note: {label}: its expression is no PromQL, or newer than the parser here: it is judged as a text"
        for label in given.opaque
    )
    return given


def _tell(sentences: Iterable[object]) -> None:
    for sentence in sentences:
        sys.stderr.write(f"ruletools: {sentence}\n")


def _status(given: Given, *, found: bool) -> int:
    if given.problems:
        return UNREADABLE
    return FOUND if found else 0
