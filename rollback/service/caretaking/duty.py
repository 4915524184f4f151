"""What every duty is given, and what they share."""

from datetime import datetime, timedelta
from typing import Protocol

from rollback.domain.facts import HostSeen
from rollback.domain.rollback import Rollback
from rollback.domain.stored import ServiceState
from rollback.service.looking import Look


class Duty(Protocol):
    """Something that is looked after for one service, again and again, without repeating itself."""

    def attend(self, state: ServiceState, look: Look) -> None:
        """Look, and do what is due. Raises Blind when that needs somebody who does not answer."""
        ...


def due(last: datetime | None, now: datetime, every: timedelta) -> bool:
    """Whether *every* has passed since *last*; a clock that was set back does not stop the work."""
    return last is None or not timedelta(0) <= now - last < every


def passed(since: float | None, ticks: float, every: timedelta) -> bool:
    """Whether *every* has passed since *since*, both in ticks of the clock, which nobody can set."""
    return since is None or ticks - since >= every.total_seconds()


def agreed(hosts: tuple[HostSeen, ...]) -> str | None:
    """The version that every host says it runs; None when one is silent or they disagree."""
    versions = {seen.version for seen in hosts}
    return versions.pop() if len(versions) == 1 else None


def busy(state: ServiceState) -> bool:
    """Whether a deployment or a rollback may be moving hosts."""
    open_one = state.deployment is not None and state.deployment.outcome is None
    return open_one or state.active_rollback is not None


def still_meant(rollback: Rollback, state: ServiceState) -> bool:
    """Whether the service still should run what the rollback restored, and nothing has begun since."""
    deployment, current = state.deployment, state.current
    later = deployment is not None and deployment.started_at > rollback.requested_at
    return not later and not busy(state) and current is not None and current.version == rollback.to_version
