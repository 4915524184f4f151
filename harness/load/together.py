"""A master that judges the sum, and workers that press. Runs in locust's process."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import gevent
from locust.exception import RPCError
from locust.runners import STATE_MISSING, MasterRunner, WorkerRunner

from devtools.errors import UserError
from harness.load.alone import Judge
from harness.load.book import Book, Report
from harness.load.mix import Journey
from harness.load.plan import Plan
from harness.load.pressing import DRAIN_S, Pressing
from harness.load.settings import Settings, journeys_of

BEGIN, END, REPORT = "mita_begin", "mita_end", "mita_report"
WORD_S = 5.0  # a worker's last word comes so long after its last answer, at most
GRACE_S = 3  # a second is closed so much later, for the workers' words are on their way
LOOK_S = 0.5


class Master:
    """Tells each worker its part, and judges their sum. A worker that is missing voids the run."""

    def __init__(self, runner: MasterRunner) -> None:
        self._runner = runner
        self._judge: Judge | None = None
        self._run = 0
        self._plan: Plan | None = None
        self._settings: Settings | None = None
        self._workers: list[str] = []
        self._expected = 0
        runner.register_message(REPORT, self._heard)
        events: Any = runner.environment.events
        events.worker_connect.add_listener(self._joined)

    @property
    def book(self) -> Book | None:
        """The book of the run under way, or of the last one."""
        return self._judge.book if self._judge else None

    def begin(self, settings: Settings, _journeys: Sequence[Journey]) -> None:
        """Tell the workers; UserError says why not."""
        self._run += 1
        self._settings, self._plan = settings, settings.planned()
        self._judge = Judge(self._runner, settings, self._plan, grace=GRACE_S)
        self._workers = [client.id for client in self._runner.clients.all if not self._lost(client.id)]
        options: Any = self._runner.environment.parsed_options
        self._expected = options.expect_workers
        for place, worker in enumerate(self._workers):
            self._tell(worker, place)
        if self._plan:
            gevent.spawn(self._await_the_end, self._judge, self._plan.duration + DRAIN_S + WORD_S)

    def _tell(self, worker: str, place: int | None) -> None:
        settings = self._settings
        plan = self._plan.rows() if self._plan else None
        journeys = str(settings.journeys or "") if settings else ""
        part = {
            "run": self._run,
            "plan": plan,
            "place": place,
            "of": len(self._workers),
            "journeys": journeys,
        }
        self._send(BEGIN, part, worker)

    def _send(self, kind: str, data: dict[str, Any] | None, worker: str) -> None:
        with suppress(RPCError):  # it is missed at the end
            self._runner.send_message(kind, data, worker)

    def _joined(self, client_id: str) -> None:
        """A worker that comes in the middle gets some of locust's users, and no part of a plan."""
        if self._judge and not self._judge.closed.is_set():
            if self._plan is None:
                self._workers.append(client_id)
            self._tell(client_id, None)

    def _heard(self, msg: Any, **_: object) -> None:
        judge, run = self._judge, msg.data.pop("run")
        if judge and run == self._run and not judge.closed.is_set():
            judge.book.take(msg.node_id, Report.from_message(msg.data))
            judge.book.write(time.time())

    def _await_the_end(self, judge: Judge, deadline: float) -> None:
        while judge.elapsed() < deadline and self._awaited():
            gevent.sleep(LOOK_S)
        if not judge.stopped:
            judge.leave()

    def _awaited(self) -> list[str]:
        """Return the workers that are still at it."""
        return [worker for worker in self._workers if not self._over(worker) and not self._lost(worker)]

    def _over(self, worker: str) -> bool:
        report = self._judge.book.reports.get(worker) if self._judge else None
        return bool(report and report.over)

    def _lost(self, worker: str) -> bool:
        client = self._runner.clients.get(worker)
        return client is None or client.state == STATE_MISSING

    def stopping(self) -> None:
        """The test is about to end: no worker launches anything more."""
        if self._judge:
            self._judge.stopping()
            for worker in self._workers:  # one that is gone would keep the others waiting
                gevent.spawn(self._send, END, None, worker)

    def end(self) -> None:
        """Judge, once every worker has said its last word or is lost."""
        judge = self._judge
        if not judge:
            return
        deadline = time.monotonic() + DRAIN_S + WORD_S
        while time.monotonic() < deadline and self._awaited() and not judge.closed.is_set():
            gevent.sleep(LOOK_S)
        judge.close(self._absent(judge.book))
        for worker in filter(self._lost, self._workers):
            self._runner.clients.pop(worker, None)  # locust would tell it for ten seconds to quit

    def _absent(self, book: Book) -> list[str]:
        """Return a sentence for each worker that did not do its part."""
        found = [sentence for worker in self._workers if (sentence := self._missed(worker, book))]
        if len(self._workers) < self._expected:
            found.insert(0, f"expected {self._expected} workers, found {len(self._workers)}")
        return found

    def _missed(self, worker: str, book: Book) -> str:
        who, report = f"worker {worker}", book.reports.get(worker)
        if report is None:
            return f"{who} was never heard"
        if report.refused:
            return f"{who} refused: {report.refused}"
        if not report.over:
            return f"{who} was lost after {report.sent} requests"
        return "" if report.excused else f"{who} left before the end, after {report.sent} requests"


class Worker:
    """Presses its part and tells the master. Alone it says nothing about the run."""

    def __init__(self, runner: WorkerRunner, use: Callable[[Sequence[Journey]], None]) -> None:
        self._runner, self._use = runner, use
        self._part: dict[str, Any] = {}
        self._pressing: Pressing | None = None
        self._refusal = ""
        self._last = Report()
        runner.register_message(BEGIN, self._told)
        runner.register_message(END, self._told_to_end)

    book = None

    def _told(self, msg: Any, **_: object) -> None:
        self._part, self._pressing, self._refusal = msg.data, None, ""
        try:
            self._use(journeys_of(msg.data["journeys"]))
        except UserError as error:
            self._refusal = str(error)

    def begin(self, settings: Settings, journeys: Sequence[Journey]) -> None:
        """Press; UserError says why not."""
        part = self._part
        if self._refusal:
            raise UserError(self._refusal)
        plan = Plan.of_rows(part["plan"], "the master's plan") if part["plan"] else None
        if plan and part["place"] is None:
            return  # it came too late to have a part in it
        place, of = (part["place"], part["of"]) if plan else (0, 1)  # without a plan its users are its part
        self._pressing = Pressing(
            self._runner.environment, settings, journeys, self._tell, plan=plan, place=place, of=of
        )

    def refuse(self, why: str) -> None:
        """Tell the master why nothing is sent."""
        self._tell(Report(over=True, refused=why))

    def _tell(self, report: Report) -> None:
        self._last = report
        self._runner.send_message(REPORT, {**report.message(), "run": self._part.get("run", 0)})

    def _told_to_end(self, **_: object) -> None:
        if self._pressing:
            self._pressing.excused = True  # at once: locust's own word to quit may come right behind
            gevent.spawn(self._pressing.finish)

    def stopping(self) -> None:
        """The test is about to end."""

    def end(self) -> None:
        """Tell the master the last."""
        if self._pressing:
            self._pressing.finish()
            self._pressing = None
            print(f"This worker sent {self._last.sent} requests; the master judges the run.", flush=True)  # noqa: T201
