"""History, messages, marks and counts in memory."""

from dataclasses import replace
from datetime import datetime

from rollback.adapters.memory.state import State, count
from rollback.domain.errors import (
    ConcurrentChange,
)
from rollback.domain.records import (
    LedgerEntry,
    NewEntry,
    NoticeState,
    Tally,
    WaitingNotice,
)


class Journal(State):
    """The journal part of the store."""

    def append(self, *entries: NewEntry) -> None:
        """Add entries to the ledger."""
        for entry in entries:
            self.log(entry)

    def ledger(self, after: int, limit: int) -> list[LedgerEntry]:
        """Entries with an id above *after*, oldest first."""
        return self.entries[after : after + limit]

    def notices_due(self, now: datetime, limit: int) -> list[WaitingNotice]:
        """Messages whose time has come, oldest first."""
        waiting = [m for m in self.messages if m.state is NoticeState.WAITING and m.due_at <= now]
        return [m.waiting for m in waiting][:limit]

    def settle_notice(self, notice_id: int, state: NoticeState, retry_at: datetime | None) -> None:
        """Write down what became of one attempt."""
        message = self.messages[notice_id - 1]
        if message.state is not NoticeState.WAITING:
            raise ConcurrentChange
        message.waiting = replace(message.waiting, attempts=message.waiting.attempts + 1)
        message.state, message.due_at = state, retry_at or message.due_at

    def mark(self, name: str, at: datetime) -> None:
        """Remember when something last happened."""
        self.marks[name] = at

    def marked(self, name: str) -> datetime | None:
        """When it last happened, if ever."""
        return self.marks.get(name)

    def tally(self) -> Tally:
        """Counts and states."""
        with self.lock:
            services = sorted({service for service, _ in self.releases})
            ended = [r for r in self.all_rollbacks if not r.active]
            verdicts = [r.verification.verdict for r in ended if r.verification]
            decided = [(d.verdict, d.reason, d.alert.trigger) for d in self.all_decisions]
            states = [row.state for row in self.inbox]
            notices = [message.state for message in self.messages]
            return Tally(
                rollbacks=count([r.phase for r in ended]),
                decisions=count(decided),
                verifications=count(verdicts),
                notices=count(notices),
                inbox_pending=states.count("pending"),
                inbox_held=states.count("held"),
                quarantined=self.quarantined,
                last_heartbeat=self.marks.get("heartbeat"),
                services=tuple(self.service_state(service) for service in services),
            )

    def close(self) -> None:
        """Take nothing more."""
        self.closed = True
