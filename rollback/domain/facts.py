"""What a decision sees: everything is looked up before, nothing while deciding."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rollback.domain.alert import Alert, Source
from rollback.domain.control import Breaker, Freeze, Proposal
from rollback.domain.deployment import Deployment, Release, best_guess, known_good, on_the_way
from rollback.domain.policy import Policy
from rollback.domain.rollback import Rollback


@dataclass(frozen=True, kw_only=True)
class HostSeen:
    """What one host of the service said when it was asked; nothing when it did not answer.

    `version` is also known of a host that answers without being ready.
    """

    host: str
    answered: bool
    version: str | None = None
    ready: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What Prometheus says about one alert; `blind` says why it could not be asked.

    asked: False when an earlier guard objects, so that no answer could matter.
    firing: whether Prometheus itself has it as firing now.
    began: since when its condition has been true; earlier than the alert's start by its `for`, and the same
    after a restart of Prometheus. None when history has nothing.
    evidence: above 0 when there is enough to act on; None when there is no answer.
    vetoes: dependencies that are, or were while the condition held, firing or pending.
    """

    asked: bool = False
    firing: bool | None = None
    began: datetime | None = None
    evidence: float | None = None
    vetoes: tuple[str, ...] = ()
    blind: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The whole evidence of one decision; the same facts always give the same decision.

    `deployment_began` is the first start of the deployed version: one that was killed and repeated counts as
    one. `freezes` are the latest ones, whether they hold or not, oldest first. `attempts` counts the
    deployment's rollbacks that failed and changed nothing.
    """

    now: datetime
    alert: Alert
    source: Source
    policy: Policy
    resolved_at: datetime | None = None
    watched: Watched = Watched()
    hosts: tuple[HostSeen, ...] = ()
    releases: tuple[Release, ...] = ()
    deployment: Deployment | None = None
    deployment_began: datetime | None = None
    handled_by: int | None = None
    attempts: int = 0
    last_attempt_at: datetime | None = None
    active_rollback: Rollback | None = None
    last_changed_at: datetime | None = None
    freeze: Freeze | None = None
    freezes: tuple[Freeze, ...] = ()
    breaker: Breaker | None = None
    proposal: Proposal | None = None

    @property
    def age(self) -> timedelta:
        """How long ago the alert started firing; negative when clocks disagree."""
        return self.now - self.alert.starts_at

    @property
    def waited(self) -> timedelta:
        """How long the alert has been there to be acted on: not while a person had frozen rollbacks."""
        since = self.alert.starts_at
        for freeze in self.freezes:
            if freeze.since <= since + self.policy.stale_after:
                since = max(since, min(freeze.ended_at or freeze.until, self.now))
        return self.now - since

    @property
    def began_at(self) -> datetime:
        """The earliest moment at which the condition is known to have been true."""
        began = self.watched.began
        return self.alert.starts_at if began is None else min(began, self.alert.starts_at)

    @property
    def leaving(self) -> str | None:
        """The version that a rollback would leave: the one that was deployed last."""
        return self.deployment.version if self.deployment else None

    @property
    def target(self) -> Release | None:
        """The good release to go back to, if there is one."""
        return known_good(self.releases, self.leaving)

    @property
    def offered(self) -> Release | None:
        """The target, or without one the best guess for a person to judge."""
        return self.target or best_guess(self.releases, self.leaving)

    @property
    def crossed(self) -> tuple[Release, ...]:
        """The versions that going back would leave or cross."""
        if self.leaving is None or self.offered is None:
            return ()
        return on_the_way(self.releases, self.leaving, self.offered)
