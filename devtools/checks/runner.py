"""Run steps, say how each went, and sum up in one line that a machine reads too."""

import os
import shutil
import subprocess
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from devtools.checks.steps import Step
from devtools.paths import REPO, VENV
from devtools.system import say

COMPILES_ANEW = "PYTHONDONTWRITEBYTECODE"
"""With it each of the thousands of programs that the tests start compiles what it imports."""

# What tests write safely to a disk costs nothing in memory.
MEMORY, ROOM_BYTES = Path("/dev/shm"), 2 * 1024**3  # noqa: S108


@dataclass(frozen=True)
class Outcome:
    """How a step went; `skipped` counts the reasons that its tests gave for not running."""

    step: Step
    ok: bool
    seconds: float
    output: str = ""
    passed: int = 0
    failed: int = 0
    skipped: Counter[str] = field(default_factory=Counter)


def run_together(steps: Iterable[Step], workers: int = 3) -> list[Outcome]:
    """Every step has run, `workers` at a time; each is reported as it ends, with its output if it failed.

    Three keep two cores busy: many a test waits more than it computes.
    """
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda step: _report(_run(step, live=False)), steps))


def run_live(steps: Iterable[Step]) -> list[Outcome]:
    """Every step has run, one after the other, with its output on the terminal as it comes."""
    return [_report(_run(step, live=True)) for step in steps]


def sum_up(outcomes: list[Outcome]) -> int:
    """Print what was skipped and why, then the totals; 0 if every step was right, else 1."""
    skipped: Counter[str] = sum((outcome.skipped for outcome in outcomes), Counter())
    for reason, count in sorted(skipped.items()):
        say(f"skipped {count}: {reason}")
    failed = [outcome.step.name for outcome in outcomes if not outcome.ok]
    if failed:
        say(f"failed: {', '.join(failed)}")
    passed, broken = (sum(getattr(o, kind) for o in outcomes) for kind in ("passed", "failed"))
    say(f"{passed} passed, {broken} failed, {skipped.total()} skipped")
    return 1 if failed else 0


def _run(step: Step, *, live: bool) -> Outcome:
    started = time.monotonic()
    if step.report:
        step.report.parent.mkdir(parents=True, exist_ok=True)
        step.report.unlink(missing_ok=True)
    pipe, merged = (None, None) if live else (subprocess.PIPE, subprocess.STDOUT)
    path = f"{VENV / 'bin'}:{os.environ['PATH']}"
    memory = {"PYTEST_DEBUG_TEMPROOT": str(MEMORY)} if step.in_memory and _has_room(MEMORY) else {}
    own = {name: value for name, value in os.environ.items() if name != COMPILES_ANEW}
    done = subprocess.run(
        step.argv,
        cwd=REPO,
        env={**own, "PATH": path, **memory},
        stdin=subprocess.DEVNULL,
        stdout=pipe,
        stderr=merged,
        text=True,
    )
    seconds, ok, output = time.monotonic() - started, done.returncode == 0, done.stdout or ""
    if step.report is None or not step.report.exists():
        return Outcome(step, ok, seconds, output, passed=int(ok), failed=int(not ok))
    passed, failed, skipped = read_junit(step.report.read_text(encoding="utf-8"))
    return Outcome(step, ok, seconds, output, passed, max(failed, int(not ok)), skipped)


def _has_room(directory: Path) -> bool:
    """Whether temporary files may go there: a container often has only a little memory for them."""
    return (
        directory.is_dir()
        and os.access(directory, os.W_OK)
        and shutil.disk_usage(directory).free > ROOM_BYTES
    )


def read_junit(text: str) -> tuple[int, int, Counter[str]]:
    """How many tests passed and failed, and how often each reason to skip was given."""
    cases = ET.fromstring(text).findall(".//testcase")  # noqa: S314  (pytest wrote it a moment ago)
    broken = sum(case.find("failure") is not None or case.find("error") is not None for case in cases)
    skips = Counter(skip.get("message", "no reason") for case in cases for skip in case.findall("skipped"))
    return len(cases) - broken - skips.total(), broken, skips


def _report(outcome: Outcome) -> Outcome:
    tests = f", {outcome.passed} passed, {outcome.failed} failed" if outcome.step.report else ""
    words = f"{'ok    ' if outcome.ok else 'FAILED'} {outcome.step.name:<24} {outcome.seconds:5.1f} s{tests}"
    said = outcome.output.rstrip()
    if outcome.ok:
        told = said.rpartition("\n")[2] if outcome.step.tells else ""
        say(f"{words}: {told}" if told else words)
    else:
        say(f"{said}\n{words}" if said else words)
    return outcome
