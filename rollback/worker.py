"""The daemon's threads: each repeats one small piece of work until the daemon stops."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

import structlog

from rollback.domain.errors import Unavailable
from rollback.domain.ports import Store
from rollback.domain.rollback import Phase, Rollback
from rollback.service.deciding import Decider
from rollback.service.intake import Reconciler
from rollback.service.restoring import Restorer
from rollback.service.telling import Teller

LOG = structlog.get_logger("rollback.worker")
IDLE_SECONDS = 1.0
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
        try:
            return self.work()
        except Unavailable as error:
            LOG.error("tried_again_later", loop=self.name, error=str(error))
        except Exception:
            LOG.exception("loop_failed", loop=self.name)
        return False


class Worker:
    """All loops together."""

    def __init__(
        self,
        store: Store,
        decider: Decider,
        reconciler: Reconciler,
        restorer: Restorer,
        teller: Teller,
        reconcile_seconds: Callable[[], float],
    ) -> None:
        self._store, self._decider, self._restorer = store, decider, restorer
        self._reconciler, self._teller = reconciler, teller
        self._stopping = threading.Event()
        self._driven: dict[int, threading.Thread] = {}
        self._decide = self._loop("decide", self._decide_and_dispatch, lambda: IDLE_SECONDS)
        self._loops = [
            self._decide,
            self._loop("reconcile", self._reconcile, reconcile_seconds),
            self._loop("tell", lambda: teller.work() > 0, lambda: IDLE_SECONDS),
        ]

    def start(self) -> None:
        """Take up what a former life left, then begin to work."""
        for rollback in self._store.in_phase(Phase.PENDING, Phase.RUNNING, Phase.VERIFYING):
            self._drive(rollback, resumed=True)
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
        threads = [*self._driven.values(), *(loop.thread for loop in self._loops)]
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

    def _decide_and_dispatch(self) -> bool:
        settled = self._decider.work()
        for rollback in self._store.in_phase(Phase.PENDING):
            self._drive(rollback, resumed=False)
        return settled > 0

    def _drive(self, rollback: Rollback, *, resumed: bool) -> None:
        """Give the rollback a thread of its own, once; the schema allows one per service."""
        if rollback.id in self._driven:
            return
        thread = threading.Thread(
            target=self._to_its_end, args=(rollback, resumed), name=f"rollback-{rollback.id}", daemon=True
        )
        self._driven[rollback.id] = thread
        thread.start()

    def _to_its_end(self, rollback: Rollback, resumed: bool) -> None:
        try:
            self._restorer.drive(rollback, self._stopping.wait, resumed=resumed)
        except Exception as error:
            LOG.exception("rollback_not_driven", rollback=rollback.id)
            self._restorer.give_up(rollback.id, f"internal error: {error!r}", self._stopping.wait)
