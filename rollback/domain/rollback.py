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
    CALLED_OFF = "called_off"  # no longer wanted before a host was touched


ACTIVE = frozenset({Phase.PENDING, Phase.RUNNING, Phase.VERIFYING})
"""Phases of which the database allows one rollback per service."""


class Kind(StrEnum):
    """What a rollback is for."""

    ROLLBACK = "rollback"
    REPAIR = "repair"  # brings hosts that were away to the version that the service runs since


class HostState(StrEnum):
    """What became of a host."""

    DONE = "done"
    ALREADY = "already"  # it ran the target before
    FAILED = "failed"  # it answers, and could not be restored
    UNREACHABLE = "unreachable"
    LACKING = "lacking"  # it has no such release, and none could be brought


WAITING = frozenset({HostState.UNREACHABLE, HostState.LACKING})
"""States of a host that is restored later, when that becomes possible."""


class VerificationVerdict(StrEnum):
    """What measuring after the restore showed."""

    FIXED = "fixed"
    NOT_FIXED = "not_fixed"
    WORSE = "worse"
    BLIND = "blind"


@dataclass(frozen=True, kw_only=True)
class HostResult:
    """How one host ended: `detail` is one sentence, for people."""

    host: str
    state: "HostState"
    at: datetime
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened to a rollback."""

    at: datetime


class Claimed(Event):
    """A worker took it."""


class Resumed(Event):
    """The daemon restarted and took it up again."""


@dataclass(frozen=True, kw_only=True)
class Restored(Event):
    """Every host that could be reached runs the target."""

    results: tuple[HostResult, ...] = ()


@dataclass(frozen=True, kw_only=True)
class AttemptFailed(Event):
    """A host that answers could not be restored, or none could."""

    detail: str
    results: tuple[HostResult, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CalledOff(Event):
    """It was no longer wanted when the first host was about to be touched; `detail` says why."""

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
    (Phase.PENDING, CalledOff): Phase.CALLED_OFF,
    (Phase.RUNNING, CalledOff): Phase.CALLED_OFF,
    (Phase.RUNNING, Resumed): Phase.RUNNING,
    (Phase.RUNNING, Restored): Phase.VERIFYING,
    (Phase.RUNNING, AttemptFailed): Phase.FAILED,
    (Phase.VERIFYING, Resumed): Phase.VERIFYING,
    (Phase.VERIFYING, VerifiedFixed): Phase.SUCCEEDED,
    (Phase.VERIFYING, VerificationEnded): Phase.UNVERIFIED,
    # What could not be measured is measured again when Prometheus is back.
    (Phase.UNVERIFIED, VerifiedFixed): Phase.SUCCEEDED,
    (Phase.UNVERIFIED, VerificationEnded): Phase.UNVERIFIED,
}


@dataclass(frozen=True, kw_only=True)
class Measure:
    """What one trigger's `verify` said; `value` is the number it judges, where that could be read."""

    alertname: str
    healthy: bool | None
    value: float | None = None


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One measurement after the restore; `healthy` is None when nothing could be learned.

    `unready_hosts` do not answer with the target, hosts that were not restored left out.
    """

    at: datetime
    healthy: bool | None
    detail: str = ""
    unready_hosts: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The verdict and the samples it rests on."""

    verdict: VerificationVerdict
    at: datetime
    samples: tuple[Sample, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rollback:
    """A service on its way from a bad version back to a good one.

    `only` names the hosts of a repair; empty means all. `by` is the person who asked; empty when nobody did.
    """

    id: int
    service: str
    env: str
    kind: Kind = Kind.ROLLBACK
    from_version: str
    to_version: str
    decision_id: int
    deployment_id: int | None
    requested_at: datetime
    by: str = ""
    only: tuple[str, ...] = ()
    phase: Phase = Phase.PENDING
    attempt: int = 0
    changed_at: datetime
    started_at: datetime | None = None
    restored_at: datetime | None = None
    finished_at: datetime | None = None
    detail: str = ""
    results: tuple[HostResult, ...] = ()
    verification: Verification | None = field(default=None)
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""

    @property
    def active(self) -> bool:
        """True until it has ended, well or badly."""
        return self.phase in ACTIVE

    @property
    def changed(self) -> bool:
        """True when it moved a host."""
        return any(result.state is HostState.DONE for result in self.results)

    @property
    def gated(self) -> bool:
        """True when it stands and falls with its alert; what a person asked for and repairs do not."""
        return self.kind is Kind.ROLLBACK and not self.by

    @property
    def waiting(self) -> tuple[str, ...]:
        """The hosts that are to be restored when that becomes possible."""
        return tuple(result.host for result in self.results if result.state in WAITING)

    @property
    def vain(self) -> bool:
        """True for a repair that failed because its hosts are still away: what it was for is still open."""
        tried = any(result.state is HostState.FAILED for result in self.results)
        return self.kind is Kind.REPAIR and self.phase is Phase.FAILED and not self.changed and not tried

    def apply(self, event: Event) -> "Rollback":
        """Return the rollback after *event*, or raise IllegalTransition."""
        phase = TRANSITIONS.get((self.phase, type(event)))
        if phase is None:
            raise IllegalTransition(f"{type(event).__name__} while rollback {self.id} is {self.phase}")
        after = replace(self, phase=phase, changed_at=event.at)
        if isinstance(event, Claimed | Resumed) and phase is Phase.RUNNING:
            after = replace(after, attempt=self.attempt + 1, started_at=self.started_at or event.at)
        if isinstance(event, Restored):
            after = replace(after, restored_at=event.at, results=event.results or self.results)
        if isinstance(event, AttemptFailed):
            after = replace(after, detail=event.detail, results=event.results or self.results)
        if isinstance(event, CalledOff):
            after = replace(after, detail=event.detail)
        return after if after.active else replace(after, finished_at=self.finished_at or event.at)
