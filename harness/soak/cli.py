"""`harness soak`: nothing is wrong for a while, so nothing may fire and nobody may be told."""

import argparse
import time
from datetime import UTC, datetime
from typing import Any

from devtools.paths import RUNS_DIR
from devtools.system import say

VOID = 3
MINUTES = 30.0
HELP = """\
Ordinary traffic flows on the installed lab, and nobody touches it. Whatever begins to fire in that time,
apart from the heartbeat, is named, and whoever is told. At the lab's pace half an hour is more than seven
hours of production. What fired when it began is named too, and not counted.

exit status:
  0  nothing but the heartbeat fired, and nobody was told of anything
  1  otherwise
  3  VOID: Prometheus missed evaluations, so nobody can say what would have fired
"""


def add_commands(subparsers: Any) -> None:
    """`harness soak` is known to the command line."""
    parser = subparsers.add_parser(
        "soak",
        help="a healthy lab is left alone for a while: nothing may fire, nobody may be told",
        description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--minutes", type=float, default=MINUTES, metavar="N", help=f"so long; default {MINUTES:g}"
    )
    parser.add_argument("--installed", action="store_true", help="the lab is up and installed: begin at once")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """0 if it was quiet."""
    from harness.lab import addresses
    from harness.proof import preparing, watching
    from harness.soak import quiet

    out = RUNS_DIR / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-soak"
    with preparing.ready(out, installed=options.installed, night=False):
        active = addresses.prometheus().alerts()
        known = {one["labels"]["alertname"] for one in active if one["state"] == "firing"} - {quiet.HEARTBEAT}
        addresses.receivers().reset()
        before = ", ".join(sorted(known)) or "nothing"
        say(f"left alone for {options.minutes:g} minutes; fired when it began: {before}")
        began = time.time()
        heard = quiet.left_alone(began, options.minutes * 60, known)
        asleep = watching.asleep(addresses.prometheus(), began)
    say(f"began to fire: {', '.join(sorted(heard.fired)) or 'nothing'}")
    say(f"told: {', '.join(heard.told) or 'nobody'}")
    if asleep or not heard.awake:
        say(f"VOID: {asleep or 'the heartbeat was not seen'}: nobody can say what would have fired")
        return VOID
    return int(not heard.nothing)
