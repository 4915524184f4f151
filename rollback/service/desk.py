"""What people and programs read, as plain values. Nothing here changes anything."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from rollback import __version__
from rollback.domain.alert import Alert, AlertStatus
from rollback.domain.control import EVERYTHING, ProposalState
from rollback.domain.errors import Blind, StoreUnavailable, Undecodable
from rollback.domain.ports import Clock, Monitoring, Rule, Store
from rollback.domain.rollback import Rollback
from rollback.domain.stored import DecisionRecord, ServiceState
from rollback.service.context import PolicySource
from rollback.service.deciding import Decider
from rollback.service.stages import stages, step_view
from rollback.service.status import freeze_in_force, service_view
from rollback.service.supposing import glance, would
from rollback.service.views import (
    decision_view,
    deployment_view,
    entry_view,
    freeze_view,
    iso,
    preview_view,
    proposal_view,
    rollback_view,
    set_aside_view,
)

Json = dict[str, Any]
LATEST_SET_ASIDE = 3
"""So many of the alerts that were set aside are shown."""


class Desk:
    """The reading side of the daemon."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        monitoring: Monitoring,
        decider: Decider,
        policy: PolicySource,
        trouble: Callable[[], list[str]] = list,
    ) -> None:
        self._store, self._clock, self._policy, self._trouble = store, clock, policy, trouble
        self._monitoring, self._decider = monitoring, decider

    def status(self) -> Json:
        """Everything at one glance."""
        tally, policy, look = self._store.tally(), self._policy(), self._decider.look()
        env = policy.environment
        states = [state for state in tally.services if state.env == env]
        seen = glance(look, [state.service for state in states], env)
        holds = self._store.holds(env)
        everything = next((f for f in self._store.freezes(env) if f.service == EVERYTHING), None)
        services = {
            state.service: service_view(
                state,
                policy,
                [hold for hold in holds if hold.alert.service == state.service],
                self._proposed(state),
                would(look, state, seen),
            )
            for state in states
        }
        return {
            "version": __version__,
            "now": look.now.isoformat(),
            "environment": env,
            "freeze": freeze_in_force(everything, look.now),
            "services": services,
            "inbox_pending": tally.inbox_pending,
            "inbox_held": tally.inbox_held,
            "quarantined": tally.quarantined,
            "set_aside": [set_aside_view(one) for one in self._store.quarantined(LATEST_SET_ASIDE)],
            "trouble": self._trouble(),
            "messages_waiting": tally.notices.get("waiting", 0),
            "triggers": dict(policy.modes),
            "policy": {name: value.total_seconds() for name, value in policy.durations().items()},
            "last_watchdog": iso(tally.last_heartbeat),
            "sources": self._sources(),
        }

    def preview(self, alert_name: str, service: str | None, trigger: str | None) -> Json:
        """The decision that such an alert would get now."""
        env, chosen = self._policy().environment, service or self._only_service()
        rule = self._rule(alert_name, chosen, env)
        labels = {"rollback": "auto", **(rule.labels if rule else {})}
        labels |= {"alertname": alert_name, "service": chosen, "env": env}
        if trigger is not None:
            labels["rollback_trigger"] = trigger
        alert = Alert(
            fingerprint="preview",
            starts_at=self._clock.now(),
            status=AlertStatus.FIRING,
            labels=labels,
            annotations=rule.annotations if rule else {},
        )
        return preview_view(self._decider.preview(alert))

    def decisions(self, service: str | None, limit: int) -> list[Json]:
        """The latest decisions, newest first."""
        return [decision_view(record) for record in self._store.decisions(service, limit)]

    def decision(self, decision_id: int) -> Json:
        """One decision, with how many later alerts were settled because of it."""
        record = self._store.decision(decision_id)
        return {**decision_view(record), "followers": self._store.followers(record)}

    def rollbacks(self, service: str | None, limit: int) -> list[Json]:
        """The latest rollbacks with their steps, newest first."""
        return [self._with_steps(found) for found in self._store.rollbacks(service, limit)]

    def rollback(self, rollback_id: int) -> Json:
        """One rollback with its steps and the time of each stage."""
        found = self._store.rollback(rollback_id)
        decision, steps = self._store.decision(found.decision_id), self._store.steps(found.id)
        times = stages(found, decision, self._store.received_at(decision), steps)
        return {**self._with_steps(found), "stages": times}

    def deployments(self, service: str | None, limit: int) -> list[Json]:
        """The latest deployments, newest first."""
        return [deployment_view(found) for found in self._store.deployments(service, limit)]

    def proposals(self, limit: int) -> list[Json]:
        """The latest proposals, newest first, each with why it was not done by itself."""
        found = self._store.proposals(self._policy().environment, limit)
        return [
            {**proposal_view(one), "decision": decision_view(self._store.decision(one.id))} for one in found
        ]

    def freezes(self) -> list[Json]:
        """The freezes that hold now."""
        now = self._clock.now()
        found = self._store.freezes(self._policy().environment)
        return [freeze_view(one) for one in found if one.holds(now)]

    def ledger(self, after: int, limit: int) -> list[Json]:
        """The history after an entry."""
        return [entry_view(entry) for entry in self._store.ledger(after, limit)]

    def _proposed(self, state: ServiceState) -> DecisionRecord | None:
        """The decision that waits for a person's answer."""
        proposal = state.proposal
        if proposal is None or proposal.state is not ProposalState.OPEN:
            return None
        with suppress(StoreUnavailable):  # one that cannot be read hides nothing else
            return self._store.decision(proposal.id)
        return None

    def _with_steps(self, found: Rollback) -> Json:
        return {**rollback_view(found), "steps": [step_view(s) for s in self._store.steps(found.id)]}

    def _sources(self) -> Json:
        return {
            source.name: {
                "reachable": source.reachable,
                "failures": source.failures,
                "error": source.error,
            }
            for source in self._monitoring.sources()
        }

    def _rule(self, alert_name: str, service: str, env: str) -> Rule | None:
        """The rule as Prometheus has it; None when it cannot be asked."""
        try:
            return self._monitoring.rules(service, env).get(alert_name)
        except Blind:
            return None

    def _only_service(self) -> str:
        """The one that is meant when none is named; before the first deployment there is none to name."""
        services = self._store.services(self._policy().environment)
        if len(services) > 1:
            raise Undecodable(f"Expected `service`, as there are several: {', '.join(services)}.")
        return services[0] if services else ""
