"""`harness load`: a named profile against the lab, with an exit code that a script can trust."""

import argparse
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devtools.paths import RUNS_DIR
from devtools.wait import until
from harness.lab.addresses import applications
from harness.load.options import add_load_options
from harness.load.profiles import DEFAULT_DURATION_S, PROFILES
from harness.load.run import Running, Wanted, running
from harness.load.summary import lines, totals
from harness.load.targets import ForbiddenTargetError

VALID, REFUSED, VOID = 0, 2, 3


def add_commands(subparsers: Any) -> None:
    """Register `load`."""
    parser = subparsers.add_parser("load", help="send requests at a fixed rate", description=__doc__)
    parser.add_argument("--profile", choices=PROFILES, default="steady")
    parser.add_argument("--rate", type=int, default=30, metavar="N", help="requests per second at the peak")
    parser.add_argument(
        "--duration", type=float, default=None, metavar="S", help="seconds; soak: 3600, others: 60"
    )
    parser.add_argument(
        "--target", action="append", metavar="URL", help="repeatable; default: both lab hosts"
    )
    parser.add_argument(
        "--out", type=Path, default=None, metavar="DIR", help="default: .lab/runs/load-<time>"
    )
    add_load_options(parser)
    parser.set_defaults(run=run)


def wanted_from(options: argparse.Namespace) -> Wanted:
    """Return the run that the command line asks for."""
    return Wanted(
        targets=options.target or [application.base for application in applications().values()],
        out=(options.out or RUNS_DIR / f"load-{datetime.now(UTC):%Y%m%d-%H%M%S}").resolve(),
        profile=options.profile,
        rate=options.rate,
        duration=options.duration or DEFAULT_DURATION_S[options.profile],
        error_ratio=options.error_ratio,
        added_latency=options.added_latency,
        slow_over=options.slow_over,
        seed=options.seed,
        extra=("--max-in-flight", str(options.max_in_flight)),
    )


def run(options: argparse.Namespace) -> int:
    """Run the load and return 0 if it may be believed, 3 if it is void, 2 if its target is refused."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended in order, as by Ctrl-C
    wanted = wanted_from(options)
    try:
        with running(wanted) as load:
            _say(
                f"{wanted.profile}: up to {wanted.rate} requests/s for {wanted.duration:g} s -> {wanted.out}"
            )
            _watch(load)
            verdict = load.end()
    except ForbiddenTargetError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return REFUSED
    return _report(load, verdict)


def _watch(load: Running) -> None:
    """Print every new second until the run ends."""
    shown = 0

    def ended() -> bool:
        nonlocal shown
        finished = not load.alive()
        rows = load.seconds()
        for row in rows[shown:]:
            p95 = "-" if row["p95"] is None else f"{row['p95'] * 1000:.0f} ms"
            bad = row["failed"] + row["slow"]
            _say(f"  {_clock(row)}  sent {row['sent']:4}  bad {bad:4}  p95 {p95}")
        shown = len(rows)
        return finished

    until("the load to end", ended, deadline_s=load.wanted.duration + 120, interval_s=1.0)


def _report(load: Running, verdict: dict[str, Any]) -> int:
    seconds = load.seconds()
    text = lines(seconds, verdict)
    complete = bool(verdict["valid"] and verdict["complete"])
    (load.wanted.out / "summary.txt").write_text("\n".join(text) + "\n")
    (load.wanted.out / "summary.json").write_text(json.dumps({**totals(seconds), **verdict}, indent=2) + "\n")
    _say(
        "\n".join(
            [*text, f"results: {load.wanted.out} (summary.txt, seconds.jsonl, locust_*.csv, report.html)"]
        )
    )
    return VALID if complete else VOID


def _clock(row: dict[str, Any]) -> str:
    return datetime.fromtimestamp(row["t"], UTC).strftime("%H:%M:%S")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201
