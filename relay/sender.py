"""One thread for each address: it sends what waits, and waits when Slack says so or fails."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable

from .message import together
from .opening import is_damage
from .saying import error, notice
from .settings import Address, Settings
from .slack import Again, Never, Taken, Verdict, Wait
from .store import Store, Waiting

Post = Callable[[Address, str], Verdict]
PATIENT = 5
"""So often one message is tried before another one shows whether it is the message that fails."""
CONVICTED = 3
"""So often it fails again at once when Slack took another one, until it is set aside."""
SEEN = 50
FIRST_PAUSE_S = 0.25
IDLE_S = 60.0


class Sender(threading.Thread):
    """The only one that sends to its address."""

    def __init__(self, name: str, settings: Settings, store: Store, post: Post) -> None:
        super().__init__(name=f"to {name}", daemon=True)
        self._name, self._settings, self._store, self._post = name, settings, store, post
        self._stopping, self._new = threading.Event(), threading.Event()
        self._limited = False
        self._failures = 0
        self._told: list[Waiting] = []
        self._failed: Counter[int] = Counter()
        self._suspects: set[int] = set()
        self._alone: Counter[int] = Counter()

    def wake(self) -> None:
        """Something new waits."""
        self._new.set()

    def stop(self) -> None:
        """End after the message that is being sent."""
        self._stopping.set()
        self._new.set()

    def run(self) -> None:
        """Send until it is stopped; whatever goes wrong, it goes on."""
        while not self._stopping.is_set():
            try:
                pause = self.step()
            except Exception as fault:
                error(f"{self._name}: expected to go on, found {type(fault).__name__}: {fault}")
                if is_damage(fault):  # the next process begins with a file that is sound
                    signal.raise_signal(signal.SIGTERM)
                pause = self._settings.longest_pause_s
            if pause is None:
                self._new.wait(IDLE_S)
                self._new.clear()
            else:
                self._stopping.wait(pause)

    def step(self) -> float | None:
        """Try the next message, and return how long to pause; None while nothing waits."""
        self._forget()
        if old := self._store.expire(self._name, time.time() - self._settings.keep_s):
            error(f"{self._name}: {old} messages waited too long and were set aside")
        waiting = self._store.next(self._name, SEEN)
        if not waiting:
            self._limited, self._failures = False, 0
            for memory in (self._failed, self._suspects, self._alone):
                memory.clear()
            return None
        body, chosen = self._chosen(waiting)
        return self._conclude(self._post(self._settings.addresses[self._name], body), chosen)

    def _forget(self) -> None:
        """What Slack took is never sent again because a full disk keeps it in the store."""
        if self._told:
            self._store.told(self._name, self._told)
            self._told = []

    def _chosen(self, waiting: list[Waiting]) -> tuple[str, list[Waiting]]:
        """The next message; several in one while Slack limits this address.

        One that failed again and again lets others pass, but none about the same.
        """
        firsts = list({one.group: one for one in reversed(waiting)}.values())[::-1]
        head = min(firsts, key=lambda one: self._failed[one.id] // PATIENT)
        several = [head]
        if self._limited and not self._failures and head is waiting[0] and not head.alone:
            for one in waiting[1:]:
                if one.alone:
                    break
                several.append(one)
        body, taken = together([one.body for one in several])
        return body, several[:taken]

    def _conclude(self, verdict: Verdict, chosen: list[Waiting]) -> float:
        first = chosen[0]
        if isinstance(verdict, Wait):
            self._limited = True
            return verdict.seconds
        if isinstance(verdict, Again):
            return self._again(verdict, first)
        if isinstance(verdict, Taken):
            self._told = chosen
            self._forget()
            self._suspects = {one for one, times in self._failed.items() if times >= PATIENT} - {first.id}
        elif len(chosen) > 1:
            self._store.part(chosen)  # one that is refused does not take the others with it
        else:
            self._refused(first, verdict)
        if self._failures:
            notice(f"{self._name}: Slack answers again")
        self._failures = 0
        self._failed.clear()
        return 0.0

    def _again(self, verdict: Again, first: Waiting) -> float:
        """Slack fails, or the message does: that is so where Slack took others in between, time and again."""
        self._alone[first.id] += first.id in self._suspects
        self._suspects.discard(first.id)
        if self._alone[first.id] >= CONVICTED:
            self._refused(first, Never("fails_alone"))
            return 0.0
        if not self._failures:
            error(f"{self._name}: expected Slack to take a message, found: {verdict.why}; it is tried again")
        self._failures += 1
        self._failed[first.id] += 1
        return min(FIRST_PAUSE_S * 2.0 ** min(self._failures, 12), self._settings.longest_pause_s)

    def _refused(self, message: Waiting, verdict: Never) -> None:
        self._store.refuse(self._name, message, verdict.why)
        error(f"{self._name}: Slack refuses a message for good ({verdict.why}); it is set aside")
