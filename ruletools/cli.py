"""`ruletools`: coverage, mutation, lint and more for any Prometheus rules and their promtool unit tests."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from monitoring.errors import CatalogError
from ruletools import backtest_cli, coverage_report, door, programs
from ruletools.coverage import CASES
from ruletools.lint import findings
from ruletools.mutation import report as mutation_report
from ruletools.mutation.run import TARGET_PERCENT

UNREADABLE, INTERRUPTED = 2, 130
ENDS = (
    "exit status: 0 nothing to mend, 1 something was found, 2 something given could not be read or was "
    "wrong, 130 interrupted"
)


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status, as the help says it."""
    arguments = _parser().parse_args(argv)
    try:
        programs.use({name: path for name in programs.NAMES if (path := getattr(arguments, name, None))})
        return int(arguments.run(arguments))
    except CatalogError as error:
        return _failed(str(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads the rest
        return UNREADABLE
    except OSError as error:
        return _failed(f"expected to read and write where it was told to, found: {error}; mend that")
    except KeyboardInterrupt:
        sys.stderr.write("\nruletools: interrupted\n")
        return INTERRUPTED


def _failed(sentence: str) -> int:
    sys.stderr.write(f"ruletools: {sentence}\n")
    return UNREADABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ruletools", description=__doc__, epilog=ENDS)
    areas = parser.add_subparsers(metavar="COMMAND", required=True)
    covered = _add(areas, "coverage", "which cases of which alert the unit tests show", door.coverage)
    _add_files(covered, tests=True)
    covered.add_argument("--exempt", type=Path, metavar="FILE", help="{alert: {case: reason}} to leave out")
    covered.add_argument(
        "--cases", metavar="CASE,...", default=",".join(CASES), help=f"which to ask for ({', '.join(CASES)})"
    )
    covered.add_argument("--format", choices=coverage_report.FORMATS, default="text")
    mutated = _add(areas, "mutate", "which faults in the rules their tests would not notice", door.mutate)
    _add_files(mutated, tests=True)
    mutated.add_argument("names", nargs="*", metavar="NAME", help="alerts or recorded series; all without")
    mutated.add_argument("--equivalents", type=Path, metavar="FILE", help="mutants that no test can notice")
    mutated.add_argument("--target", type=float, default=TARGET_PERCENT, metavar="PERCENT", help="98")
    mutated.add_argument("--format", choices=mutation_report.FORMATS, default="text")
    mutated.add_argument("--junit", type=Path, metavar="FILE", help="also write a JUnit report there")
    _add_promtool(mutated)
    linted = _add(areas, "lint", "what is wrong with the rules beyond their syntax", door.lint)
    _add_files(linted, tests=False)
    _add_alertmanager(linted)
    linted.add_argument("--exceptions", type=Path, metavar="FILE", help="findings to keep, with reasons")
    linted.add_argument("--format", choices=findings.FORMATS, default="text")
    _add_promtool(linted)
    shown = _add(areas, "show", "one rule with what it reads, its tests and its routes", door.show)
    shown.add_argument("name", metavar="NAME", help="an alert or a recorded series")
    _add_files(shown, tests=False)
    _add_alertmanager(shown)
    shown.add_argument("--json", action="store_true", help="for a program")
    past = _add(areas, "backtest", backtest_cli.HELP, door.backtest)
    _add_files(past, tests=None)
    _add_alertmanager(past)
    backtest_cli.add_options(past)
    return parser


def _add(areas: Any, name: str, text: str, run: Callable[..., int]) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = areas.add_parser(name, help=text, description=text, epilog=ENDS)
    parser.set_defaults(run=run)
    return parser


def _add_files(parser: argparse.ArgumentParser, *, tests: bool | None) -> None:
    """Which rules, and which unit tests: required, optional, or not asked for where it is None."""
    parser.add_argument(
        "--rules",
        action="append",
        type=Path,
        required=True,
        metavar="PATH",
        help="a rule file, or a directory of such; may be given again",
    )
    parser.set_defaults(tests=[])
    if tests is not None:
        text = "a file of promtool's unit tests, or a directory of such; may be given again"
        parser.add_argument("--tests", action="append", type=Path, required=tests, metavar="PATH", help=text)
        if not tests:
            parser.set_defaults(tests=[])


def _add_alertmanager(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--alertmanager", type=Path, metavar="FILE", help="its routes and inhibitions")


def _add_promtool(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--promtool", metavar="PROGRAM", help="else $PROMTOOL, else promtool on PATH")


if __name__ == "__main__":
    sys.exit(main())
