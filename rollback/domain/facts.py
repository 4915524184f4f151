"""What a decision sees: everything is looked up before, nothing while deciding."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from rollback.domain.alert import Alert, Source
from rollback.domain.deployment import Deployment, Release
from rollback.domain.policy import Policy
from rollback.domain.rollback import Rollback


@dataclass(frozen=True, kw_only=True)
class Began:
    """Since when the condition of the alert has been true.

    `pending_since` comes from Prometheus and is earlier than the alert's start by its `for`; None when
    Prometheus knows no such alert. `blind` says why Prometheus could not be asked.
    """

    pending_since: datetime | None = None
    blind: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The whole evidence of one decision; the same facts always give the same decision."""

    now: datetime
    alert: Alert
    source: Source
    policy: Policy
    resolved_at: datetime | None = None
    began: Began = Began()
    deployment: Deployment | None = None
    handled_by: int | None = None
    active_rollback: Rollback | None = None
    last_finished_at: datetime | None = None
    target: Release | None = None

    @property
    def age(self) -> timedelta:
        """How long ago the alert started firing; negative when clocks disagree."""
        return self.now - self.alert.starts_at

    @property
    def began_at(self) -> datetime:
        """The earliest moment at which the condition is known to have been true."""
        since = self.began.pending_since
        return self.alert.starts_at if since is None else min(since, self.alert.starts_at)
