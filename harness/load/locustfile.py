"""Open-model load: `locust -f harness/load/locustfile.py --host http://127.0.0.1:8081 -u 40 -r 40 -t 1m`.

One user is one request per second on the clock, and none waits for an answer: a slow application meets the
same pressure as a fast one. `-u` is therefore the request rate, unless `--plan FILE` says it.
"""

import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event
from locust import User, events
from locust.env import Environment
from locust.html import get_html_report, process_html_filename
from locust.runners import MasterRunner, WorkerRunner

from devtools.errors import UserError
from harness.load.alone import Alone
from harness.load.book import refuse
from harness.load.codes import EXPLAINED, Code
from harness.load.mix import Journey
from harness.load.options import INNER, LOAD, add_options, address
from harness.load.settings import Settings, journeys_of
from harness.load.together import Master, Worker

OWNER_S = 1.0


def task_of(journey: Journey) -> Any:
    """Return a journey as locust's --tags, --list and web form know it. Nobody calls it: a user is a rate."""

    def task(_user: User) -> None:
        raise NotImplementedError

    task.__name__ = journey.name
    vars(task).update(journey=journey, **({"locust_tag_set": set(journey.tags)} if journey.tags else {}))
    return task


def tasks_of(journeys: Sequence[Journey]) -> list[Any]:
    """Return each journey as often as its weight says."""
    return [task for journey in journeys for task in [task_of(journey)] * journey.weight]


class Visitor(User):
    """One request per second: it is counted, and does nothing by itself."""

    tasks = tasks_of(journeys_of(None))

    def on_start(self) -> None:
        """Stay until the test takes it away."""
        Event().wait()

    def stop(self, force: bool = False) -> bool:
        """Leave at once: its requests are on their way without it."""
        return bool(super().stop(force=True))


def _use(journeys: Sequence[Journey]) -> None:
    Visitor.tasks = tasks_of(journeys)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _die_with(owner: int) -> None:
    while _alive(owner):
        gevent.sleep(OWNER_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _add_options(parser: Any, **_: object) -> None:
    parser.epilog = EXPLAINED
    add_options(parser.add_argument_group("MITA load", "one user is one request per second"), (*LOAD, *INNER))


PARTS: list[Alone | Master | Worker] = []  # exactly one, once locust has its runner


def _part(runner: Any) -> Alone | Master | Worker:
    if isinstance(runner, MasterRunner):
        return Master(runner)
    return Worker(runner, _use) if isinstance(runner, WorkerRunner) else Alone(runner)


def _prepare(environment: Environment, runner: Any, web_ui: Any, **_: object) -> None:
    """Know this process's part before any test starts."""
    gevent.get_hub().loop.update_now()  # `--run-time` counts from now: the clock stood still during imports
    options: Any = environment.parsed_options
    PARTS[:] = [_part(runner)]
    try:
        _use(journeys_of(options.journeys))
        if options.metrics and not options.worker:
            from harness.load.metrics import serve

            serve(address(options.metrics), lambda: PARTS[0].book)
    except UserError as error:
        print(error, flush=True)  # noqa: T201
        sys.exit(Code.REFUSED)
    if options.owner:
        gevent.spawn(_die_with, int(options.owner))
    if web_ui:
        from harness.load.webform import guard

        guard(web_ui, environment)


def _begin(environment: Environment, **_: object) -> None:
    options: Any = environment.parsed_options
    try:
        journeys = list(dict.fromkeys(task.journey for task in Visitor.tasks))
        PARTS[0].begin(Settings.of(vars(options), environment.host), journeys)
    except UserError as error:
        _refuse(environment, str(error))


def _refuse(environment: Environment, why: str) -> None:
    print(why, flush=True)  # noqa: T201
    part, runner = PARTS[0], environment.runner
    if isinstance(part, Worker):
        part.refuse(why)
    elif runner:
        options: Any = environment.parsed_options
        environment.process_exit_code = Code.REFUSED
        gevent.spawn(runner.quit if options.headless else runner.stop)
        if options.out:
            try:
                refuse(Path(options.out), why)
            except UserError as error:
                print(error, flush=True)  # noqa: T201


def _stopping(**_: object) -> None:
    PARTS[0].stopping()


def _end(**_: object) -> None:
    PARTS[0].end()


def _quitting(environment: Environment, **_: object) -> None:
    """Ctrl-C and SIGTERM end a process without stopping its test, and SIGTERM without locust's own report."""
    if PARTS:
        PARTS[0].stopping()
        PARTS[0].end()
    options: Any = environment.parsed_options
    if options.html_file and not options.worker:
        process_html_filename(options)
        Path(options.html_file).write_text(REPORT(environment, False), encoding="utf-8")


LISTENERS: Any = events  # locust annotates neither add_listener
REPORT: Any = get_html_report  # nor this
LISTENERS.init_command_line_parser.add_listener(_add_options)
LISTENERS.init.add_listener(_prepare)
LISTENERS.test_start.add_listener(_begin)
LISTENERS.test_stopping.add_listener(_stopping)
LISTENERS.test_stop.add_listener(_end)
LISTENERS.quitting.add_listener(_quitting)
