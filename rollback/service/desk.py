"""What people and deployment tools ask and tell, as plain values."""

from typing import Any

from rollback import __version__
from rollback.domain.alert import Alert, AlertStatus
from rollback.domain.deployment import NewDeployment, Outcome
from rollback.domain.errors import Blind, Undecodable
from rollback.domain.ports import Clock, Monitoring, Probes, Store
from rollback.service.context import PolicySource
from rollback.service.deciding import Decider
from rollback.service.views import (
    decision_view,
    deployment_view,
    entry_view,
    iso,
    preview_view,
    rollback_view,
    service_view,
)

Json = dict[str, Any]


class Desk:
    """The reading and registering side of the daemon."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        monitoring: Monitoring,
        probes: Probes,
        decider: Decider,
        policy: PolicySource,
    ) -> None:
        self._store, self._clock, self._policy = store, clock, policy
        self._monitoring, self._probes, self._decider = monitoring, probes, decider

    def status(self) -> Json:
        """Everything at one glance."""
        tally, policy = self._store.tally(), self._policy()
        return {
            "version": __version__,
            "now": self._clock.now().isoformat(),
            "services": {state.service: service_view(state, policy) for state in tally.services},
            "inbox_pending": tally.inbox_pending,
            "inbox_held": tally.inbox_held,
            "quarantined": tally.quarantined,
            "triggers": dict(policy.modes),
            "policy": {name: value.total_seconds() for name, value in policy.durations().items()},
            "last_watchdog": iso(tally.last_heartbeat),
            "sources": {
                source.name: {
                    "reachable": source.reachable,
                    "failures": source.failures,
                    "error": source.error,
                }
                for source in self._monitoring.sources()
            },
        }

    def preview(self, alert_name: str, service: str | None, trigger: str | None) -> Json:
        """The decision that such an alert would get now."""
        labels, annotations = self._rule(alert_name)
        chosen = service or labels.get("service") or self._only_service()
        labels = {"rollback": "auto", **labels, "alertname": alert_name, "service": chosen}
        if trigger is not None:
            labels["rollback_trigger"] = trigger
        alert = Alert(
            fingerprint="preview",
            starts_at=self._clock.now(),
            status=AlertStatus.FIRING,
            labels=labels,
            annotations=annotations,
        )
        return preview_view(self._decider.preview(alert))

    def decisions(self, service: str | None, limit: int) -> list[Json]:
        """The latest decisions, newest first."""
        return [decision_view(record) for record in self._store.decisions(service, limit)]

    def decision(self, decision_id: int) -> Json:
        """One decision."""
        return decision_view(self._store.decision(decision_id))

    def rollbacks(self, service: str | None, limit: int) -> list[Json]:
        """The latest rollbacks with their steps, newest first."""
        return [rollback_view(r, self._store.steps(r.id)) for r in self._store.rollbacks(service, limit)]

    def rollback(self, rollback_id: int) -> Json:
        """One rollback with its steps."""
        return rollback_view(self._store.rollback(rollback_id), self._store.steps(rollback_id))

    def deployments(self, service: str | None, limit: int) -> list[Json]:
        """The latest deployments, newest first."""
        return [deployment_view(found) for found in self._store.deployments(service, limit)]

    def start_deployment(self, new: NewDeployment) -> Json:
        """Register a deployment, or refuse it with a reason.

        First the hosts are asked what they run: a person may have rolled back by hand, and the version that
        was left then must not become the one to go back to.
        """
        self._observe(new.service)
        return deployment_view(self._store.start_deployment(new, self._clock.now()))

    def finish_deployment(self, deployment_id: int, outcome: Outcome, detail: str) -> Json:
        """Close a deployment."""
        return deployment_view(
            self._store.finish_deployment(deployment_id, outcome, detail, self._clock.now())
        )

    def ledger(self, after: int, limit: int) -> list[Json]:
        """The history after an entry."""
        return [entry_view(entry) for entry in self._store.ledger(after, limit)]

    def _observe(self, service: str) -> None:
        env = self._policy().environment
        live = {seen.version for seen in self._probes.hosts(service)}
        current = self._store.service_state(service, env).current
        if len(live) == 1 and None not in live and (current is None or {current.version} != live):
            [version] = live
            self._store.observe_live(service, env, str(version), self._clock.now())

    def _rule(self, alert_name: str) -> tuple[dict[str, str], dict[str, str]]:
        """Labels and annotations as Prometheus has them; none when it cannot be asked."""
        try:
            rule = self._monitoring.rules("", self._policy().environment).get(alert_name)
        except Blind:
            rule = None
        return (dict(rule.labels), rule.annotations) if rule else ({}, {})

    def _only_service(self) -> str:
        services = [state.service for state in self._store.tally().services]
        if len(services) != 1:
            known = ", ".join(services) or "none"
            raise Undecodable(f"Expected `service`, as there is not exactly one (known: {known}).")
        return services[0]
