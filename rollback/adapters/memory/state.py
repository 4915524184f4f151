"""The shared dictionaries of the memory store."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from rollback.adapters.codec import plain
from rollback.domain.deployment import Deployment, Release, live_release
from rollback.domain.errors import (
    NotFound,
)
from rollback.domain.records import (
    DecisionRecord,
    InboxItem,
    LedgerEntry,
    NewEntry,
    Notice,
    NoticeState,
    ServiceState,
    WaitingNotice,
)
from rollback.domain.rollback import Rollback


@dataclass
class Row:
    """One stored alert."""

    item: InboxItem
    state: str = "pending"
    evaluated_at: datetime | None = None


@dataclass
class Message:
    """One stored message."""

    waiting: WaitingNotice
    due_at: datetime
    state: NoticeState = NoticeState.WAITING


@dataclass
class State:
    """What every part of the store shares, behind one lock."""

    inbox: list[Row] = field(default_factory=list)
    releases: dict[tuple[str, str], Release] = field(default_factory=dict)
    all_deployments: list[Deployment] = field(default_factory=list)
    all_decisions: list[DecisionRecord] = field(default_factory=list)
    all_rollbacks: list[Rollback] = field(default_factory=list)
    entries: list[LedgerEntry] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    marks: dict[str, datetime] = field(default_factory=dict)
    quarantined: int = 0
    closed: bool = False

    def __post_init__(self) -> None:
        """One thread at a time, and the same one may come again."""
        self.lock = threading.RLock()

    def deployments(self, service: str | None, limit: int) -> list[Deployment]:
        """The latest deployments, newest first."""
        return [d for d in self.all_deployments if service in (None, d.service)][::-1][:limit]

    def service_state(self, service: str) -> ServiceState:
        """What is known about the service."""
        with self.lock:
            releases = tuple(r for r in self.releases.values() if r.service == service)
            rollbacks = [r for r in self.all_rollbacks if r.service == service]
            deployment = next(iter(self.deployments(service, 1)), None)
            handled = [r.id for r in rollbacks if deployment and r.deployment_id == deployment.id]
            return ServiceState(
                service=service,
                current=live_release(releases),
                releases=releases,
                deployment=deployment,
                handled_by=next(iter(handled), None),
                active_rollback=next((r for r in rollbacks if r.active), None),
                last_finished_at=max((r.finished_at for r in rollbacks if r.finished_at), default=None),
            )

    def log(self, new: NewEntry) -> None:
        """Write the ledger line."""
        number = len(self.entries) + 1
        entry = LedgerEntry(id=number, at=new.at, kind=new.kind, service=new.service, data=plain(new.data))
        self.entries.append(entry)

    def tell(self, notices: tuple[Notice, ...], at: datetime) -> None:
        """Store the messages, due at once."""
        for notice in notices:
            number = len(self.messages) + 1
            waiting = WaitingNotice(id=number, notice=notice, attempts=0, created_at=at)
            self.messages.append(Message(waiting, due_at=at))


class Numbered(Protocol):
    """A record with a number of its own."""

    @property
    def id(self) -> int:
        """The number."""
        ...


N = TypeVar("N", bound=Numbered)
K = TypeVar("K")


def by_id(records: list[N], wanted: int) -> N:
    """The record with that number, or NotFound."""
    found = next((record for record in records if record.id == wanted), None)
    if found is None:
        raise NotFound
    return found


def count(values: Iterable[K]) -> dict[K, int]:
    """How often each value occurs."""
    return dict(Counter(values))
