"""One process's part of a run: starts what is due and counts how it ends. Runs in locust's process."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Group
from gevent.queue import JoinableQueue
from locust.env import Environment

from harness.load.book import Report
from harness.load.courier import Answer, Courier
from harness.load.journeys import lab_headers
from harness.load.meter import MOST_LATE_S, Meter
from harness.load.mix import Call, Journey, Mix, fitting
from harness.load.pace import Flow, Pace, Standing
from harness.load.plan import Plan
from harness.load.settings import Settings

DRAIN_S = 12.0


class BadAnswerError(Exception):
    """An answer with a status of 400 or more, as locust's report counts it."""


class Pressing:
    """Requests at the times of a flow, whatever the answers do."""

    def __init__(
        self,
        environment: Environment,
        settings: Settings,
        journeys: Sequence[Journey],
        tell: Callable[[Report], None],
        *,
        plan: Plan | None,
        place: int = 0,
        of: int = 1,
    ) -> None:
        self._environment, self._settings, self._tell = environment, settings, tell
        self._random = Random(settings.seed)  # noqa: S311  a traffic mix is no secret
        self._count: Any = environment.events.request.fire  # into locust's own report
        self._mix = Mix(fitting(journeys, str(settings.journeys or "the application")), self._random)
        self._meter = Meter(slow_over=settings.slow_over)
        self._plan, self._standing = plan, Standing()
        flow: Flow = plan or self._standing
        self._pace = Pace(flow, place=place, of=of)
        self._couriers: list[Courier] = []
        self._turn = 0
        self._due: JoinableQueue = JoinableQueue()  # couriers with a request to send, until it has ended
        self._flyers = Group()  # kept, as many as ever were in flight: a greenlet costs a page of memory
        self._started = time.monotonic()
        self._ended = False  # nothing more is launched
        self.excused = False  # whether it may end now
        self.done = Event()
        gevent.spawn(self._press)
        gevent.spawn(self._report_each_second)

    def elapsed(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started

    def _press(self) -> None:
        while not self._ended:
            elapsed = self.elapsed()
            if self._plan is None:
                runner = self._environment.runner
                self._standing.set(runner.user_count if runner else 0, elapsed)
            elif elapsed >= self._plan.duration:
                self._launch(self._plan.duration, elapsed)
                self.excused = True
                gevent.spawn(self.finish)
                return
            self._launch(elapsed, elapsed)
            gevent.sleep(self._pace.wait(elapsed))

    def _launch(self, until: float, elapsed: float) -> None:
        """Start the requests that are due until a moment of the run."""
        for moment in self._pace.due(until):
            if elapsed - moment > MOST_LATE_S:
                self._meter.miss()
            elif self._due.unfinished_tasks >= self._settings.max_in_flight:
                self._meter.drop()
            else:
                self._meter.arrival(time.time())
                self._due.put(self._courier(elapsed))
                if self._due.unfinished_tasks > len(self._flyers):
                    self._flyers.spawn(self._fly_on)

    def _courier(self, elapsed: float) -> Courier:
        """Return the next one's turn; there is one for each request of a second, as for so many users."""
        targets = self._settings.targets
        wanted = max(len(targets), math.ceil(self._pace.flow.rate(elapsed)))
        while len(self._couriers) < wanted:
            self._couriers.append(Courier(targets[len(self._couriers) % len(targets)]))
        self._turn = (self._turn + 1) % wanted
        return self._couriers[self._turn]

    def _fly_on(self) -> None:
        while True:
            courier = self._due.get()
            try:
                self._fly(courier)
            finally:
                self._due.task_done()

    def _fly(self, courier: Courier) -> None:
        row, began = "(no call)", time.perf_counter()
        try:
            call = self._mix.next()
            row = call.row
            answer = self._send(courier, call)
        except gevent.GreenletExit:
            self._meter.response(time.time(), 0, 0, courier.target, row, "no answer when the run ended")
            raise
        except Exception as error:
            logging.exception("a journey failed")
            self._meter.response(time.time(), 0, 0, courier.target, row, f"a journey failed: {error!r}")
            return
        seconds = time.perf_counter() - began
        cause = "" if answer.status else repr(answer.error)
        self._meter.response(time.time(), seconds, answer.status, courier.target, row, cause)
        failure = BadAnswerError(str(answer.status)) if answer.status >= 400 else answer.error
        self._count(
            request_type=call.method,
            name=row,
            response_time=seconds * 1000,
            response_length=len(answer.body),
            exception=failure,
            context={},
        )
        if call.keeps and (value := answer.field(call.keeps)) is not None:
            self._mix.keep(call.keeps, str(value))

    def _send(self, courier: Courier, call: Call) -> Answer:
        """Send a request; once more where the connection ended before any answer, as browsers do.

        A server may close a kept connection in the moment in which a client sends on it. The library repeats
        by itself what HTTP calls idempotent, once; the rest is repeated here and counted.
        """
        asked = self._settings
        headers = lab_headers(self._random, error_ratio=asked.error_ratio, added_latency=asked.added_latency)
        answer = courier.send(call, headers)
        if not answer.unanswered:
            return answer
        self._meter.again(time.time())
        return courier.send(call, headers)

    def _report_each_second(self) -> None:
        while not self.done.wait(1):
            self._report(time.time())

    def _report(self, now: float, *, over: bool = False) -> None:
        meter = self._meter
        self._tell(
            Report(
                planned=self._pace.planned,
                sent=meter.sent,
                late=meter.late,
                dropped=meter.dropped,
                in_flight=self._due.unfinished_tasks,
                causes=dict(meter.causes),
                seconds=[second.message() for second in meter.seconds.closed(now)],
                over=over,
                excused=over and self.excused,
            )
        )

    def finish(self) -> None:
        """Launch nothing more, wait for the last answers, and report. Who comes second waits."""
        if self._ended:
            self.done.wait()
            return
        self._ended = True
        self._due.join(timeout=DRAIN_S)
        self._flyers.kill()
        self._report(math.inf, over=True)
        self.done.set()
