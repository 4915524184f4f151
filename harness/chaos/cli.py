"""`harness chaos`: rounds of random disturbances on the lab, and a verdict on each."""

import argparse
import random
import signal
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from devtools.errors import UserError
from devtools.paths import RUNS_DIR
from devtools.system import say
from harness.chaos.judging import Verdict, judge
from harness.chaos.schedule import Schedule, draw

ROUNDS = 20
HELP = """\
Each round brings the lab into a known state, deploys a bad release (or, one time in four, a healthy one)
under load, and does what its schedule says at the drawn moments: kill, restart, stop or freeze the daemon,
Alertmanager or Prometheus, lock the daemon's database, kill its executor, take power, time or SSH from an
application host, answer 503 as Slack, deliver alerts again. Then it waits for rest and judges from the
daemon's records, the hosts' own histories and what the receivers got:

  lost     a bad release stayed and nobody was told why; an alert was not decided; an end was not told
  doubled  a deployment was rolled back twice; a host was moved more often than a resume explains
  wrong    a host runs another version than the daemon's record says; a healthy release was not left alone

A round takes one to three minutes. Clocks are left alone: a container has the machine's. The exit status
is 0 only if every round was played and none of this happened. A violation leaves its evidence under
.lab/failures; one round is repeated by its seed and number:

  harness chaos --seed 7 --round 3
"""


def add_commands(subparsers: Any) -> None:
    """`harness chaos` is known to the command line."""
    parser = subparsers.add_parser(
        "chaos",
        help="random disturbances on the lab: nothing lost, nothing doubled, no wrong version",
        description=HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"so many; default {ROUNDS}")
    parser.add_argument(
        "--seed", type=int, metavar="S", help="the same seed draws the same rounds; default: a new one"
    )
    parser.add_argument("--round", type=int, metavar="K", help="only this round of the seed")
    parser.add_argument("--dry", action="store_true", help="only show what would be done")
    parser.add_argument("--installed", action="store_true", help="the lab is up and installed: begin at once")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """0 if every round was played and nothing was violated."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ended in order: what was done is undone
    signal.signal(signal.SIGINT, signal.default_int_handler)
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    numbers = range(1, options.rounds + 1) if options.round is None else [options.round]
    schedules = [draw(seed, number) for number in numbers]
    say(f"chaos: seed {seed}, {len(schedules)} round(s)")
    if options.dry:
        for schedule in schedules:
            say(f"round {schedule.number}: {schedule}")
        return 0
    return _play(schedules, installed=options.installed)


def _play(schedules: Sequence[Schedule], *, installed: bool) -> int:
    from harness.chaos import playing
    from harness.lab import evidence, lab
    from harness.stack import rollout
    from harness.stack.traffic import OrdinaryDay

    home = RUNS_DIR / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-chaos"
    lab.up()
    if not installed:
        with rollout.installing(home / "site.log") as install:
            rollout.finish(install, rollout.INSTALL_S)
    day, failed = OrdinaryDay(home), []
    try:
        for schedule in schedules:
            began, name = time.monotonic(), f"chaos-{schedule.seed}-{schedule.number}"
            say(f"round {schedule.number} of seed {schedule.seed}: {schedule}")
            try:
                left = playing.play(schedule, home / name, day, say)
                verdict = judge(schedule, left)
            except UserError as error:
                verdict = Verdict("void", (f"void: {error}",))
            if verdict.violations:
                failed.append(schedule)
                say(f"  evidence: {evidence.collect(name)}")
            _report(schedule, verdict, time.monotonic() - began)
    finally:
        day.end()
    return _sum_up(schedules, failed)


def _report(schedule: Schedule, verdict: Verdict, seconds: float) -> None:
    mark = "FAILED" if verdict.violations else "ok    "
    say(f"{mark} round {schedule.number} ({seconds:.0f} s): {schedule}: {verdict.outcome}")
    for violation in verdict.violations:
        say(f"       {violation}")


def _sum_up(schedules: Sequence[Schedule], failed: Sequence[Schedule]) -> int:
    bad = sum(schedule.bad for schedule in schedules)
    say(
        f"chaos: {len(schedules)} rounds, {bad} with a bad release, "
        f"{sum(len(s.disturbances) for s in schedules)} disturbances, {len(failed)} rounds with violations"
    )
    for schedule in failed:
        say(f"repeat it: .venv/bin/harness chaos --seed {schedule.seed} --round {schedule.number}")
    return 1 if failed else 0
