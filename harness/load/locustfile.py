"""Open-model load: `locust -f harness/load/locustfile.py --host http://127.0.0.1:8081 -u 40 -r 40 -t 1m`.

One user is one arrival per second on the clock: it starts a request and never waits for the answer, so a slow
application meets the same pressure as a fast one. `-u` is therefore the request rate.
"""

import itertools
import json
import os
import signal
import time
from random import Random
from typing import Any

import gevent
from gevent.event import Event
from gevent.pool import Pool
from geventhttpclient.response import HTTPConnectionClosed
from locust import FastHttpUser, events, task
from locust.env import Environment
from locust.exception import StopUser

from harness.load.journeys import REGISTRATION, Call, Users, choose, lab_headers
from harness.load.meter import Meter, judge
from harness.load.options import add_inner_options
from harness.load.profiles import Plan
from harness.load.targets import ForbiddenTargetError, permitted

VOID_EXIT_CODE = 3
REFUSED_EXIT_CODE = 2
DRAIN_S = 12.0
ENDED_UNANSWERED = (HTTPConnectionClosed, ConnectionResetError, BrokenPipeError)
GOLDEN = 0.6180339887  # multiples of it spread evenly over a second, however many there are


class Run:
    """One test run: its meter, its requests in flight, and the files it writes as it goes."""

    def __init__(self, environment: Environment) -> None:
        options: Any = environment.parsed_options
        self.environment, self.options = environment, options
        urls = [url for url in options.targets.split(",") if url] or [environment.host or ""]
        self.targets = [permitted(url) for url in urls]
        self.random = Random(options.seed)  # noqa: S311  a traffic mix is no secret
        self.users = Users(self.random)
        self.meter = Meter(slow_over=options.slow_over)
        self.flights = Pool(options.max_in_flight)
        self.places = itertools.count()
        self.started = time.time()
        self.unplanned = 0  # arrivals expected so far of a run without a profile
        self.over = Event()
        self.writer = gevent.spawn(self._write_seconds)

    def elapsed(self) -> float:
        return time.time() - self.started

    def planned(self) -> int:
        """Return how many arrivals the run had to make until now."""
        if not self.options.plan:
            return self.unplanned
        plan = Plan(self.options.plan, self.options.rate, self.options.duration)
        started_late = 0 if self._complete() else 1  # users start within the first second
        return plan.arrivals(self.elapsed() - started_late)

    def launch(self, user: "Visitor", late: float) -> None:
        """Start one request now, or count that it could not be started."""
        if self.flights.free_count() <= 0:
            self.meter.drop()
            return
        self.meter.arrival(time.time(), late)
        self.flights.spawn(self._fly, user)

    def _fly(self, user: "Visitor") -> None:
        call = choose(self.random, self.users)
        headers = lab_headers(
            self.random, error_ratio=self.options.error_ratio, added_latency=self.options.added_latency
        )
        began = time.perf_counter()
        answer = self._send(user, call, headers)
        self.meter.response(time.time(), time.perf_counter() - began, answer.status_code or 0, str(user.host))
        if call.name == REGISTRATION and (user_id := _object(answer).get("user_id")) is not None:
            self.users.add(str(user_id))

    def _send(self, user: "Visitor", call: Call, headers: dict[str, str]) -> Any:
        """Send a request; once more where the connection ended before any answer, as browsers do.

        A server may close a kept connection in the moment in which a client sends on it. The library repeats
        by itself what HTTP calls idempotent; the rest is repeated here and counted.
        """

        def once() -> Any:
            return user.client.request(
                call.method, call.path, name=call.name, json=call.body, headers=headers
            )

        answer = once()
        if not isinstance(getattr(answer, "error", None), ENDED_UNANSWERED):
            return answer
        self.meter.again(time.time())
        return once()

    def _write_seconds(self) -> None:
        while not self.over.wait(1):
            runner = self.environment.runner
            self.unplanned += runner.user_count if runner else 0
            self._write(time.time())
            if self.options.owner and not _alive(self.options.owner) and runner:
                runner.quit()

    def _write(self, now: float) -> None:
        rows = [json.dumps(second.row()) for second in self.meter.closed(now)]
        if self.options.out and rows:
            with (self.options.out / "seconds.jsonl").open("a") as stream:
                stream.write("\n".join(rows) + "\n")

    def finish(self) -> None:
        """Wait for the last answers, write what is left, and let the exit code judge the run."""
        planned, complete = self.planned(), self._complete()
        self.flights.join(timeout=DRAIN_S)
        self.over.set()
        self.writer.join()
        self._write(time.time() + Meter.GRACE + 2)
        verdict = judge(self.meter, planned, complete=complete)
        print(verdict.sentence)  # noqa: T201  a person started this
        if self.options.out:
            (self.options.out / "verdict.json").write_text(json.dumps(verdict.as_json(), indent=2) + "\n")
        if not verdict.valid:
            self.environment.process_exit_code = VOID_EXIT_CODE

    def _complete(self) -> bool:
        wanted = self.options.duration or getattr(self.options, "run_time", None) or 0
        return self.elapsed() >= float(wanted) - 0.5


def _object(answer: Any) -> dict[str, Any]:
    """Return the JSON object of *answer*; an application that breaks its contract registers nobody."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


RUNS: list[Run] = []  # at most one: the run under way


def _add_options(parser: Any, **_: object) -> None:
    add_inner_options(parser)


def _look_at_the_clock(**_: object) -> None:
    """Let `--run-time` count from now: gevent's clock stood still during the imports."""
    gevent.get_hub().loop.update_now()


def _begin(environment: Environment, **_: object) -> None:
    RUNS.clear()
    try:
        RUNS.append(Run(environment))
    except ForbiddenTargetError as error:
        print(error)  # noqa: T201
        environment.process_exit_code = REFUSED_EXIT_CODE
        if environment.runner:
            gevent.spawn(environment.runner.quit)
        return
    if environment.runner:  # locust itself listens to SIGTERM only once a load shape is over
        gevent.signal_handler(signal.SIGTERM, environment.runner.quit)


def _end(**_: object) -> None:
    while RUNS:
        RUNS.pop().finish()


LISTENERS: Any = events  # locust does not annotate add_listener
LISTENERS.init_command_line_parser.add_listener(_add_options)
LISTENERS.init.add_listener(_look_at_the_clock)
LISTENERS.test_start.add_listener(_begin)
LISTENERS.test_stop.add_listener(_end)


class Visitor(FastHttpUser):
    """One stream of arrivals, one a second, to one target."""

    concurrency = 1000
    network_timeout = 10.0
    connection_timeout = 5.0

    def on_start(self) -> None:
        """Take a target and a place within the second, so that users do not all knock at once."""
        if not RUNS:
            raise StopUser
        self.run_now = RUNS[0]
        place = next(self.run_now.places)
        self.host = self.run_now.targets[place % len(self.run_now.targets)]
        self.client.base_url = self.host
        vars(self.client.client)["redirect_response_codes"] = (
            frozenset()
        )  # a redirect must not lead out of the lab
        self.due = time.monotonic() + place * GOLDEN % 1.0

    def wait_time(self) -> float:
        """Return the seconds until the next arrival is due."""
        return max(0.0, self.due - time.monotonic())

    @task
    def arrive(self) -> None:
        """Launch the arrival that is due; what was missed for want of a processor goes late."""
        late = time.monotonic() - self.due
        if late >= 0:
            self.due += 1.0
            self.run_now.launch(self, late)
