"""`harness demo`: the whole product in one line, live on the terminal."""

import argparse
import signal
from typing import Any

from devtools.errors import UserError
from devtools.wait import DeadlineError
from harness.demo.demo import RATE, Demo
from harness.demo.screen import Screen
from harness.faults import FAULTS
from harness.lab import evidence


def add_commands(subparsers: Any) -> None:
    """Register `demo`."""
    parser = subparsers.add_parser("demo", help="a bad release is rolled back by itself", description=__doc__)
    parser.add_argument("--fault", choices=FAULTS, default="error", help="what release 2.0.0 does wrong")
    parser.add_argument("--rate", type=int, default=RATE, metavar="N", help="requests per second")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the demo and return 0 only if its proof holds; a failure leaves its evidence and says where."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended in order, as by Ctrl-C
    screen = Screen()
    demo = Demo(options.fault, screen, rate=options.rate)
    try:
        if demo.run():
            screen.say("the proof holds", "bold green")
            return 0
        reason = "expected every check above to hold, found that some do not"
    except (UserError, DeadlineError) as error:
        reason = str(error)
    screen.save(demo.out / "timeline.txt")
    raise UserError(f"{reason}\nthis run: {demo.out}\nevidence: {_evidence(options.fault)}")


def _evidence(fault: str) -> str:
    """Collect journals, alerts, targets and decisions; return where they are."""
    return str(evidence.collect(f"demo-{fault}"))
