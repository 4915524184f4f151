"""A load run as a subprocess: started, watched, ended, and judged."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devtools.errors import UserError
from devtools.paths import REPO
from harness.load.targets import permitted

HERE = Path(__file__).resolve().parent
DRAIN_S = 20.0


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a run should do; rates in requests per second, times in seconds."""

    targets: Sequence[str]
    out: Path
    profile: str = "steady"
    rate: int = 30
    duration: float = 60.0
    error_ratio: float = 0.0
    added_latency: float = 0.0
    slow_over: float | None = None
    seed: int | None = None
    extra: Sequence[str] = field(default=())

    def command(self) -> list[str]:
        """Return the argv of locust; raises ForbiddenTargetError before anything is started."""
        targets = [permitted(target) for target in self.targets]
        optional = [("--slow-over", self.slow_over), ("--seed", self.seed)]
        return [
            *(sys.executable, "-m", "locust", "-f", f"{HERE / 'locustfile.py'},{HERE / 'shape.py'}"),
            *("--headless", "--host", targets[0], "--targets", ",".join(targets)),
            *("--plan", self.profile, "--rate", str(self.rate), "--duration", str(self.duration)),
            *("--error-ratio", str(self.error_ratio), "--added-latency", str(self.added_latency)),
            *(part for name, value in optional if value is not None for part in (name, str(value))),
            *("--out", str(self.out), "--owner", str(os.getpid())),
            *("--csv", str(self.out / "locust"), "--html", str(self.out / "report.html")),
            *("--exit-code-on-error", "0", "--loglevel", "WARNING", "--only-summary"),
            *self.extra,
        ]


class Running:
    """A run under way. Its files can be read at any time."""

    def __init__(self, wanted: Wanted, process: subprocess.Popen[bytes]) -> None:
        self.wanted = wanted
        self._process = process

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
        try:
            self._process.wait(timeout=DRAIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return verdict_of(self.wanted.out, self._process.returncode)


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
    command = wanted.command()
    wanted.out.mkdir(parents=True, exist_ok=True)
    for stale in ("seconds.jsonl", "verdict.json"):
        (wanted.out / stale).unlink(missing_ok=True)
    with (wanted.out / "locust.log").open("wb") as log:
        try:
            # A session of its own: Ctrl-C reaches the harness only, which then ends the run in order.
            process = subprocess.Popen(
                command, cwd=REPO, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        except OSError as error:
            raise UserError(f"expected to start locust, found: {error}; run `make venv` first") from error
        run = Running(wanted, process)
        try:
            yield run
        finally:
            run.end()
