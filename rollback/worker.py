"""The daemon's threads: each repeats one small piece of work until the daemon stops."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import structlog

from rollback.domain.errors import Unavailable
from rollback.domain.ports import Store
from rollback.domain.rollback import ACTIVE, Phase, Rollback
from rollback.service.caretaking.caretaker import Caretaker
from rollback.service.caretaking.rehearsing import Rehearser
from rollback.service.deciding import Decider
from rollback.service.intake import Reconciler
from rollback.service.restoring import Restorer
from rollback.service.telling import Teller

LOG = structlog.get_logger("rollback.worker")
IDLE_SECONDS = 1.0
DISPATCH_SECONDS = 0.25
REHEARSE_SECONDS = 3.0
REST_SECONDS = 5.0
"""So long after its thread has died without ending it, a rollback is driven again."""
STUCK_SECONDS = 120.0
"""Longer than any piece of work can take; a loop that is silent for so long does not come back by itself."""


@dataclass
class Loop:
    """One thread that repeats *work*: at once while it returns True, else after a pause or a kick."""

    name: str
    work: Callable[[], bool]
    pause: Callable[[], float]
    stopping: threading.Event
    kicked: threading.Event = field(default_factory=threading.Event)
    last_beat: float = field(default_factory=monotonic)
    failing: str = ""

    def start(self) -> None:
        """Begin."""
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self.thread.start()

    def trouble(self) -> str:
        """Why the loop is not well; empty when it is."""
        if not self.thread.is_alive():
            return f"{self.name} has ended"
        silent = monotonic() - self.last_beat - self.pause()
        return f"{self.name} has been silent for {silent:.0f} s" if silent > STUCK_SECONDS else ""

    def _run(self) -> None:
        while not self.stopping.is_set():
            self.last_beat = monotonic()
            self.kicked.clear()
            if not self._work():
                self.kicked.wait(self.pause())

    def _work(self) -> bool:
        """Do it once; what fails again and again in the same way is said once."""
        try:
            more = self.work()
        except Exception as error:
            if repr(error) != self.failing:
                self.failing = repr(error)
                self._say(error)
            return False
        self.failing = ""
        return more

    def _say(self, error: Exception) -> None:
        if isinstance(error, Unavailable):
            LOG.error("tried_again_later", loop=self.name, error=str(error))
        else:
            LOG.exception("loop_failed", loop=self.name)


class Worker:
    """All loops together."""

    def __init__(
        self,
        store: Store,
        decider: Decider,
        reconciler: Reconciler,
        restorer: Restorer,
        teller: Teller,
        caretaker: Caretaker,
        rehearser: Rehearser,
        reconcile_seconds: Callable[[], float],
        stopping: threading.Event,
    ) -> None:
        self._store, self._decider, self._restorer = store, decider, restorer
        self._reconciler, self._stopping = reconciler, stopping
        self._driven: dict[int, threading.Thread] = {}
        self._former: frozenset[int] = frozenset()
        self._resting: dict[int, float] = {}
        self._decide = self._loop("decide", self._decide_all, lambda: IDLE_SECONDS)
        self._dispatch = self._loop("dispatch", self._drive_all, lambda: DISPATCH_SECONDS)
        self._loops = [
            self._decide,
            self._dispatch,
            self._loop("reconcile", self._reconcile, reconcile_seconds),
            self._loop("tell", lambda: teller.work() > 0, lambda: IDLE_SECONDS),
            self._loop("care", caretaker.work, reconcile_seconds),
            self._loop("rehearse", rehearser.work, lambda: REHEARSE_SECONDS),
        ]

    def start(self) -> None:
        """Take up what a former life left, then begin to work."""
        self._former = frozenset(rollback.id for rollback in self._store.in_phase(*ACTIVE))
        for loop in self._loops:
            loop.start()
        catching_up = threading.Thread(target=self._catch_up, name="catch-up", daemon=True)
        catching_up.start()

    def kick(self) -> None:
        """Something has arrived: decide now."""
        self._decide.kicked.set()

    def trouble(self) -> list[str]:
        """What is not well; empty when all is."""
        if self._stopping.is_set():
            return ["the daemon is stopping"]
        return [trouble for loop in self._loops if (trouble := loop.trouble())]

    def stop(self) -> None:
        """Take no new work; runs that are under way get their grace."""
        self._stopping.set()
        for loop in self._loops:
            loop.kicked.set()

    def join(self, seconds: float) -> bool:
        """Wait so long for what runs; False when something still does.

        What is not finished stays in the database as it is, and the next start takes it up.
        """
        deadline = monotonic() + seconds
        threads = [*(loop.thread for loop in self._loops), *self._driven.values()]
        for thread in threads:
            thread.join(max(0.0, deadline - monotonic()))
        return not any(thread.is_alive() for thread in threads)

    def _loop(self, name: str, work: Callable[[], bool], pause: Callable[[], float]) -> Loop:
        return Loop(name=name, work=work, pause=pause, stopping=self._stopping)

    def _catch_up(self) -> None:
        try:
            self._reconciler.catch_up()
        except Exception:
            LOG.exception("catch_up_failed")

    def _reconcile(self) -> bool:
        self._reconciler.tick()
        self.kick()
        return False

    def _decide_all(self) -> bool:
        try:
            return self._decider.work() > 0
        finally:
            self._dispatch.kicked.set()

    def _drive_all(self) -> bool:
        """Give every rollback that is under way a thread of its own, and a new one when that has died.

        This asks nobody but the database: what was accepted is driven, whatever becomes of deciding.
        """
        active = self._store.in_phase(*ACTIVE)
        ended = self._driven.keys() - {rollback.id for rollback in active}
        for number in ended:
            if not self._driven[number].is_alive():
                del self._driven[number]
                self._resting.pop(number, None)
        for rollback in active:
            self._drive(rollback)
        return False

    def _drive(self, rollback: Rollback) -> None:
        before = self._driven.get(rollback.id)
        if before and before.is_alive():
            return
        if before and monotonic() < self._resting.setdefault(rollback.id, monotonic() + REST_SECONDS):
            return
        self._resting.pop(rollback.id, None)
        resumed = rollback.id in self._former or rollback.phase is not Phase.PENDING
        thread = threading.Thread(
            target=self._to_its_end, args=(rollback, resumed), name=f"rollback-{rollback.id}", daemon=True
        )
        thread.start()  # one that cannot be started is tried again in the next pass
        self._driven[rollback.id] = thread

    def _to_its_end(self, rollback: Rollback, resumed: bool) -> None:
        try:
            self._restorer.drive(rollback, self._stopping.wait, resumed=resumed)
        except Exception as error:
            LOG.exception("rollback_not_driven", rollback=rollback.id)
            self._give_up(rollback, f"internal error: {error!r}")

    def _give_up(self, rollback: Rollback, problem: str) -> None:
        try:
            self._restorer.give_up(rollback.id, problem, self._stopping.wait)
        except Exception:
            LOG.exception("rollback_not_given_up", rollback=rollback.id)  # it is driven again after a rest
