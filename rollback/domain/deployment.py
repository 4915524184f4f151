"""What was put on the hosts, when, and what became of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Outcome(StrEnum):
    """How a deployment ended."""

    LIVE = "live"
    FAILED = "failed"  # stopped at a host; some hosts may run the new version
    ABANDONED = "abandoned"  # never reported an end before the next deployment started


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One run of the deployment playbook for one service."""

    id: int
    service: str
    version: str
    hosts: tuple[str, ...]
    checksum: str
    rollback_safe: bool
    started_at: datetime
    finished_at: datetime | None = None
    outcome: Outcome | None = None
    override: bool = False
    detail: str = ""

    def window_ends(self, window: timedelta) -> datetime | None:
        """The last moment at which an alert may begin and be blamed on it; None while it still runs."""
        return None if self.finished_at is None else self.finished_at + window

    def running(self, now: datetime, timeout: timedelta) -> bool:
        """True while its playbook is believed to be at work; one that is silent for *timeout* is dead."""
        return self.outcome is None and now - self.started_at < timeout


@dataclass(frozen=True, kw_only=True)
class NewDeployment:
    """What a deployment playbook says before it touches the first host."""

    service: str
    version: str
    hosts: tuple[str, ...]
    checksum: str
    rollback_safe: bool
    override: bool = False


@dataclass(frozen=True, kw_only=True)
class Release:
    """A version of a service; `live_at` is when it last became live, None if it never did."""

    service: str
    version: str
    rollback_safe: bool
    live_at: datetime | None = None
    rejected_at: datetime | None = None


def live_release(releases: tuple[Release, ...]) -> Release | None:
    """The release that became live last: the one that should be on the hosts now."""
    return max((r for r in releases if r.live_at), key=_live_at, default=None)


def known_good(releases: tuple[Release, ...], leaving: str | None) -> Release | None:
    """The release that was live last, apart from *leaving* and rejected ones, if it may be gone back to.

    One that may not is not skipped: going back past it would cross what makes it unsafe.
    """
    last = live_release(tuple(r for r in releases if r.version != leaving and r.rejected_at is None))
    return last if last and last.rollback_safe else None


def _live_at(release: Release) -> datetime:
    assert release.live_at is not None
    return release.live_at
