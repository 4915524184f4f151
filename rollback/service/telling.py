"""Messages go out after the change that they tell of is stored, and never hold up anything.

A message is sent and then settled: a daemon that dies in between tells it once more, and never loses one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from structlog.contextvars import bound_contextvars

from rollback import crash_points
from rollback.crash_points import Moment
from rollback.domain.errors import NotTaken, Undeliverable
from rollback.domain.ports import Clock, Messenger, Store
from rollback.domain.posts import Post, posts
from rollback.domain.stored import Attempt, NoticeState, Urgency, WaitingNotice

LOG = structlog.get_logger("rollback.tell")
AT_ONCE = 1_000
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
GIVEN_UP_AFTER = timedelta(days=1)
"""News older than that is history; until then a channel that comes back is told what it missed."""
GIVEN_UP_TRIES = 100
"""Fewer tries in a day mean that the daemon was away or its clock was set, not that nobody listened."""


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One way to people, by the name that records and metrics have."""

    name: str
    messenger: Messenger


@dataclass(frozen=True, kw_only=True)
class Channels:
    """The ways to people: the first is told everything, the others what is urgent.

    patience: for how long an urgent message may wait for the first before the others tell it.
    """

    all: tuple[Channel, ...]
    patience: Callable[[], timedelta]

    def wanted(self, waiting: WaitingNotice) -> list[str]:
        """Who is to tell the message, the one whose word settles it first."""
        found = [channel.name for channel in self.all if channel.messenger.configured]
        return found if waiting.notice.urgency is Urgency.URGENT else found[:1]

    def state(self, waiting: WaitingNotice) -> NoticeState:
        """Where the message stands: settled by the first channel, or by another when that refuses it."""
        wanted, results = self.wanted(waiting), waiting.results
        if wanted and wanted[0] not in results:
            return NoticeState.WAITING
        if not wanted or Attempt.TOLD in results.values():
            return NoticeState.SENT
        refused = all(name in results for name in wanted)
        return NoticeState.DROPPED if refused else NoticeState.WAITING


@dataclass
class Pauses:
    """When a channel, and a message that it may be hanging on, is asked again; in seconds that never jump."""

    ticks: Callable[[], float]
    failures: int = 0
    until: float = 0.0
    suspects: dict[str, tuple[int, float]] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether the channel may be asked."""
        return self.ticks() >= self.until

    def failed(self, post: Post, error: NotTaken) -> float:
        """Rest for longer with every failure in a row, or as the channel asks; return for how long."""
        asked = error.pause
        pause = min(FIRST_PAUSE * 2 ** min(self.failures, 10), LONGEST_PAUSE)
        pause = pause if asked is None else max(asked, FIRST_PAUSE)
        self.failures += 1
        self.until = self.ticks() + pause
        if error.suspect:
            tries = self.suspects.get(post.key, (0, 0.0))[0] + 1
            own = min(2 * FIRST_PAUSE * 2 ** min(tries, 10), LONGEST_PAUSE)
            self.suspects[post.key] = (tries, self.until + own)
        return pause

    def worked(self, post: Post) -> None:
        """The channel is well."""
        self.failures, self.until = 0, 0.0
        self.suspects.pop(post.key, None)

    def next(self, found: Sequence[Post]) -> Post:
        """The first whose own pause is over; when all of them rest it is not the messages' fault."""
        now = self.ticks()
        return next((p for p in found if now >= self.suspects.get(p.key, (0, 0.0))[1]), found[0])


class Teller:
    """Sends stored messages by one channel. Each channel has its own: a slow one holds up no other."""

    def __init__(self, store: Store, clock: Clock, channels: Channels, channel: Channel) -> None:
        self._store, self._clock, self._channels, self._channel = store, clock, channels, channel
        self._pauses = Pauses(clock.ticks)
        self._seen: dict[int, float] = {}
        """When each waiting message was first seen."""

    def work(self) -> int:
        """Tell what is most urgent now; return how many messages were settled. A failure is tried again."""
        if not self._pauses.over:
            return 0
        waiting = self._store.notices_waiting(AT_ONCE)
        self._seen = {one.id: self._seen.get(one.id, self._clock.ticks()) for one in waiting}
        done = [one.id for one in waiting if self._channels.state(one) is not NoticeState.WAITING]
        if done and self._channel is self._channels.all[0]:
            self._settle(done, None)  # nobody is to be told, or whoever else was to be is gone
            return len(done)
        found = posts([one for one in waiting if self._is_mine(one)], self._clock.now())
        return self._tell(self._pauses.next(found)) if found else 0

    def _is_mine(self, one: WaitingNotice) -> bool:
        """The first channel's at once; another's when the first refuses it or has not told it for a while."""
        wanted, name = self._channels.wanted(one), self._channel.name
        if name not in wanted or name in one.results:
            return False
        first = wanted[0]
        return name == first or first in one.results or self._age(one) >= self._channels.patience()

    def _age(self, one: WaitingNotice) -> timedelta:
        """For how long it has waited, also when the clock was set back meanwhile."""
        seen = timedelta(seconds=self._clock.ticks() - self._seen[one.id])
        return max(seen, self._clock.now() - one.created_at)

    def _tell(self, post: Post) -> int:
        numbers = [one.id for one in post.of]
        context = {name.lower(): post.notice.fields.get(name) for name in ("Decision", "Rollback")}
        with bound_contextvars(channel=self._channel.name, **{n: v for n, v in context.items() if v}):
            try:
                self._channel.messenger.send(post.notice)
            except Undeliverable as error:
                LOG.error("message_refused", messages=numbers, error=str(error))
                self._settle(numbers, Attempt.REFUSED)
            except NotTaken as error:
                pause = self._pauses.failed(post, error)
                LOG.warning("message_not_sent", messages=numbers, error=str(error), again_in=pause)
                self._settle(numbers, None)
                return 0
            else:
                LOG.info("message_sent", messages=numbers)
                crash_points.passing(Moment.MESSAGE_SENT)
                self._settle(numbers, Attempt.TOLD)
        self._pauses.worked(post)
        return len(numbers)

    def _settle(self, numbers: Sequence[int], attempt: Attempt | None) -> None:
        self._store.settle_notices(numbers, self._channel.name, attempt, self._state, self._clock.now())

    def _state(self, one: WaitingNotice) -> NoticeState:
        """Where the message stands after another try; what has waited for too long is given up."""
        state = self._channels.state(one)
        old = self._clock.now() - one.created_at > GIVEN_UP_AFTER and one.attempts >= GIVEN_UP_TRIES
        if state is not NoticeState.WAITING or not old:
            return state
        LOG.error("message_given_up", message=one.id, attempts=one.attempts)
        return NoticeState.SENT if Attempt.TOLD in one.results.values() else NoticeState.DROPPED
