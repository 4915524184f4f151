"""How often an innocent release is rolled back, a guilty one missed, and a person woken for nothing.

.venv/bin/python -m benchmarks.nights [--nights 1000] [--seed 1] [--only NUMBER] [--json FILE] [--keep DIR]
"""

import argparse
import json
import math
import os
import resource
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import structlog

from benchmarks.nights import report
from benchmarks.nights.evaluation import evaluate
from benchmarks.nights.judgement import Verdict, judge
from benchmarks.nights.night import draw
from benchmarks.nights.playing import play

PROCESSES = 2
TOGETHER = 40
"""Nights that one promtool evaluates, at most."""


def main(argv: Sequence[str]) -> int:
    """Print the figures; 1 when a goal is missed."""
    wanted = _arguments(argv)
    numbers = [wanted.only] if wanted.only is not None else list(range(wanted.nights))
    # Each promtool has a core of its own: more threads would only wait for each other.
    os.environ["GOMAXPROCS"] = "1"
    batches = _batches(numbers)
    verdicts: list[Verdict] = []
    began = time.monotonic()
    with ProcessPoolExecutor(PROCESSES) as pool:
        running = [pool.submit(nights, wanted.seed, batch) for batch in batches]
        for done in as_completed(running):
            verdicts += done.result()
            _progress(verdicts, len(numbers), began)
    verdicts.sort(key=lambda each: each.number)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    sys.stdout.write(report.text(verdicts, spent.ru_utime + spent.ru_stime))
    for each in report.worst(verdicts):
        sys.stdout.write(f"night {each.number} ({each.kind}): {', '.join(each.pages) or each.said}\n")
    if wanted.json:
        wanted.json.write_text(json.dumps([each.as_json() for each in verdicts], indent=1) + "\n")
    if wanted.keep:
        _keep(wanted.keep, report.worst(verdicts))
    return int(bool(report.missed_goals(verdicts)))


def nights(seed: int, numbers: Sequence[int]) -> list[Verdict]:
    """The verdicts about some nights, evaluated together."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    drawn = [draw(seed, number) for number in numbers]
    return [judge(each, play(each)) for each in evaluate(drawn)]


def _batches(numbers: Sequence[int]) -> list[Sequence[int]]:
    """As few as there may be, alike in size, as many for each process."""
    rounds = math.ceil(len(numbers) / (PROCESSES * TOGETHER))
    size = math.ceil(len(numbers) / (PROCESSES * rounds))
    return [numbers[at : at + size] for at in range(0, len(numbers), size)]


def _keep(place: Path, wrong: Sequence[Verdict]) -> None:
    """A file for each night that is wrong; seed and number replay it."""
    place.mkdir(parents=True, exist_ok=True)
    for each in wrong:
        (place / f"{each.seed}-{each.number}.json").write_text(json.dumps(each.as_json(), indent=1) + "\n")


def _progress(verdicts: Sequence[Verdict], total: int, began: float) -> None:
    wronged, wrong = (sum(getattr(e, name) for e in verdicts) for name in ("wronged", "wrong"))
    seconds = time.monotonic() - began
    sys.stderr.write(
        f"{len(verdicts)} of {total} nights in {seconds:.0f} s: {wronged} innocent, {wrong} wrong\n"
    )


def _arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.nights", description=__doc__)
    parser.add_argument("--nights", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, metavar="NUMBER", help="one night, as it was in a run of many")
    parser.add_argument("--json", type=Path, help="write the verdict about every night")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="write the nights that were wrong")
    return parser.parse_args(argv)


if __name__ == "__main__":
    os.nice(5)
    sys.exit(main(sys.argv[1:]))
