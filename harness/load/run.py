"""A load run as a subprocess, with its workers where it has some: started, watched, ended, and judged."""

import json
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from devtools.errors import UserError
from devtools.paths import REPO
from devtools.ports import free_port
from harness.load.book import cleared
from harness.load.plan import Plan
from harness.load.targets import permitted

LOCUST = (sys.executable, "-m", "locust", "-f", str(Path(__file__).resolve().parent / "locustfile.py"))
DRAIN_S = 30.0
WORKERS_COME_S = 30


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a run should do; rates in requests per second, times in seconds. A plan goes before a profile."""

    targets: Sequence[str]
    out: Path
    profile: str = "steady"
    rate: float = 30
    duration: float = 60.0
    plan: Plan | None = None
    error_ratio: float = 0.0
    added_latency: float = 0.0
    slow_over: float | None = None
    seed: int | None = None
    workers: int = 0  # none: one process sends and judges
    extra: Sequence[str] = field(default=())

    @property
    def planned(self) -> Plan:
        """How many requests there are when."""
        return self.plan or Plan.of_profile(self.profile, self.rate, self.duration)

    def command(self) -> list[str]:
        """Return the argv of locust; raises ForbiddenTargetError before anything is started."""
        targets = [permitted(target) for target in self.targets]
        optional = [("--slow-over", self.slow_over), ("--seed", self.seed)]
        return [
            *(*LOCUST, "--headless", "--host", targets[0], "--targets", ",".join(targets)),
            *("--plan", str(self.out / "plan.yml"), "-u", str(max(1, math.ceil(self.planned.peak)))),
            *("-r", str(max(1, math.ceil(self.planned.peak)))),
            *("--error-ratio", str(self.error_ratio), "--added-latency", str(self.added_latency)),
            *(part for name, value in optional if value is not None for part in (name, str(value))),
            *("--out", str(self.out), "--owner", str(os.getpid())),
            *("--csv", str(self.out / "locust"), "--html", str(self.out / "report.html")),
            *("--exit-code-on-error", "0", "--loglevel", "WARNING", "--only-summary"),
            *self.extra,
        ]

    def commands(self) -> dict[str, list[str]]:
        """Return {name: argv} of every process; the first one judges."""
        if not self.workers:
            return {"locust": self.command()}
        port = str(free_port())
        master = ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port]
        await_all = ["--expect-workers", str(self.workers), "--expect-workers-max-wait", str(WORKERS_COME_S)]
        worker = [*LOCUST, "--worker", "--master-host", "127.0.0.1", "--master-port", port]
        quiet = ["--owner", str(os.getpid()), "--exit-code-on-error", "0", "--loglevel", "WARNING"]
        numbers = range(1, self.workers + 1)
        return {
            "locust": [*self.command(), *master, *await_all],
            **{f"worker-{number}": [*worker, *quiet] for number in numbers},
        }


class Running:
    """A run under way. Its files can be read at any time."""

    def __init__(self, wanted: Wanted, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self.wanted = wanted
        self._process, *self.workers = processes

    def seconds(self) -> list[dict[str, Any]]:
        """Return the seconds written so far, oldest first; a line that is still being written is left out."""
        return read_seconds(self.wanted.out)

    def alive(self) -> bool:
        """Tell whether locust still runs."""
        return self._process.poll() is None

    def wait(self) -> int:
        """Wait until the plan is over and return locust's exit code."""
        return self._process.wait()

    def end(self) -> dict[str, Any]:
        """End the run now, whatever its plan, and return its verdict."""
        if self.alive():
            self._process.send_signal(signal.SIGTERM)
        _await(self._process)
        for worker in self.workers:
            worker.terminate()  # the master has told it already
            _await(worker)
        return verdict_of(self.wanted.out, self._process.returncode)


def _await(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=DRAIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def read_seconds(out: Path) -> list[dict[str, Any]]:
    """Return the rows of *out*/seconds.jsonl."""
    try:
        lines = (out / "seconds.jsonl").read_text().splitlines(keepends=True)
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def verdict_of(out: Path, exit_code: int | None) -> dict[str, Any]:
    """Return the verdict that locust wrote; a run that wrote none is void."""
    try:
        return dict(json.loads((out / "verdict.json").read_text()))
    except FileNotFoundError:
        log = out / "locust.log"
        sentence = (
            f"VOID: locust ended with code {exit_code} and left no verdict; its own words are in {log}."
        )
        return {"valid": False, "complete": False, "sentence": sentence}


@contextmanager
def running(wanted: Wanted) -> Iterator[Running]:
    """Run the load for the length of the block. No way out of the block leaves locust running."""
    commands = wanted.commands()
    (cleared(wanted.out) / "plan.yml").write_text(yaml.safe_dump(wanted.planned.rows()))
    with ExitStack() as stack:
        processes = [
            stack.enter_context(_started(wanted.out / f"{n}.log", argv)) for n, argv in commands.items()
        ]
        run = Running(wanted, processes)
        try:
            yield run
        finally:
            run.end()


@contextmanager
def _started(log: Path, command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A session of its own: Ctrl-C reaches the harness only, which then ends the run in order."""
    with log.open("wb") as stream:
        try:
            process = subprocess.Popen(
                command, cwd=REPO, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
            )
        except OSError as error:
            raise UserError(f"expected to start locust, found: {error}; run `make venv` first") from error
        try:
            yield process
        finally:
            process.kill()
            process.wait()
