"""One rollback's life, as a table."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from rollback.domain.errors import IllegalTransition


class Phase(StrEnum):
    """Where a rollback stands."""

    PENDING = "pending"  # accepted; no worker has it yet
    RUNNING = "running"  # the executor is restoring the known-good version
    VERIFYING = "verifying"  # restored; being measured
    SUCCEEDED = "succeeded"  # restored and measured healthy
    UNVERIFIED = "unverified"  # restored, but not measured healthy: a person looks
    FAILED = "failed"  # not restored: a person takes over


ACTIVE = frozenset({Phase.PENDING, Phase.RUNNING, Phase.VERIFYING})
"""Phases of which the database allows one rollback per service."""


class VerificationVerdict(StrEnum):
    """What measuring after the restore showed."""

    FIXED = "fixed"
    NOT_FIXED = "not_fixed"
    WORSE = "worse"
    BLIND = "blind"


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a rollback."""

    at: datetime


class Claimed(Event):
    """A worker took it."""


class Resumed(Event):
    """The daemon restarted and took it up again."""


class Restored(Event):
    """Every host runs the known-good version."""


@dataclass(frozen=True, kw_only=True)
class AttemptFailed(Event):
    """The executor could not restore every host."""

    detail: str


class VerifiedFixed(Event):
    """The measurement was healthy for long enough."""


@dataclass(frozen=True, kw_only=True)
class VerificationEnded(Event):
    """The measurement did not become healthy in time."""

    verdict: VerificationVerdict


TRANSITIONS: dict[tuple[Phase, type[Event]], Phase] = {
    (Phase.PENDING, Claimed): Phase.RUNNING,
    (Phase.PENDING, AttemptFailed): Phase.FAILED,
    (Phase.RUNNING, Resumed): Phase.RUNNING,
    (Phase.RUNNING, Restored): Phase.VERIFYING,
    (Phase.RUNNING, AttemptFailed): Phase.FAILED,
    (Phase.VERIFYING, Resumed): Phase.VERIFYING,
    (Phase.VERIFYING, VerifiedFixed): Phase.SUCCEEDED,
    (Phase.VERIFYING, VerificationEnded): Phase.UNVERIFIED,
}


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One measurement after the restore; `healthy` is None when nothing could be learned."""

    at: datetime
    healthy: bool | None
    detail: str = ""
    unready_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The verdict and the samples it rests on."""

    verdict: VerificationVerdict
    at: datetime
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """A service on its way from a bad version back to a known-good one."""

    id: int
    service: str
    from_version: str
    to_version: str
    decision_id: int
    deployment_id: int
    requested_at: datetime
    phase: Phase = Phase.PENDING
    attempt: int = 0
    changed_at: datetime
    started_at: datetime | None = None
    restored_at: datetime | None = None
    finished_at: datetime | None = None
    detail: str = ""
    verification: Verification | None = field(default=None)

    @property
    def active(self) -> bool:
        """True until it has ended, well or badly."""
        return self.phase in ACTIVE

    def apply(self, event: Event) -> "Rollback":
        """Return the rollback after *event*, or raise IllegalTransition."""
        phase = TRANSITIONS.get((self.phase, type(event)))
        if phase is None:
            raise IllegalTransition(f"{type(event).__name__} while rollback {self.id} is {self.phase}")
        after = replace(self, phase=phase, changed_at=event.at)
        if isinstance(event, Claimed | Resumed) and phase is Phase.RUNNING:
            after = replace(after, attempt=self.attempt + 1, started_at=self.started_at or event.at)
        if isinstance(event, Restored):
            after = replace(after, restored_at=event.at)
        if isinstance(event, AttemptFailed):
            after = replace(after, detail=event.detail)
        return after if after.active else replace(after, finished_at=event.at)
