"""The daemon's threads: each repeats one small piece of work until the daemon stops."""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic

import structlog
from structlog.contextvars import bound_contextvars

from rollback.domain.errors import Blind, RollbackError, StoreUnavailable, Unavailable
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
"""A loop that is silent for so long does not come back by itself: no single question takes as long."""
SLOW_SECONDS = 900.0
"""The same for loops whose pieces of work ask a whole service's rules and hosts of systems that are slow."""
FAILING_PASSES, FAILING_SECONDS = 3, 10.0
"""A loop that failed so often in a row, for so long, does not just have bad luck."""


@dataclass
class Loop:
    """One thread that repeats *work*: at once while it returns True, else after a pause or a kick."""

    name: str
    work: Callable[[], bool]
    pause: Callable[[], float]
    stopping: threading.Event
    patience: float = STUCK_SECONDS
    kicked: threading.Event = field(default_factory=threading.Event)
    last_beat: float = field(default_factory=monotonic)
    problem: str = ""
    failures: int = 0
    failing_since: float = 0.0

    def start(self) -> None:
        """Begin."""
        self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self.thread.start()

    def beat(self) -> None:
        """A piece of the work is done."""
        self.last_beat = monotonic()

    def stuck(self) -> str:
        """Why only a new start can help the loop; empty when it works, well or not."""
        if not self.thread.is_alive():
            return f"{self.name} has ended"
        silent = monotonic() - self.last_beat - self.pause()
        return f"{self.name} has been silent for {silent:.0f} s" if silent > self.patience else ""

    @property
    def failing(self) -> bool:
        """Whether it fails again and again."""
        return self.failures >= FAILING_PASSES and monotonic() - self.failing_since >= FAILING_SECONDS

    def trouble(self) -> str:
        """Why the loop is not well; empty when it is."""
        again = f"{self.name} fails again and again: {self.problem}" if self.failing else ""
        return self.stuck() or again

    def _run(self) -> None:
        while not self.stopping.is_set():
            self.beat()
            self.kicked.clear()
            if not self._work():
                self.kicked.wait(self.pause())

    def _work(self) -> bool:
        """Do it once; what fails again and again in the same way is said once."""
        try:
            more = self.work()
        except Exception as error:
            problem = (isinstance(error, Unavailable) and str(error)) or repr(error)
            if problem != self.problem:
                self.problem = problem
                self._say(error)
            if not isinstance(error, Blind):  # that others do not answer is told of elsewhere
                self.failing_since = self.failing_since if self.failures else monotonic()
                self.failures += 1
            return False
        self.problem, self.failures = "", 0
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
        tellers: Mapping[str, Teller],
        caretaker: Caretaker,
        rehearser: Rehearser,
        reconcile_seconds: Callable[[], float],
        stopping: threading.Event,
    ) -> None:
        self._store, self._decider, self._restorer = store, decider, restorer
        self._reconciler, self._caretaker, self._stopping = reconciler, caretaker, stopping
        self._driven: dict[int, threading.Thread] = {}
        self._former: frozenset[int] | None = None
        self._resting: dict[int, float] = {}
        self._catching_up = False
        self._decide = self._loop("decide", self._decide_all, lambda: IDLE_SECONDS)
        self._dispatch = self._loop("dispatch", self._drive_all, lambda: DISPATCH_SECONDS)
        self._loops = [
            self._decide,
            self._dispatch,
            self._loop("reconcile", self._reconcile, reconcile_seconds),
            self._loop("care", self._care, reconcile_seconds, SLOW_SECONDS),
            self._loop("rehearse", rehearser.work, lambda: REHEARSE_SECONDS, SLOW_SECONDS),
            *(self._tell(channel, teller) for channel, teller in tellers.items()),
        ]

    def start(self) -> None:
        """Take up what a former life left, as soon as the database says what, and begin to work."""
        with suppress(StoreUnavailable):
            self._remember(self._store.in_phase(*ACTIVE))
        for loop in self._loops:
            loop.start()

    def kick(self) -> None:
        """Something has arrived: decide now."""
        self._decide.kicked.set()

    def trouble(self) -> list[str]:
        """What is not well; empty when all is."""
        if self._stopping.is_set():
            return ["the daemon is stopping"]
        return [trouble for loop in self._loops if (trouble := loop.trouble())]

    def stuck(self) -> list[str]:
        """What only a new start can help; what fails, or waits for others, is not among it."""
        return [] if self._stopping.is_set() else [stuck for loop in self._loops if (stuck := loop.stuck())]

    def failing(self) -> dict[str, bool]:
        """Which loops fail again and again, by name."""
        return {loop.name: loop.failing for loop in self._loops}

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

    def _loop(
        self,
        name: str,
        work: Callable[[], bool],
        pause: Callable[[], float],
        patience: float | None = None,
    ) -> Loop:
        patience = STUCK_SECONDS if patience is None else patience
        return Loop(name=name, work=work, pause=pause, stopping=self._stopping, patience=patience)

    def _remember(self, active: list[Rollback]) -> None:
        self._former = frozenset(rollback.id for rollback in active)

    def _tell(self, channel: str, teller: Teller) -> Loop:
        return self._loop(f"tell {channel}", lambda: teller.work() > 0, lambda: IDLE_SECONDS)

    def _begin_to_catch_up(self) -> None:
        """Examine the absence, beside all other work; its beginning is read before a tick writes over it.

        A store that is away is asked again before the first tick. A beginning that cannot be read keeps no
        alert from being read now.
        """
        try:
            last = self._reconciler.last_alive()
        except StoreUnavailable:
            raise
        except Exception:
            LOG.exception("catch_up_failed")
            last = None
        threading.Thread(target=self._catch_up, args=(last,), name="catch-up", daemon=True).start()
        self._catching_up = True

    def _catch_up(self, last: datetime | None) -> None:
        try:
            self._reconciler.catch_up(last)
        except Exception:
            LOG.exception("catch_up_failed")

    def _reconcile(self) -> bool:
        if not self._catching_up:
            self._begin_to_catch_up()
        self._reconciler.tick()
        self.kick()
        return False

    def _decide_all(self) -> bool:
        try:
            return self._decider.work(self._decide.beat) > 0
        finally:
            self._dispatch.kicked.set()

    def _care(self) -> bool:
        """One piece of a round; at its end, what fails of it is said."""
        more = self._caretaker.work()
        if not more and (failing := self._caretaker.failing()):
            raise RollbackError(f"not looked after: {', '.join(failing)}")
        return more

    def _drive_all(self) -> bool:
        """Give every rollback that is under way a thread of its own, and a new one when that has died.

        This asks nobody but the database: what was accepted is driven, whatever becomes of deciding.
        """
        active = self._store.in_phase(*ACTIVE)
        if self._former is None:
            self._remember(active)
        ended = self._driven.keys() - {rollback.id for rollback in active}
        for number in ended:
            if not self._driven[number].is_alive():
                del self._driven[number]
                self._resting.pop(number, None)
        trouble = None
        for rollback in active:
            try:
                self._drive(rollback)
            except RuntimeError as error:  # there are no threads left: another may have better luck
                trouble = error
        if trouble:
            raise trouble
        return False

    def _drive(self, rollback: Rollback) -> None:
        before = self._driven.get(rollback.id)
        if before and before.is_alive():
            return
        if before and monotonic() < self._resting.setdefault(rollback.id, monotonic() + REST_SECONDS):
            return
        self._resting.pop(rollback.id, None)
        resumed = rollback.id in (self._former or ()) or rollback.phase is not Phase.PENDING
        thread = threading.Thread(
            target=self._to_its_end, args=(rollback, resumed), name=f"rollback-{rollback.id}", daemon=True
        )
        thread.start()  # one that cannot be started is tried again in the next pass
        self._driven[rollback.id] = thread

    def _to_its_end(self, rollback: Rollback, resumed: bool) -> None:
        with bound_contextvars(decision=rollback.decision_id, rollback=rollback.id):
            try:
                self._restorer.drive(rollback, self._stopping.wait, resumed=resumed)
            except Exception as error:
                LOG.exception("rollback_not_driven")
                self._give_up(rollback, f"internal error: {error!r}")

    def _give_up(self, rollback: Rollback, problem: str) -> None:
        try:
            self._restorer.give_up(rollback.id, problem, self._stopping.wait)
        except Exception:
            LOG.exception("rollback_not_given_up")  # it is driven again after a rest
