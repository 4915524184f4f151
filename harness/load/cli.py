"""`harness load`: a profile or a plan against the lab, with an exit code that a script can trust."""

import argparse
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devtools.errors import UserError
from devtools.paths import RUNS_DIR
from devtools.wait import until
from harness.lab.addresses import applications
from harness.load.book import cleared
from harness.load.codes import EXPLAINED, Code
from harness.load.options import LOAD, Option, above_zero, add_options, checked, number
from harness.load.plan import DEFAULT_DURATION_S, PROFILES, read_plan
from harness.load.run import WORKERS_COME_S, Running, Wanted, running
from harness.load.settings import journeys_of
from harness.load.summary import lines, totals

END_S = 120.0


def add_commands(subparsers: Any) -> None:
    """Register `load`."""
    parser = subparsers.add_parser(
        "load",
        help="send requests at a fixed rate",
        description=__doc__,
        epilog=EXPLAINED,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--profile", choices=PROFILES, default="steady")
    parser.add_argument(
        "--rate", type=checked(above_zero), default="30", metavar="N", help="requests per second at the peak"
    )
    parser.add_argument(
        "--duration", type=checked(above_zero), metavar="S", help="seconds; soak: 3600, others: 60"
    )
    parser.add_argument(
        "--target", action="append", metavar="URL", help="repeatable; default: both lab hosts"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=None,
        metavar="DIR",
        help="made if missing; default: .lab/runs/load-<time>",
    )
    parser.add_argument(
        "--workers",
        type=checked(number(0, whole=True)),
        default="0",
        metavar="N",
        help="processes that send, beside one that judges",
    )
    parser.add_argument(
        "--tags", nargs="+", default=[], metavar="TAG", help="only journeys with one of these"
    )
    parser.add_argument(
        "--exclude-tags", nargs="+", default=[], metavar="TAG", help="no journey with one of these"
    )
    add_options(parser, LOAD)
    parser.set_defaults(run=run)


def wanted_from(options: argparse.Namespace) -> Wanted:
    """Return the run that the command line asks for; UserError says which file is not what it should be."""
    journeys_of(options.journeys)
    passed = [(option, getattr(options, option.dest)) for option in LOAD if option.dest != "plan"]
    given = [(option, text) for option, text in passed if text != option.default]
    extra = [word for option, text in given for word in (option.flag, _from_here(option, text))]
    for flag, tags in (("--tags", options.tags), ("--exclude-tags", options.exclude_tags)):
        extra += [flag, *tags] if tags else []
    return Wanted(
        targets=options.target or [application.base for application in applications().values()],
        out=(options.out or RUNS_DIR / f"load-{datetime.now(UTC):%Y%m%d-%H%M%S}").resolve(),
        profile=options.profile,
        rate=float(options.rate),
        duration=float(options.duration or DEFAULT_DURATION_S[options.profile]),
        plan=read_plan(Path(options.plan)) if options.plan else None,
        workers=int(options.workers),
        extra=extra,
    )


def _from_here(option: Option, text: str) -> str:
    """Return a file's whole path: locust runs in another directory."""
    return str(Path(text).resolve()) if option.read is Path else text


def run(options: argparse.Namespace) -> int:
    """Run the load and return the code that its --help explains."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended in order, as by Ctrl-C
    try:
        wanted = wanted_from(options)
        wanted.command()
        cleared(wanted.out)
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return Code.REFUSED
    with running(wanted) as load:
        plan = wanted.planned
        _say(f"up to {plan.peak:g} requests/s for {plan.duration:g} s -> {wanted.out}")
        _watch(load)
        verdict = load.end()
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
            bad = row["failed"] + row["slow"] + row["lost"]
            _say(f"  {_clock(row)}  sent {row['sent']:4}  bad {bad:4}  p95 {p95}")
        shown = len(rows)
        return finished

    deadline = load.wanted.planned.duration + END_S + WORKERS_COME_S
    until("the load to end", ended, deadline_s=deadline, interval_s=0.5)


def _report(load: Running, verdict: dict[str, Any]) -> int:
    seconds = load.seconds()
    text = lines(seconds, verdict)
    (load.wanted.out / "summary.txt").write_text("\n".join(text) + "\n")
    (load.wanted.out / "summary.json").write_text(json.dumps({**totals(seconds), **verdict}, indent=2) + "\n")
    _say(
        "\n".join(
            [*text, f"results: {load.wanted.out} (summary.txt, seconds.jsonl, locust_*.csv, report.html)"]
        )
    )
    if verdict.get("refused"):
        return Code.REFUSED
    if not (verdict["valid"] and verdict["complete"]):
        return Code.VOID
    return Code.BROKEN if verdict["broken"] else Code.VALID


def _clock(row: dict[str, Any]) -> str:
    return datetime.fromtimestamp(row["t"], UTC).strftime("%H:%M:%S")


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201
