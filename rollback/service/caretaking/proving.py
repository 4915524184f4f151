"""A release becomes good by being live for a while, with traffic and without trouble."""

from datetime import datetime, timedelta

from rollback.domain import notices
from rollback.domain.deployment import Standing
from rollback.domain.ports import Monitoring, Store
from rollback.domain.stored import ServiceState
from rollback.service.caretaking.duty import busy, passed
from rollback.service.looking import Look

PROVABLE = (Standing.UNPROVEN, Standing.SUSPECT)
TRIES = 10
"""So often within the time that it takes to become good it is asked whether it has."""


class GoodReleases:
    """Marks the live release as good once that is measured."""

    def __init__(self, store: Store, monitoring: Monitoring) -> None:
        self._store, self._monitoring = store, monitoring
        self._asked: dict[str, float] = {}
        self._ahead: dict[str, tuple[datetime, float]] = {}

    def attend(self, state: ServiceState, look: Look) -> None:
        """Ask whether the live release has proven itself. Raises Blind."""
        release, after, now = state.current, look.policy.good_after, look.now
        if release is None or release.live_at is None or release.standing not in PROVABLE or busy(state):
            return
        if not passed(self._asked.get(state.service), look.ticks, after / TRIES):
            return
        if self._live_for(state.service, release.live_at, look) < after:
            return
        if {seen.version for seen in look.hosts(state.service) if seen.version} - {release.version}:
            return  # somebody runs another one: whose traffic was it?
        proven = self._monitoring.proven(state.service, state.env, after.total_seconds())
        self._asked[state.service] = look.ticks
        if proven:
            by = f"measured: live for {after.total_seconds() / 60:.0f} minutes with traffic, and paged nobody"
            told = (notices.release_good(release),)
            key = (state.service, state.env, release.version)
            self._store.mark_release(*key, Standing.GOOD, by, now, told)

    def _live_for(self, service: str, live_at: datetime, look: Look) -> timedelta:
        """How long the release has been live; counted from now on where the clock was set back since."""
        if live_at <= look.now:
            return look.now - live_at
        moment, since = self._ahead.get(service, (None, 0.0))
        if moment != live_at:
            since = look.ticks
            self._ahead[service] = (live_at, since)
        return timedelta(seconds=look.ticks - since)
