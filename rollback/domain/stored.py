"""What the store keeps and hands out beside alerts, deployments and rollbacks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum

from rollback.domain.alert import Alert, Source
from rollback.domain.control import Breaker, Freeze, Proposal, Rehearsal
from rollback.domain.decision import Decision
from rollback.domain.deployment import Deployment, Release
from rollback.domain.reasons import LedgerKind, Reason, Verdict
from rollback.domain.rollback import Rollback


@dataclass(frozen=True, kw_only=True)
class Quarantined:
    """One alert of a batch that could not be read; its neighbours were taken."""

    body: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """An alert that was set aside, with why and what it looked like."""

    id: int
    at: datetime
    problem: str
    body: str


MOST_SET_ASIDE = 50
"""So many unreadable alerts of one body are kept; the rest are only counted."""


def few(unread: Sequence[Quarantined]) -> tuple[Quarantined, ...]:
    """What is kept of them: nobody reads thousands, and they must not fill the disk."""
    rest = len(unread) - MOST_SET_ASIDE
    if rest <= 0:
        return tuple(unread)
    more = Quarantined(body="", problem=f"{rest} more alerts of one body could not be read")
    return (*unread[:MOST_SET_ASIDE], more)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What arrived together and is stored in one transaction.

    `retry_before`: an alert that waits to be decided again is only woken when its last evaluation is older
    than this, so that a storm of repeats costs no more than a single one.
    """

    at: datetime
    source: Source
    alerts: tuple[Alert, ...]
    retry_before: datetime
    quarantined: tuple[Quarantined, ...] = ()
    heartbeat: bool = False
    receiver: str = ""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What became of a batch: `accepted` alerts are new, `duplicates` were known."""

    accepted: int
    duplicates: int
    quarantined: int


@dataclass(frozen=True, kw_only=True)
class InboxItem:
    """A stored alert that waits for a decision; `resolved_at` is when its end arrived, if it did."""

    id: int
    alert: Alert
    source: Source
    received_at: datetime
    decision_id: int | None
    resolved_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ServiceState:
    """Everything about one service that a decision or a status page needs, read at one moment.

    deployments, rollbacks: the latest ones, newest first.
    breaker_closed_at: when a person last looked at too many or fruitless rollbacks and allowed more.
    handled_by: the rollback of the deployment that is under way or moved a host.
    attempts: its rollbacks that failed and moved none.
    last_attempt_at: when the last of them, or one that was called off, ended.
    last_changed_at: when a rollback that moved a host last ended.
    freezes: the latest ones, whether they hold or not, oldest first.
    open_end: the last rollback whose end a person must know of, until it is acknowledged or overtaken.
    """

    service: str
    env: str
    current: Release | None
    releases: tuple[Release, ...]
    deployment: Deployment | None
    deployments: tuple[Deployment, ...]
    rollbacks: tuple[Rollback, ...]
    handled_by: int | None
    attempts: int
    last_attempt_at: datetime | None
    active_rollback: Rollback | None
    last_rollback: Rollback | None
    open_end: Rollback | None
    last_changed_at: datetime | None
    freeze: Freeze | None
    freezes: tuple[Freeze, ...]
    breaker: Breaker | None
    breaker_closed_at: datetime | None
    proposal: Proposal | None
    rehearsals: tuple[Rehearsal, ...]
    held: int


@dataclass(frozen=True, kw_only=True)
class Settled:
    """Alerts of one name that got the same decision at the same moment: one record for all of them."""

    items: tuple[InboxItem, ...]
    decision: Decision


@dataclass(frozen=True, kw_only=True)
class DecisionRecord:
    """A stored decision; `body` is its whole content as JSON values, `alerts` how many alerts share it."""

    id: int
    at: datetime
    verdict: Verdict
    reason: Reason
    rollback_id: int | None
    alert: Alert
    alerts: int
    body: dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that an executor did on one host."""

    at: datetime
    host: str
    step: str
    status: str
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class LedgerEntry:
    """One line of the append-only history."""

    id: int
    at: datetime
    kind: LedgerKind
    service: str
    env: str = ""
    data: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class NewEntry:
    """A ledger line that is about to be written together with the change that it records."""

    at: datetime
    kind: LedgerKind
    service: str
    env: str = ""
    data: dict[str, object] = field(default_factory=dict)
    rollback_id: int | None = None


class NoticeState(StrEnum):
    """Where a message to people stands."""

    WAITING = "waiting"
    SENT = "sent"
    DROPPED = "dropped"  # no channel took it; an alert says so


class Urgency(IntEnum):
    """What goes before what while messages wait; the second channel takes only what is urgent."""

    URGENT = 0  # a person must act now, and nothing else is going to
    HOLD = 1  # something is not done until somebody looks
    PROPOSAL = 2  # a question that has its time
    NEWS = 3  # progress and good news


class Attempt(StrEnum):
    """What a channel made of a message at last."""

    TOLD = "told"
    REFUSED = "refused"  # it would never take it


@dataclass(frozen=True, kw_only=True)
class Notice:
    """A message to people, stored with the change that it tells of and sent afterwards.

    `thread` names what the message belongs to, such as `rollback-7`, for channels that can keep it together.
    `links` have an address each; one that begins with `/` is a path of the daemon itself.
    """

    text: str
    colour: str
    urgency: Urgency = Urgency.NEWS
    fields: dict[str, str] = field(default_factory=dict)
    thread: str = ""
    links: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class WaitingNotice:
    """A stored message that is not settled; `results` has what each channel made of it so far."""

    id: int
    notice: Notice
    attempts: int
    created_at: datetime
    results: dict[str, Attempt] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Counts read from the durable records, so that a restart neither loses nor repeats one."""

    rollbacks: dict[tuple[str, ...], int]  # by service, phase and trigger, which the oldest lack
    durations: dict[tuple[str, ...], int]  # by service, phase and the limit within which they were; their sum
    decisions: dict[tuple[str, ...], int]  # by service, verdict, reason and trigger
    verifications: dict[tuple[str, ...], int]  # by service and verdict
    notices: dict[str, int]
    oldest_notice: datetime | None  # of those that wait
    inbox_pending: int
    inbox_held: int
    quarantined: int
    last_heartbeat: datetime | None
    services: tuple[ServiceState, ...]
