"""Messages go out after the change that they tell of is stored, and never hold up anything."""

from datetime import datetime, timedelta

import structlog

from rollback import faults
from rollback.domain.errors import Blind, Undeliverable
from rollback.domain.ports import Clock, Messenger, Store
from rollback.domain.records import NoticeState, WaitingNotice
from rollback.faults import Moment

LOG = structlog.get_logger("rollback.tell")
AT_ONCE = 5
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=1), timedelta(seconds=30)
GIVEN_UP_AFTER = timedelta(days=1)
"""News older than that is history; until then a channel that comes back is told what it missed."""


class Teller:
    """Sends stored messages in order. When the channel is away it is asked again with growing pauses."""

    def __init__(self, store: Store, clock: Clock, messenger: Messenger) -> None:
        self._store, self._clock, self._messenger = store, clock, messenger
        self._away_until: datetime | None = None

    def work(self) -> int:
        """Send what is due; return how many messages were settled. None overtakes one that waits."""
        now = self._clock.now()
        if self._away_until and now < self._away_until <= now + LONGEST_RETRY:
            return 0
        self._away_until = None
        due = self._store.notices_due(now, limit=AT_ONCE)
        for count, waiting in enumerate(due):
            if not self._settled(waiting):
                return count
        return len(due)

    def _settled(self, waiting: WaitingNotice) -> bool:
        """Whether the message is done with; otherwise it waits, and all others behind it."""
        try:
            self._messenger.send(waiting.notice)
        except Undeliverable as error:
            return self._drop(waiting, str(error))
        except Blind as error:
            if self._clock.now() - waiting.created_at > GIVEN_UP_AFTER:
                return self._drop(waiting, str(error))
            self._put_off(waiting, str(error))
            return False
        faults.passing(Moment.MESSAGE_SENT)
        self._store.settle_notice(waiting.id, NoticeState.SENT, retry_at=None)
        return True

    def _drop(self, waiting: WaitingNotice, problem: str) -> bool:
        LOG.error("message_dropped", message=waiting.id, attempts=waiting.attempts + 1, error=problem)
        self._store.settle_notice(waiting.id, NoticeState.DROPPED, retry_at=None)
        return True

    def _put_off(self, waiting: WaitingNotice, problem: str) -> None:
        delay = min(FIRST_RETRY * 2 ** min(waiting.attempts, 10), LONGEST_RETRY)
        LOG.warning("message_not_sent", message=waiting.id, error=problem, again_in=delay.total_seconds())
        self._away_until = self._clock.now() + delay
        self._store.settle_notice(waiting.id, NoticeState.WAITING, retry_at=self._away_until)
