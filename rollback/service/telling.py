"""Messages go out after the change that they tell of is stored, and never hold up anything."""

from datetime import timedelta

import structlog

from rollback.domain.errors import Blind
from rollback.domain.ports import Clock, Messenger, Store
from rollback.domain.records import NoticeState, WaitingNotice

LOG = structlog.get_logger("rollback.tell")
ATTEMPTS = 6
FIRST_RETRY = timedelta(seconds=1)


class Teller:
    """Sends stored messages in order; each is tried a bounded number of times with growing pauses."""

    def __init__(self, store: Store, clock: Clock, messenger: Messenger) -> None:
        self._store, self._clock, self._messenger = store, clock, messenger

    def work(self) -> int:
        """Send what is due; return how many messages were settled or put off."""
        due = self._store.notices_due(self._clock.now(), limit=5)
        for waiting in due:
            self._send(waiting)
        return len(due)

    def _send(self, waiting: WaitingNotice) -> None:
        try:
            self._messenger.send(waiting.notice)
        except Blind as error:
            self._put_off(waiting, str(error))
        else:
            self._store.settle_notice(waiting.id, NoticeState.SENT, retry_at=None)

    def _put_off(self, waiting: WaitingNotice, problem: str) -> None:
        if waiting.attempts + 1 >= ATTEMPTS:
            LOG.error("message_dropped", message=waiting.id, attempts=ATTEMPTS, error=problem)
            self._store.settle_notice(waiting.id, NoticeState.DROPPED, retry_at=None)
            return
        delay = FIRST_RETRY * 2**waiting.attempts
        LOG.warning("message_not_sent", message=waiting.id, error=problem, again_in=delay.total_seconds())
        self._store.settle_notice(waiting.id, NoticeState.WAITING, retry_at=self._clock.now() + delay)
