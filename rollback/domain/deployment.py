"""What was put on the hosts, when, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Outcome(StrEnum):
    """How a deployment ended."""

    LIVE = "live"
    FAILED = "failed"  # stopped at a host; some hosts may run the new version
    ABANDONED = "abandoned"  # never reported an end


UNREPORTED = "no end was reported"
"""The detail of a deployment that ended without its playbook saying so begins with this."""


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """One run of the deployment playbook for one service in one environment."""

    id: int
    service: str
    env: str
    version: str
    hosts: tuple[str, ...]
    checksum: str
    rollback_safe: bool
    started_at: datetime
    heard_at: datetime
    finished_at: datetime | None = None
    outcome: Outcome | None = None
    override: bool = False
    detail: str = ""
    account: str = ""  # that registered it

    def window_ends(self, window: timedelta) -> datetime:
        """The last moment at which an alert may begin and be blamed on it.

        Counted from its reported end. One that reported none is counted from its last sign of life: one whose
        playbook died must not be blamed for ever.
        """
        reported = self.outcome in (Outcome.LIVE, Outcome.FAILED)
        end = self.finished_at if reported and self.finished_at else self.heard_at
        return end + window

    def running(self, now: datetime, timeout: timedelta) -> bool:
        """True while its playbook is believed to be at work; one that is silent for *timeout* is dead."""
        return self.outcome is None and now - self.heard_at < timeout


@dataclass(frozen=True, kw_only=True)
class NewDeployment:
    """What a deployment playbook says before it touches the first host.

    `override` deploys a rejected version all the same; `take_over` declares an open deployment of another
    version dead.
    """

    service: str
    env: str
    version: str
    hosts: tuple[str, ...]
    checksum: str
    rollback_safe: bool
    override: bool = False
    take_over: bool = False


def first_start(deployments: Sequence[Deployment], window: timedelta) -> datetime | None:
    """When the latest deployed version was first put on a host; *deployments* newest first.

    Runs of the same version count as one where the next began at most one window after the earlier ended.
    Otherwise trouble that the first run made would count as older than the second. What a run did long before
    explains nothing that began in between, however that run ended.
    """
    if not deployments:
        return None
    first = deployments[0]
    for earlier in deployments[1:]:
        ended = earlier.finished_at or earlier.heard_at
        if earlier.version != first.version or first.started_at > ended + window:
            break
        first = earlier
    return first.started_at


class Standing(StrEnum):
    """What is known about a release."""

    UNPROVEN = "unproven"
    GOOD = "good"  # live for a while with traffic and without trouble, or a person said so
    SUSPECT = "suspect"  # it was live when measuring found the fault still there
    REJECTED = "rejected"  # leaving it was measured to be the cure, or a person said so


@dataclass(frozen=True, kw_only=True)
class Release:
    """A version of a service in one environment.

    `live_at` is when it last became live and `deployed_at` when a deployment last began to put it on hosts;
    None if never. `rollback_safe` says that it may be left again for an earlier one.
    """

    service: str
    env: str
    version: str
    rollback_safe: bool
    checksum: str = ""
    live_at: datetime | None = None
    deployed_at: datetime | None = None
    standing: Standing = Standing.UNPROVEN
    standing_at: datetime | None = None
    standing_by: str = ""


def live_release(releases: Sequence[Release]) -> Release | None:
    """The release that became live last: the one that should be on the hosts now."""
    return max((r for r in releases if r.live_at), key=_live_at, default=None)


def known_good(releases: Sequence[Release], leaving: str | None) -> Release | None:
    """The good release that was live last, apart from *leaving*."""
    return live_release([r for r in releases if r.standing is Standing.GOOD and r.version != leaving])


def best_guess(releases: Sequence[Release], leaving: str | None) -> Release | None:
    """Without a good one: the unproven release that was live last. One that was found bad is no guess.

    Nor is one that came after the version that is left, and was gone back from: that would be forward again.
    """
    left = next((r.deployed_at for r in releases if r.version == leaving), None)
    earlier = [r for r in releases if not (left and r.deployed_at and r.deployed_at > left)]
    return live_release([r for r in earlier if r.standing is Standing.UNPROVEN and r.version != leaving])


def on_the_way(releases: Sequence[Release], leaving: str, target: Release) -> tuple[Release, ...]:
    """The version that is left and each that was put on hosts since the target was last live.

    Their migrations may have run, whether they became live or not, and whoever put them there: one that was
    found on the hosts has no deployment.
    """
    since = target.live_at
    return tuple(
        r
        for r in releases
        if r.version != target.version
        and (r.version == leaving or (since and any(at and at > since for at in (r.deployed_at, r.live_at))))
    )


def wanted_on_disk(releases: Sequence[Release], current: str | None) -> list[str]:
    """The versions that must stay on every host, most wanted first: the live one, then the good ones."""
    good = sorted(
        (r for r in releases if r.standing is Standing.GOOD and r.live_at), key=_live_at, reverse=True
    )
    guess = best_guess(releases, current) if not good else None
    names = [current, *(r.version for r in good), guess.version if guess else None]
    return list(dict.fromkeys(name for name in names if name))


def _live_at(release: Release) -> datetime:
    assert release.live_at is not None
    return release.live_at
