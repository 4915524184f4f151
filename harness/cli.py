"""`harness`: one command line; each area of the test bench registers its own sub-commands, others theirs."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from devtools import tools
from devtools.checks import cli as checks
from devtools.errors import UserError
from monitoring.errors import CatalogError


def areas(command: str | None = None) -> list[str]:
    """The modules that add commands: every `cli.py` of the test bench, found, and that of the room beside it.

    Where the command is named like its package that one is enough, and what the others import may be missing.
    """
    names = [path.parent.name for path in Path(__file__).parent.glob("*/cli.py")]
    found = {name: f"harness.{name}.cli" for name in names} | {"contract": "compliance.cli"}
    return [found[command]] if command in found else [found[name] for name in sorted(found)]


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: what the command returned, 1 for an explained failure, 130 when interrupted."""
    try:
        words = list(sys.argv[1:] if argv is None else argv)
        arguments = _parser(words[0] if words else None).parse_args(words)
        return int(arguments.run(arguments) or 0)
    except (UserError, CatalogError) as error:
        print(f"harness: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print("\nharness: interrupted", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(130)  # without waiting for threads that wait for a host to boot


def _parser(command: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="harness", description="The test bench of MITA Monitoring.")
    subparsers = parser.add_subparsers(metavar="AREA", required=True)
    for area in areas(command):
        importlib.import_module(area).add_commands(subparsers)
    tools.add_commands(subparsers)
    checks.add_commands(subparsers, _bring_up_lab)
    return parser


def _bring_up_lab() -> None:
    from harness.lab import lab

    lab.up()


if __name__ == "__main__":
    sys.exit(main())
