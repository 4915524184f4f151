"""Rollbacks and deployments in memory."""

from dataclasses import replace
from datetime import datetime

from rollback.adapters.codec import plain
from rollback.adapters.memory.state import State, by_id
from rollback.domain.deployment import Deployment, NewDeployment, Outcome, Release
from rollback.domain.errors import (
    ConcurrentChange,
    DeploymentClosed,
    RollbackInProgress,
    VersionRejected,
)
from rollback.domain.reasons import LedgerKind
from rollback.domain.records import (
    NewEntry,
    Notice,
    Step,
)
from rollback.domain.rollback import Phase, Rollback


class Rollouts(State):
    """The rollback and deployment part of the store."""

    def rollback(self, rollback_id: int) -> Rollback:
        """The rollback, or NotFound."""
        return by_id(self.all_rollbacks, rollback_id)

    def rollbacks(self, service: str | None, limit: int) -> list[Rollback]:
        """The latest rollbacks, newest first."""
        return [r for r in self.all_rollbacks if service in (None, r.service)][::-1][:limit]

    def in_phase(self, *phases: Phase) -> list[Rollback]:
        """Every rollback in one of the phases, oldest first."""
        return [r for r in self.all_rollbacks if r.phase in phases]

    def move(
        self,
        before: Rollback,
        after: Rollback,
        entries: tuple[NewEntry, ...],
        notices: tuple[Notice, ...] = (),
    ) -> None:
        """Replace *before* by *after* with its ledger entries, or raise ConcurrentChange."""
        with self.lock:
            stored = self.rollback(before.id)
            if (stored.phase, stored.attempt) != (before.phase, before.attempt):
                raise ConcurrentChange
            self.all_rollbacks[before.id - 1] = after
            if after.phase is Phase.VERIFYING and before.phase is Phase.RUNNING:
                key = (after.service, after.to_version)
                self.releases[key] = replace(self.releases[key], live_at=after.restored_at)
            for entry in entries:
                self.log(entry)
            self.tell(notices, after.changed_at)

    def add_step(self, rollback: Rollback, step: Step, notices: tuple[Notice, ...] = ()) -> None:
        """Record one host's step while the executor works."""
        with self.lock:
            data = {"rollback_id": rollback.id, **plain(step)}
            entry = NewEntry(
                at=step.at,
                kind=LedgerKind.HOST_STEP,
                service=rollback.service,
                rollback_id=rollback.id,
                data=data,
            )
            self.log(entry)
            self.tell(notices, step.at)

    def steps(self, rollback_id: int) -> list[Step]:
        """The recorded steps, oldest first."""
        names = ("host", "step", "status", "detail")
        return [
            Step(at=e.at, **{name: str(e.data[name]) for name in names})
            for e in self.entries
            if e.kind is LedgerKind.HOST_STEP and e.data["rollback_id"] == rollback_id
        ]

    def start_deployment(self, new: NewDeployment, at: datetime) -> Deployment:
        """Register it; an unfinished earlier one of the service is closed as abandoned."""
        with self.lock:
            if self.service_state(new.service).active_rollback:
                raise RollbackInProgress
            key = (new.service, new.version)
            known = self.releases.get(key)
            if known and known.rejected_at and not new.override:
                raise VersionRejected
            release = known or Release(service=new.service, version=new.version, rollback_safe=False)
            self.releases[key] = replace(release, rollback_safe=new.rollback_safe)
            for open_one in [d for d in self.all_deployments if d.outcome is None]:
                if open_one.service == new.service:
                    self._close(open_one, Outcome.ABANDONED, "no end was reported before the next one", at)
            number = len(self.all_deployments) + 1
            deployment = Deployment(id=number, started_at=at, **vars(new))
            self.all_deployments.append(deployment)
            self.log(NewEntry(at=at, kind=LedgerKind.DEPLOYMENT_STARTED, service=new.service))
            return deployment

    def finish_deployment(
        self, deployment_id: int, outcome: Outcome, detail: str, at: datetime
    ) -> Deployment:
        """Close it; `live` makes its version the live one."""
        with self.lock:
            deployment = by_id(self.all_deployments, deployment_id)
            if deployment.outcome is not None:
                raise DeploymentClosed
            if outcome is Outcome.LIVE:
                key = (deployment.service, deployment.version)
                release = replace(self.releases[key], live_at=at)
                self.releases[key] = replace(release, rejected_at=None) if deployment.override else release
            self.log(NewEntry(at=at, kind=LedgerKind.DEPLOYMENT_FINISHED, service=deployment.service))
            return self._close(deployment, outcome, detail, at)

    def observe_live(self, service: str, version: str, at: datetime) -> None:
        """Write down that the hosts run this version, though nobody reported it."""
        with self.lock:
            key = (service, version)
            known = self.releases.get(key) or Release(service=service, version=version, rollback_safe=False)
            self.releases[key] = replace(known, live_at=at)
            data: dict[str, object] = {"version": version}
            self.log(NewEntry(at=at, kind=LedgerKind.LIVE_OBSERVED, service=service, data=data))

    def _close(self, deployment: Deployment, outcome: Outcome, detail: str, at: datetime) -> Deployment:
        after = replace(deployment, outcome=outcome, detail=detail, finished_at=at)
        self.all_deployments[deployment.id - 1] = after
        return after
