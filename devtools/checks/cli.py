"""`harness test`: the checks of the repository from the command line."""

import argparse
from collections.abc import Callable
from typing import Any

from devtools.checks import runner, steps
from devtools.system import say
from devtools.tools import CHECKERS, tool

LANES = 4
"""Tests of roles and of real programs wait so much that three lanes leave two cores idle now and then."""


def add_commands(subparsers: Any, bring_up_lab: Callable[[], None]) -> None:
    """`harness test` is known to the command line."""
    parser = subparsers.add_parser("test", help="lint, types and tests; all of them, or a part")
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--fast", action="store_true", help="only what a minute is enough for")
    part.add_argument("--offline", action="store_true", help="only what needs no lab host and no engine")
    part.add_argument("--lint", action="store_true", help="only style, structure and types")
    part.add_argument(
        "--full", action="store_true", help="all of them, every incident, all mutants, a hundred nights"
    )
    parser.set_defaults(run=_run, bring_up_lab=bring_up_lab)


def _run(arguments: argparse.Namespace) -> int:
    if arguments.lint:
        return runner.sum_up(runner.run_together(steps.lint()))
    if arguments.fast:
        return runner.sum_up(runner.run_together(_with_checkers(steps.quick())))
    if not arguments.offline:
        say("bringing the lab up")
        # First: it may start this process anew, and a lab that cannot come up is better known at once.
        arguments.bring_up_lab()
    together = [*steps.without_lab(every=arguments.full), *_mutants(arguments)]
    if not arguments.offline:
        together += steps.on_scratch_hosts(every=arguments.full)
    outcomes = runner.run_together(_with_checkers(steps.longest_first(together)), workers=LANES)
    if arguments.full:
        outcomes += runner.run_live([steps.mutants(every=True), steps.newer_prometheus(), steps.nights()])
    if not arguments.offline:
        outcomes += runner.run_together(steps.hard(every=arguments.full))
        outcomes += runner.run_live(steps.on_lab(every=arguments.full))
    return runner.sum_up(outcomes)


def _with_checkers(wanted: list[steps.Step]) -> list[steps.Step]:
    """The same steps; the programs that several of them use are fetched before they start."""
    for name in CHECKERS:
        tool(name)
    return wanted


def _mutants(arguments: argparse.Namespace) -> list[steps.Step]:
    """Only what changed: all of them take both cores for minutes, and come by themselves."""
    return [] if arguments.offline or arguments.full else [steps.mutants(every=False)]
