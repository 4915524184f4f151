"""What the daemon needs from the world. Adapters implement these; a contract suite proves each one."""

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from rollback.domain.alert import Alert
from rollback.domain.consequences import NOTHING, Consequences
from rollback.domain.control import Freeze, Proposal, ProposalState, Rehearsal
from rollback.domain.decision import Decision
from rollback.domain.deployment import Deployment, NewDeployment, Outcome, Release, Standing
from rollback.domain.facts import HostSeen
from rollback.domain.rollback import HostResult, Phase, Rollback
from rollback.domain.stored import (
    Attempt,
    Batch,
    DecisionRecord,
    InboxItem,
    LedgerEntry,
    NewEntry,
    Notice,
    NoticeState,
    Quarantined,
    Receipt,
    ServiceState,
    SetAside,
    Settled,
    Step,
    Tally,
    WaitingNotice,
)


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The current moment, in UTC. Somebody may set it, forwards or backwards."""
        ...

    def ticks(self) -> float:
        """Seconds since some moment of this life of the daemon: what waits in memory counts by them."""
        ...


Pause = Callable[[float], bool]
"""Wait so many seconds, or less; True when the daemon is stopping."""


class InboxStore(Protocol):
    """Alerts as they arrived, each state of each episode once."""

    def receive(self, batch: Batch) -> Future[Receipt]:
        """Store the batch; the future comes true with the commit. Raises QueueFull, ShuttingDown."""
        ...

    def waiting(self, limit: int, resting: Collection[int] = ()) -> list[InboxItem]:
        """The oldest alerts that wait for a decision, without those that rest or cannot be read."""
        ...

    def unreadable(self, limit: int) -> list[tuple[int, str]]:
        """The oldest alerts that wait for a decision and cannot be read, with why."""
        ...

    def set_aside(self, items: Mapping[int, str], at: datetime, notices: tuple[Notice, ...] = ()) -> None:
        """Let alerts be that cannot be decided, and keep them, each with why, for people to look at."""
        ...

    def quarantined(self, limit: int) -> list[SetAside]:
        """What was set aside last, newest first."""
        ...

    def wake_expired(self, started_before: datetime) -> int:
        """Let held alerts that began before that moment be decided once more, which settles them as stale."""
        ...


Tell = Callable[[int], tuple[Notice, ...]]
"""The messages about a decision, once its number is known."""


class DecisionStore(Protocol):
    """Decisions and what they started."""

    def record(self, settled: Settled, tell: Tell) -> DecisionRecord | None:
        """Store the decision with the rollback or proposal that it starts; one transaction.

        None when every alert of it had the same decision before: that adds no record and no message. Raises
        ConcurrentChange when the service already has an active rollback, the deployment has had one, or
        another deployment has begun: decide again on new facts.
        """
        ...

    def record_by_person(
        self, decision: Decision, proposal: Proposal | None, note: str, tell: Tell
    ) -> DecisionRecord:
        """Store a rollback that a person asked for or approved. Raises ConcurrentChange, AlreadyAnswered."""
        ...

    def decision(self, decision_id: int) -> DecisionRecord:
        """The decision, or NotFound."""
        ...

    def decisions(self, service: str | None, limit: int) -> list[DecisionRecord]:
        """The latest decisions, newest first."""
        ...

    def holds(self, env: str) -> list[DecisionRecord]:
        """Decisions of alerts that are on hold now, oldest first; `alerts` counts those that still are."""
        ...

    def followers(self, decision: DecisionRecord) -> int:
        """How many later alerts were settled because of what that decision started."""
        ...

    def received_at(self, decision: DecisionRecord) -> datetime | None:
        """When the first alert of the decision arrived; None when a person decided."""
        ...

    def untold_holds(self, decided_before: datetime, now: datetime) -> list[DecisionRecord]:
        """Decisions of alerts that have been on hold since before that moment, of which nobody was told.

        Those from after *now* are among them: the clock was set back since.
        """
        ...

    def fired_since(self, service: str, env: str, since: datetime) -> set[str]:
        """The names of the service's alerts that were decided about since then and that Prometheus knew."""
        ...

    def tell_hold(self, decision: DecisionRecord, entry: NewEntry, notices: tuple[Notice, ...]) -> None:
        """Write down that people are told of the hold."""
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
        follows: Consequences = NOTHING,
    ) -> None:
        """Replace *before* by *after* with all that follows, or raise ConcurrentChange; one transaction.

        Entering `verifying` makes the target the live version. An end that moved no host lets its alerts be
        decided again when they are seen firing.
        """
        ...

    def start_repair(self, of: Rollback, hosts: tuple[str, ...], at: datetime) -> Rollback:
        """Begin to bring hosts that were away to the version of that rollback, or ConcurrentChange."""
        ...

    def acknowledge(self, rollback_id: int, by: str, note: str, at: datetime) -> Rollback:
        """A person takes over what the rollback left open, or NotFound."""
        ...

    def add_step(self, rollback: Rollback, step: Step, notices: tuple[Notice, ...] = ()) -> None:
        """Record one host's step while the executor works."""
        ...

    def steps(self, rollback_id: int) -> list[Step]:
        """The recorded steps, oldest first."""
        ...


class DeploymentStore(Protocol):
    """Deployments and the versions that they made live."""

    def adopt(self, env: str) -> None:
        """Give what was written before environments were known the daemon's own, once."""
        ...

    def start_deployment(self, new: NewDeployment, at: datetime) -> Deployment:
        """Register it; the same version registered again while it is open is the same deployment.

        Raises RollbackInProgress, DeploymentInProgress or VersionRejected.
        """
        ...

    def finish_deployment(
        self,
        deployment_id: int,
        outcome: Outcome,
        detail: str,
        at: datetime,
        notices: tuple[Notice, ...] = (),
    ) -> Deployment:
        """Close it; `live` makes its version the live one. Raises NotFound or DeploymentClosed."""
        ...

    def observe_live(
        self, service: str, env: str, version: str, at: datetime, notices: tuple[Notice, ...] = ()
    ) -> None:
        """Write down that the hosts run this version, though nobody reported it.

        A version that nobody ever declared safe to leave stays unsafe.
        """
        ...

    def mark_release(
        self,
        service: str,
        env: str,
        version: str,
        standing: Standing,
        by: str,
        at: datetime,
        notices: tuple[Notice, ...] = (),
    ) -> None:
        """Give a release a standing; NotFound when there is no such release."""
        ...

    def deployments(self, service: str | None, limit: int) -> list[Deployment]:
        """The latest deployments, newest first."""
        ...

    def open_deployments(self, env: str) -> list[Deployment]:
        """Those that have reported no end."""
        ...

    def services(self, env: str) -> list[str]:
        """Every service that has a release in the environment."""
        ...

    def service_state(self, service: str, env: str) -> ServiceState:
        """What is known about the service, read at one moment; an unknown service is empty, not an error."""
        ...


class ControlStore(Protocol):
    """What people and past rollbacks have put in the way, and what rehearsals found."""

    def freeze(self, wanted: Freeze) -> Freeze:
        """Stop automatic rollbacks; a freeze of the same service that still holds is replaced."""
        ...

    def unfreeze(self, service: str, env: str, by: str, at: datetime) -> Freeze:
        """End the freeze, or NotFound."""
        ...

    def expire_freezes(self, at: datetime) -> list[Freeze]:
        """End the freezes whose time is over, and return them."""
        ...

    def freezes(self, env: str) -> list[Freeze]:
        """Those that were not ended."""
        ...

    def close_breaker(self, service: str, env: str, by: str, note: str, at: datetime) -> None:
        """Let automatic rollbacks happen again, or NotFound."""
        ...

    def proposal(self, proposal_id: int) -> Proposal:
        """The proposal, or NotFound."""
        ...

    def proposals(self, env: str, limit: int) -> list[Proposal]:
        """The latest, newest first."""
        ...

    def answer_proposal(
        self,
        proposal: Proposal,
        state: ProposalState,
        by: str,
        note: str,
        at: datetime,
        notices: tuple[Notice, ...] = (),
    ) -> None:
        """Write down a person's answer, or AlreadyAnswered."""
        ...

    def rehearsed(self, service: str, env: str, found: tuple[Rehearsal, ...], hosts: tuple[str, ...]) -> None:
        """Replace what was known about the way back; hosts that the site no longer has are forgotten."""
        ...


Settle = Callable[[WaitingNotice], NoticeState]
"""Where a message stands by what its channels have made of it."""


class JournalStore(Protocol):
    """History, messages, marks and counts."""

    def append(self, *entries: NewEntry) -> None:
        """Add entries to the ledger."""
        ...

    def tell_once(self, mark: str, notices: tuple[Notice, ...], at: datetime) -> bool:
        """Store messages that no change belongs to, unless the mark says that it was done before."""
        ...

    def ledger(self, after: int, limit: int) -> list[LedgerEntry]:
        """Entries with an id above *after*, oldest first."""
        ...

    def notices_waiting(self, limit: int) -> list[WaitingNotice]:
        """Messages that are not settled: the thread with the most urgent one first, each thread in order."""
        ...

    def settle_notices(
        self, numbers: Sequence[int], channel: str, attempt: Attempt | None, settle: Settle, at: datetime
    ) -> None:
        """Write down what a channel made of them, or only that it was asked; *settle* says where each stands.

        One transaction. Raises ConcurrentChange when the channel has told or refused one of them before.
        """
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

    def forget(self, records_before: datetime, quarantine_before: datetime, limit: int) -> int:
        """Delete at most so many of each kind of record that are older; return how many went.

        What decisions rest on stays, however old it is, and every count of `tally` stays as it is.
        """
        ...

    def close(self) -> None:
        """Finish what was accepted, then let go of the database."""
        ...


class Store(InboxStore, DecisionStore, RollbackStore, DeploymentStore, ControlStore, JournalStore, Protocol):
    """Everything durable. The contract suite in tests/contract runs on each implementation."""


class RunOutcome(StrEnum):
    """How an executor's run ended."""

    RESTORED = "restored"
    FAILED = "failed"
    CALLED_OFF = "called_off"  # the gate stayed closed: no host was touched
    TIMED_OUT = "timed_out"
    HANDED_OVER = "handed_over"  # the daemon is stopping; the next start resumes


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """The end of a run: what became of each host that it told of; `detail` is a sentence for people."""

    outcome: RunOutcome
    detail: str = ""
    results: tuple[HostResult, ...] = ()


Gate = Callable[[], str]
"""Asked at the moment the first host would be touched: empty to go on, else why not."""


class Executor(Protocol):
    """Brings every host of a service to a version. Running it twice does no harm."""

    def run(
        self, rollback: Rollback, on_step: Callable[[Step], None], stopping: Pause, gate: Gate
    ) -> RunResult:
        """Restore `rollback.to_version`; report steps while it works; never raise for a failed run."""
        ...

    def rehearse(self, service: str, target: Release, stopping: Pause) -> tuple[Rehearsal, ...]:
        """Prove the way back on every host without touching anything; nothing where no program can.

        Raises Blind when it cannot run, ShuttingDown when *stopping* says so.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Fired:
    """An alert that Prometheus remembers firing, with the first and last moment inside the asked range."""

    labels: dict[str, str]
    first: datetime
    last: datetime


@dataclass(frozen=True, kw_only=True)
class Active:
    """An alert that Prometheus has now; `firing` is False while it is pending."""

    labels: dict[str, str]
    firing: bool
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Began:
    """Since when the condition of one series of an alert has held."""

    labels: dict[str, str]
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule of Prometheus that the daemon reads. Expressions have `{service}` and `{env}` filled in already.

    evidence: above 0 when there is enough to act on. verify: 1 when healthy. measures: the number it judges.
    """

    name: str
    labels: dict[str, str]
    evidence: str = ""
    verify: str = ""
    measures: str = ""
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SourceState:
    """Whether a system that the daemon asks answered the last time."""

    name: str
    reachable: bool | None
    failures: int
    error: str = ""


class Monitoring(Protocol):
    """Prometheus and Alertmanager as evidence. Every method raises Blind when it cannot be asked."""

    def active(self) -> list[Active]:
        """Every alert that Prometheus has as pending or firing now."""
        ...

    def began(self, name: str, since: datetime, until: datetime) -> list[Began]:
        """For each series of the alert that was active at *until*: since when, without an inactive moment.

        A restart of Prometheus, which dates alerts anew, does not break the row.
        """
        ...

    def troubled(self, labels: dict[str, str], seconds: float) -> list[dict[str, str]]:
        """Alerts with these labels that were pending or firing within the last *seconds*."""
        ...

    def firing(self) -> tuple[list[Alert], list[Quarantined]]:
        """The alerts for the daemon that Alertmanager holds as active now, and what of them is unreadable."""
        ...

    def fired_between(self, start: datetime, end: datetime) -> list[Fired]:
        """The alerts for the daemon that fired in the time, as far as Prometheus remembers."""
        ...

    def number(self, expression: str, version: str | None = None) -> float | None:
        """The value of an instant expression, the lowest where there are several; None without a sample.

        Where samples carry a version, only the wanted one counts.
        """
        ...

    def measure(self, expression: str, version: str) -> bool | None:
        """True or False as the verify expression says for the version; None when it has no sample."""
        ...

    def proven(self, service: str, env: str, seconds: float) -> bool:
        """Whether the service had traffic, no trigger and paged nobody during the last *seconds*."""
        ...

    def rules(self, service: str, env: str) -> dict[str, Rule]:
        """The rules that may roll back or propose it, by name, filled in for the service."""
        ...

    def sources(self) -> list[SourceState]:
        """How asking went lately."""
        ...


class Probes(Protocol):
    """The service's hosts, asked directly."""

    def hosts(self, service: str) -> tuple[HostSeen, ...]:
        """What each host says of itself, in the order of the settings; empty when none is configured."""
        ...


class Messenger(Protocol):
    """A channel to people."""

    @property
    def configured(self) -> bool:
        """False when the site has no such channel."""
        ...

    def send(self, notice: Notice) -> None:
        """Deliver the message within seconds, or raise NotTaken when the channel does not take it now.

        Raises Undeliverable when the channel would never take this message.
        """
        ...
