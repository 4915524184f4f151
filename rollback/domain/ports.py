"""What the daemon needs from the world. Adapters implement these; a contract suite proves each one."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from rollback.domain.alert import Alert
from rollback.domain.decision import Decision
from rollback.domain.deployment import Deployment, NewDeployment, Outcome
from rollback.domain.records import (
    Batch,
    DecisionRecord,
    InboxItem,
    LedgerEntry,
    NewEntry,
    Notice,
    NoticeState,
    Receipt,
    ServiceState,
    Step,
    Tally,
    WaitingNotice,
)
from rollback.domain.rollback import Phase, Rollback


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The current moment, in UTC."""
        ...


Pause = Callable[[float], bool]
"""Wait so many seconds, or less; True when the daemon is stopping."""


class InboxStore(Protocol):
    """Alerts as they arrived, each state of each episode once."""

    def receive(self, batch: Batch) -> Future[Receipt]:
        """Store the batch; the future comes true with the commit. Raises QueueFull, ShuttingDown."""
        ...

    def waiting(self, limit: int) -> list[InboxItem]:
        """The oldest alerts that wait for a decision."""
        ...

    def resolved_at(self, alert: Alert) -> datetime | None:
        """When the end of the alert's episode was received, if it was."""
        ...

    def wake_expired(self, started_before: datetime) -> int:
        """Let held alerts that began before that moment be decided once more, which settles them as stale."""
        ...


class DecisionStore(Protocol):
    """Decisions and what they started."""

    def record(
        self, item: InboxItem, decision: Decision, entry: NewEntry, notices: tuple[Notice, ...]
    ) -> DecisionRecord:
        """Store the decision and, for `roll_back`, the rollback; one transaction.

        An unchanged outcome of an alert that is decided again adds no record. Raises ConcurrentChange when
        the service already has an active rollback, the deployment has had one, or another deployment has
        begun: decide again on new facts.
        """
        ...

    def decision(self, decision_id: int) -> DecisionRecord:
        """The decision, or NotFound."""
        ...

    def decisions(self, service: str | None, limit: int) -> list[DecisionRecord]:
        """The latest decisions, newest first."""
        ...


class RollbackStore(Protocol):
    """Rollbacks, moved by compare-and-swap."""

    def rollback(self, rollback_id: int) -> Rollback:
        """The rollback, or NotFound."""
        ...

    def rollbacks(self, service: str | None, limit: int) -> list[Rollback]:
        """The latest rollbacks, newest first."""
        ...

    def in_phase(self, *phases: Phase) -> list[Rollback]:
        """Every rollback in one of the phases, oldest first."""
        ...

    def move(
        self,
        before: Rollback,
        after: Rollback,
        entries: tuple[NewEntry, ...],
        notices: tuple[Notice, ...] = (),
    ) -> None:
        """Replace *before* by *after* with its ledger entries, or raise ConcurrentChange; one transaction.

        Entering `verifying` makes the target the live version.
        """
        ...

    def add_step(self, rollback: Rollback, step: Step, notices: tuple[Notice, ...] = ()) -> None:
        """Record one host's step while the executor works."""
        ...

    def steps(self, rollback_id: int) -> list[Step]:
        """The recorded steps, oldest first."""
        ...


class DeploymentStore(Protocol):
    """Deployments and the versions that they made live."""

    def start_deployment(self, new: NewDeployment, at: datetime) -> Deployment:
        """Register it. Raises RollbackInProgress or VersionRejected."""
        ...

    def finish_deployment(
        self, deployment_id: int, outcome: Outcome, detail: str, at: datetime
    ) -> Deployment:
        """Close it; `live` makes its version the live one. Raises NotFound or DeploymentClosed."""
        ...

    def observe_live(self, service: str, version: str, at: datetime) -> None:
        """Write down that the hosts run this version, though nobody reported it.

        A version that nobody ever declared safe to go back to stays unsafe.
        """
        ...

    def deployments(self, service: str | None, limit: int) -> list[Deployment]:
        """The latest deployments, newest first."""
        ...

    def service_state(self, service: str) -> ServiceState:
        """What is known about the service, read at one moment; an unknown service is empty, not an error."""
        ...


class JournalStore(Protocol):
    """History, messages, marks and counts."""

    def append(self, *entries: NewEntry) -> None:
        """Add entries to the ledger."""
        ...

    def ledger(self, after: int, limit: int) -> list[LedgerEntry]:
        """Entries with an id above *after*, oldest first."""
        ...

    def notices_due(self, now: datetime, limit: int) -> list[WaitingNotice]:
        """Messages whose time has come, oldest first."""
        ...

    def settle_notice(self, notice_id: int, state: NoticeState, retry_at: datetime | None) -> None:
        """Write down what became of one attempt; WAITING wants the time of the next one."""
        ...

    def mark(self, name: str, at: datetime) -> None:
        """Remember when something last happened."""
        ...

    def marked(self, name: str) -> datetime | None:
        """When it last happened, if ever."""
        ...

    def tally(self) -> Tally:
        """Counts and states for /metrics and the status page."""
        ...

    def close(self) -> None:
        """Finish what was accepted, then let go of the database."""
        ...


class Store(InboxStore, DecisionStore, RollbackStore, DeploymentStore, JournalStore, Protocol):
    """Everything durable. The contract suite in tests/contract runs on each implementation."""


class RunOutcome(StrEnum):
    """How an executor's run ended."""

    RESTORED = "restored"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    HANDED_OVER = "handed_over"  # the daemon is stopping; the next start resumes


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The end of a run; `detail` is a sentence for people."""

    outcome: RunOutcome
    detail: str = ""


class Executor(Protocol):
    """Brings every host of a service to a version. Running it twice does no harm."""

    def run(self, rollback: Rollback, on_step: Callable[[Step], None], stopping: Pause) -> RunResult:
        """Restore `rollback.to_version`; report steps while it works; never raise for a failed run."""
        ...


@dataclass(frozen=True, kw_only=True)
class Fired:
    """An alert that Prometheus remembers firing, with the first and last moment inside the asked range."""

    labels: dict[str, str]
    first: datetime
    last: datetime


@dataclass(frozen=True, kw_only=True)
class SourceState:
    """Whether a system that the daemon asks answered the last time."""

    name: str
    reachable: bool | None
    failures: int
    error: str = ""


class Monitoring(Protocol):
    """Prometheus and Alertmanager as evidence. Every method raises Blind when it cannot be asked."""

    def began(self, alert: Alert) -> datetime | None:
        """Since when the alert's condition has been true; None when Prometheus knows no such alert."""
        ...

    def firing(self) -> list[Alert]:
        """The alerts for the daemon that Alertmanager holds as active now."""
        ...

    def fired_between(self, start: datetime, end: datetime) -> list[Fired]:
        """The alerts for the daemon that fired in the time, as far as Prometheus remembers."""
        ...

    def measure(self, expression: str, version: str) -> bool | None:
        """True or False as the verify expression says for the version; None when it has no sample."""
        ...

    def sources(self) -> list[SourceState]:
        """How asking went lately."""
        ...

    def labels_of(self, alertname: str) -> Alert | None:
        """The labels and annotations of a rule, as a firing alert; None when there is no such rule."""
        ...


class Probes(Protocol):
    """The service's hosts, asked directly."""

    def live_versions(self, service: str) -> dict[str, str | None]:
        """The version that each host says it runs; None for a host that is not ready or does not answer."""
        ...


class Messenger(Protocol):
    """A channel to people."""

    def send(self, notice: Notice) -> None:
        """Deliver the message, or raise Blind."""
        ...
