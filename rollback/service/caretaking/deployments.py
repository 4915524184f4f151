"""Deployments that report no end are judged by what the hosts run."""

from datetime import datetime

from rollback.domain import notices, wording
from rollback.domain.deployment import UNREPORTED, Deployment, Outcome
from rollback.domain.guards import SILENCE
from rollback.domain.ports import Store
from rollback.domain.stored import ServiceState
from rollback.service.caretaking.duty import agreed, due, passed
from rollback.service.looking import Look

JUDGED = f"{UNREPORTED}; judged by what the hosts run"


class OpenDeployments:
    """Closes as live what every host has run for a while, and as abandoned what is silent for too long."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._agreed_since: dict[int, float] = {}
        self._heard: dict[int, tuple[datetime, float]] = {}

    def attend(self, state: ServiceState, look: Look) -> None:
        """Close the deployment if it is over."""
        deployment = state.deployment
        if deployment is None or deployment.outcome is not None or state.active_rollback:
            return
        silent_since = self._silent_since(deployment, look)
        if not due(deployment.heard_at, look.now, SILENCE):
            return
        if agreed(look.hosts(state.service)) == deployment.version:
            self._live(deployment, look)
            return
        self._agreed_since.pop(deployment.id, None)
        limit = look.policy.deployment_timeout
        if not deployment.running(look.now, limit) or passed(silent_since, look.ticks, limit):
            self._give_up(deployment, look)

    def _silent_since(self, deployment: Deployment, look: Look) -> float:
        """The tick at which its last word was first seen here: a clock that is set back hides its age."""
        word, since = self._heard.get(deployment.id, (None, 0.0))
        if word != deployment.heard_at:
            since = look.ticks
            self._heard[deployment.id] = (deployment.heard_at, since)
        return since

    def _live(self, deployment: Deployment, look: Look) -> None:
        """Its playbook may only be about to say so, which it then must be able to do."""
        since = self._agreed_since.setdefault(deployment.id, look.ticks)
        if passed(since, look.ticks, SILENCE):
            self._agreed_since.pop(deployment.id)
            self._store.finish_deployment(deployment.id, Outcome.LIVE, JUDGED, look.now)

    def _give_up(self, deployment: Deployment, look: Look) -> None:
        hosts = look.hosts(deployment.service)
        detail = wording.hosts_now(hosts) or "no host could be asked"
        told = (notices.deployment_given_up(deployment, hosts),)
        ended = Outcome.ABANDONED
        self._store.finish_deployment(deployment.id, ended, f"{JUDGED}: {detail}", look.now, told)
