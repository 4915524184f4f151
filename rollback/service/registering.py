"""Deployments, as their playbooks tell of them."""

from typing import Any

from rollback.domain import notices
from rollback.domain.deployment import Deployment, NewDeployment, Outcome, Standing, wanted_on_disk
from rollback.domain.errors import OtherEnvironment
from rollback.domain.ports import Clock, Probes, Store
from rollback.domain.stored import ServiceState
from rollback.service.context import PolicySource
from rollback.service.views import deployment_view

Json = dict[str, Any]


class Registry:
    """Takes in what deployment playbooks say, and asks the hosts what is true."""

    def __init__(self, store: Store, clock: Clock, probes: Probes, policy: PolicySource) -> None:
        self._store, self._clock, self._probes, self._policy = store, clock, probes, policy

    def environment(self, named: str | None) -> str:
        """The daemon's own environment; another one is refused."""
        own = self._policy().environment
        if named is not None and named != own:
            raise OtherEnvironment(
                f"This daemon serves the environment {own}, not {named}: ask the daemon of {named}, "
                "or mend the setting `environment`."
            )
        return own

    def start(self, new: NewDeployment) -> Json:
        """Register a deployment, or refuse it with a reason.

        First the hosts are asked what they run: a person may have gone back by hand, and the version that was
        left then must not become the one to go back to.
        """
        self.environment(new.env)
        self._observe(self._store.service_state(new.service, new.env))
        deployment = self._store.start_deployment(new, self._clock.now())
        state = self._store.service_state(new.service, new.env)
        return {
            **deployment_view(deployment),
            "keep": wanted_on_disk(state.releases, state.current.version if state.current else None),
            "rejected": sorted(r.version for r in state.releases if r.standing is Standing.REJECTED),
        }

    def finish(self, deployment_id: int, outcome: Outcome, detail: str) -> Json:
        """Close a deployment; one that is still open lets its hosts be asked first."""
        for deployment in self._store.open_deployments(self._policy().environment):
            if deployment.id == deployment_id:
                self._observe(self._store.service_state(deployment.service, deployment.env))
        found = self._store.finish_deployment(deployment_id, outcome, detail, self._clock.now())
        return deployment_view(found)

    def _observe(self, state: ServiceState) -> None:
        """Write down a version that all hosts run and nobody reported; an open deployment reports its own."""
        if state.active_rollback:
            return
        running = {seen.version for seen in self._probes.hosts(state.service)}
        expected = {state.current.version if state.current else None, _open_version(state.deployment)}
        if len(running) == 1 and not running & {None, *expected}:
            [version] = running
            before = state.current.version if state.current else None
            told = notices.found_live(state.service, state.env, str(version), before)
            self._store.observe_live(state.service, state.env, str(version), self._clock.now(), (told,))


def _open_version(deployment: Deployment | None) -> str | None:
    return deployment.version if deployment and deployment.outcome is None else None
