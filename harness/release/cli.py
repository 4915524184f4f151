"""`harness release build` and `harness release pack`."""

import argparse
from pathlib import Path
from typing import Any

from application.faults import FAULTS
from devtools.system import say
from harness.release.build import PYTHONS, build
from harness.release.pack import MOST_MIB, Wish, pack


def add_commands(subparsers: Any) -> None:
    """`harness release` is known to the command line."""
    release = subparsers.add_parser("release", help="pack your own application, or build ours, good or bad")
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
    _add_pack(actions)


def _add_pack(actions: Any) -> None:
    parser = actions.add_parser(
        "pack",
        help="make an archive of your own code, in any language, and say how to deploy it",
        epilog="docs/application.md says what a release is, what it is given and what it must answer.",
    )
    parser.add_argument("directory", metavar="DIRECTORY", type=Path, help="all that a host needs to run it")
    parser.add_argument("--version", required=True, metavar="VERSION", help="such as 2.0.0; never used twice")
    parser.add_argument(
        "--start",
        required=True,
        metavar="COMMAND",
        help="run without a shell in the release's directory: a file of it, or /path/of/a/program; "
        "$NAME stands for a variable",
    )
    parser.add_argument(
        "--rollback-safe",
        required=True,
        choices=["yes", "no"],
        help="whether this release may be left for an earlier one: its changes to data allow it",
    )
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="may be repeated")
    parser.add_argument(
        "--socket", action="store_true", help="it serves on descriptor 3, and a restart loses no request"
    )
    parser.add_argument(
        "--exclude",
        action="append",
        default=[],
        metavar="PATTERN",
        help="files to leave out; may be repeated",
    )
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIRECTORY", help="default: here")
    parser.add_argument("--most-mib", type=int, default=MOST_MIB, metavar="N", help="default: %(default)s")
    parser.set_defaults(run=pack_one)


def known_faults() -> str:
    """One sentence about what a release can be made to do wrong."""
    return "Faults: " + "; ".join(fault.usage for fault in FAULTS.values()) + "."


def build_one(arguments: argparse.Namespace) -> int:
    """The archive is built; its path is printed."""
    say(str(build(arguments.version, arguments.fault, arguments.os)))
    return 0


def pack_one(arguments: argparse.Namespace) -> int:
    """The archive is written; what it holds and how to deploy it is printed."""
    packed = pack(
        Wish(
            directory=arguments.directory,
            version=arguments.version,
            start=arguments.start,
            rollback_safe=arguments.rollback_safe == "yes",
            environment=arguments.env,
            socket=arguments.socket,
            exclude=arguments.exclude,
            out=arguments.out,
            most_mib=arguments.most_mib,
        )
    )
    say(packed.summary)
    return 0
