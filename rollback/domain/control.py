"""What people and past rollbacks have put in the way of automatic ones, or asked for."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

EVERYTHING = ""
"""A freeze of this service is one of all services."""


@dataclass(frozen=True, kw_only=True)
class Freeze:
    """A person's stop of automatic rollbacks of one service, or of all, until a moment."""

    id: int
    service: str
    env: str
    reason: str
    by: str
    since: datetime
    until: datetime
    ended_at: datetime | None = None
    ended_by: str = ""

    def holds(self, now: datetime) -> bool:
        """True while it stops automatic rollbacks, also when the clock was set back since it began."""
        return self.ended_at is None and now < self.until


class Cause(StrEnum):
    """Why a breaker opened."""

    REPEATED = "repeated"  # several rollbacks within a short time
    FRUITLESS = "fruitless"  # a rollback was measured not to help


@dataclass(frozen=True, kw_only=True)
class Breaker:
    """Automatic rollbacks of a service are off until a person closes it."""

    service: str
    env: str
    cause: Cause
    why: str
    opened_at: datetime


class ProposalState(StrEnum):
    """What became of a proposal."""

    OPEN = "open"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"  # the facts have moved before anybody answered


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A rollback that waits for a person's yes; its number is that of the decision that made it."""

    id: int
    service: str
    env: str
    deployment_id: int | None
    from_version: str
    to_version: str | None
    state: ProposalState
    at: datetime
    by: str = ""
    note: str = ""
    answered_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """Whether the way back works on one host, as tried without touching anything."""

    host: str
    ok: bool
    at: datetime
    detail: str = ""
    live: str | None = None  # the version that the host's own link points at
