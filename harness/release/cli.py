"""`harness release build`."""

import argparse
from typing import Any

from devtools.system import say
from harness.application.faults import FAULTS
from harness.release.build import PYTHONS, build


def add_commands(subparsers: Any) -> None:
    """`harness release` is known to the command line."""
    release = subparsers.add_parser("release", help="build releases of the application, good or bad")
    actions = release.add_subparsers(metavar="ACTION", required=True)
    parser = actions.add_parser(
        "build", help="make .lab/releases/mita-backend-VERSION.tar.gz and its .sha256", epilog=known_faults()
    )
    parser.add_argument("version", metavar="VERSION")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME[=VALUE]", help="may be repeated"
    )
    parser.add_argument("--os", choices=list(PYTHONS), help="the hosts' Debian; default $LAB_OS, or trixie")
    parser.set_defaults(run=build_one)


def known_faults() -> str:
    """One sentence about what a release can be made to do wrong."""
    return "Faults: " + "; ".join(fault.usage for fault in FAULTS.values()) + "."


def build_one(arguments: argparse.Namespace) -> int:
    """The archive is built; its path is printed."""
    say(str(build(arguments.version, arguments.fault, arguments.os)))
    return 0
