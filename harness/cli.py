"""`harness`: one command line; each area of the test bench registers its own sub-commands."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.errors import HarnessError


def areas() -> list[str]:
    """The modules that add commands: every `cli.py` in a package of the test bench, found, not listed."""
    here = Path(__file__).parent
    return [f"harness.{path.parent.name}.cli" for path in sorted(here.glob("*/cli.py"))]


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: what the command returned, 1 for an explained failure, 130 when interrupted."""
    try:
        arguments = _parser().parse_args(argv)
        return int(arguments.run(arguments) or 0)
    except HarnessError as error:
        print(f"harness: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print("\nharness: interrupted; run the same again to go on", file=sys.stderr)  # noqa: T201
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="harness", description="The test bench of MITA Monitoring.")
    subparsers = parser.add_subparsers(metavar="AREA", required=True)
    for area in areas():
        importlib.import_module(area).add_commands(subparsers)
    return parser


if __name__ == "__main__":
    sys.exit(main())
