"""What the service asks of a store about work: alerts that came, decisions about them, rollbacks."""

from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import Protocol

from rollback.domain.consequences import NOTHING, Consequences
from rollback.domain.control import Proposal
from rollback.domain.decision import Decision
from rollback.domain.rollback import Phase, Rollback
from rollback.domain.stored import (
    Batch,
    DecisionRecord,
    InboxItem,
    NewEntry,
    Notice,
    Receipt,
    SetAside,
    Settled,
    Step,
)


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
