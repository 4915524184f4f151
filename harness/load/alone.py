"""Whoever judges a run: its book, end and exit code; and one process alone. Runs in locust's process."""

import time
from collections.abc import Sequence
from typing import Any

import gevent
from gevent.event import Event
from locust.runners import Runner

from harness.load.book import Book, Report
from harness.load.codes import Code
from harness.load.mix import Journey
from harness.load.plan import Plan
from harness.load.pressing import Pressing
from harness.load.settings import Settings


class Judge:
    """What one process alone and a master have in common."""

    def __init__(self, runner: Runner, settings: Settings, plan: Plan | None, *, grace: int = 1) -> None:
        self._runner, self._plan = runner, plan
        self._options: Any = runner.environment.parsed_options
        runner.environment.process_exit_code = None  # the last run of locust's page counts
        self._started = time.monotonic()
        self._ended: float | None = None
        self.book = Book(settings.out, settings.fail_above or (), grace=grace)
        self.closed = Event()

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started

    @property
    def stopped(self) -> bool:
        """Whether the end has begun."""
        return self._ended is not None

    def stopping(self) -> None:
        """The run ends now, whatever answers are still awaited."""
        if self._ended is None:
            self._ended = self.elapsed()

    def close(self, absent: Sequence[str] = ()) -> None:
        """Say and write the verdict, once, and let the exit code tell it."""
        if self.closed.is_set():
            return
        self.closed.set()
        self.stopping()
        wanted = self._plan.duration if self._plan else float(getattr(self._options, "run_time", None) or 0)
        verdict = self.book.close(complete=(self._ended or 0.0) >= wanted - 0.5, absent=absent)
        print(verdict.sentence, flush=True)  # noqa: T201  a person started this
        if not verdict.valid:
            self._runner.environment.process_exit_code = Code.VOID
        elif verdict.broken:
            self._runner.environment.process_exit_code = Code.BROKEN

    def leave(self) -> None:
        """End the test, as locust does at the end of its --run-time."""
        self.stopping()
        gevent.spawn(self._runner.quit if self._options.headless else self._runner.stop)


class Alone:
    """One process that presses and judges."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._judge: Judge | None = None
        self._pressing: Pressing | None = None

    @property
    def book(self) -> Book | None:
        """The book of the run under way, or of the last one."""
        return self._judge.book if self._judge else None

    def begin(self, settings: Settings, journeys: Sequence[Journey]) -> None:
        """Press; UserError says why not."""
        plan = settings.planned()
        judge = Judge(self._runner, settings, plan)

        def take(report: Report) -> None:
            judge.book.take("alone", report)
            judge.book.write(time.time())
            if report.excused:
                judge.leave()

        self._pressing = Pressing(self._runner.environment, settings, journeys, take, plan=plan)
        self._judge = judge

    def stopping(self) -> None:
        """The test is about to end."""
        if self._judge:
            self._judge.stopping()

    def end(self) -> None:
        """Judge, once the last answers are there."""
        if self._judge and self._pressing:
            self._pressing.finish()
            self._judge.close()
