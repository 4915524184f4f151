"""What the service asks of a store about facts: deployments, what people chose, the ledger and messages."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from rollback.domain.control import Freeze, Proposal, ProposalState, Rehearsal
from rollback.domain.deployment import Deployment, NewDeployment, Outcome, Standing
from rollback.domain.stored import (
    Attempt,
    LedgerEntry,
    NewEntry,
    Notice,
    NoticeState,
    ServiceState,
    Tally,
    WaitingNotice,
)


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
