"""After a restore, measure again instead of waiting for the alert to clear."""

from datetime import datetime

from rollback.domain.deployment import first_start
from rollback.domain.errors import Blind, ShuttingDown
from rollback.domain.ports import Clock, Monitoring, Pause, Probes, Rule, Store
from rollback.domain.reasons import Reason
from rollback.domain.rollback import Measure, Rollback, Sample, Verification
from rollback.domain.verification import Measuring, well
from rollback.service.context import PolicySource


class Verifier:
    """Measures every trigger of the service until it was well often enough in a row, or time is up."""

    def __init__(
        self, store: Store, clock: Clock, monitoring: Monitoring, probes: Probes, policy: PolicySource
    ) -> None:
        self._store, self._clock, self._policy = store, clock, policy
        self._monitoring, self._probes = monitoring, probes

    def verify(self, rollback: Rollback, pause: Pause) -> Verification:
        """Return the verdict; ShuttingDown when the daemon stops first: the next start measures anew."""
        measuring = Measuring()
        while (found := self.verdict(measuring)) is None:
            if pause(self._policy().verification_interval.total_seconds()):
                raise ShuttingDown
            measuring = self.measure(rollback, measuring)
        return found

    def verdict(self, measuring: Measuring) -> Verification | None:
        """What the samples so far say, as soon as they are enough."""
        verdict = measuring.verdict(self._policy())
        if verdict is None:
            return None
        return Verification(verdict=verdict, at=self._clock.now(), samples=measuring.samples)

    def measure(self, rollback: Rollback, measuring: Measuring) -> Measuring:
        """Take one more sample."""
        unready = self._unready(rollback)
        try:
            measures, needed = self._measures(rollback)
        except Blind as error:
            at = self._clock.now()
            sample = Sample(at=at, healthy=None, detail=str(error), unready_hosts=unready)
            return measuring.add(sample, answered=False)
        sample = Sample(
            at=self._clock.now(),
            healthy=well(measures, needed),
            detail=_unknown(measures, needed),
            unready_hosts=unready,
            measures=measures,
        )
        return measuring.add(sample, answered=True)

    def _unready(self, rollback: Rollback) -> tuple[str, ...]:
        """Hosts that do not answer with the target; those that could not be restored yet are known."""
        seen = self._probes.hosts(rollback.service)
        strange = {one.host for one in seen if one.version != rollback.to_version}
        return tuple(sorted(strange - set(rollback.waiting)))

    def _measures(self, rollback: Rollback) -> tuple[tuple[Measure, ...], set[str]]:
        """What each trigger of the service says, and which of them must say that all is well. Raises Blind.

        Measured are those that fire or fired since the deployment, and each other for which there is enough
        evidence. The one that began the rollback and those that fire now must be healthy; one that fired in
        between and has no sample any more is not waited for. Alerts that only propose are about one host, and
        hosts are asked themselves: one without power must not make the others look bad.
        """
        beginning = self._beginning(rollback)
        known = self._monitoring.rules(rollback.service, rollback.env)
        rules = {n: r for n, r in known.items() if r.labels.get("rollback") == "auto" or n in beginning}
        needed = beginning | self._firing(rollback, rules)
        fired = needed | self._store.fired_since(rollback.service, rollback.env, self._since(rollback))
        measures = []
        for name in sorted(needed - rules.keys()):
            measures.append(Measure(alertname=name, healthy=None))
        for name, rule in sorted(rules.items()):
            found = self._measure(rollback, rule, asked_for=name in fired)
            measures += [found] if found else []
        return tuple(measures), needed

    def _measure(self, rollback: Rollback, rule: Rule, *, asked_for: bool) -> Measure | None:
        """One trigger; None when it neither fired nor has enough to be judged by."""
        if not asked_for and not (rule.evidence and (self._monitoring.number(rule.evidence) or 0) > 0):
            return None
        version = rollback.to_version
        healthy = self._monitoring.measure(rule.verify, version) if rule.verify else None
        if healthy is None and not asked_for:
            return None
        value = self._monitoring.number(rule.measures, version) if rule.measures else None
        return Measure(alertname=rule.name, healthy=healthy, value=value)

    def _beginning(self, rollback: Rollback) -> set[str]:
        """The alert that began it; a person may have begun it without one."""
        decision = self._store.decision(rollback.decision_id)
        return set() if decision.reason is Reason.BY_HAND else {decision.alert.name}

    def _firing(self, rollback: Rollback, rules: dict[str, Rule]) -> set[str]:
        key = (rollback.service, rollback.env)
        return {
            name
            for one in self._monitoring.active()
            if one.firing
            and (name := one.labels.get("alertname", "")) in rules
            and (one.labels.get("service"), one.labels.get("env", rollback.env)) == key
        }

    def _since(self, rollback: Rollback) -> datetime:
        """When the version that was left was first put on a host."""
        policy = self._policy()
        deployments = self._store.service_state(rollback.service, rollback.env).deployments
        later = [d for d in deployments if d.id <= (rollback.deployment_id or 0)]
        began = first_start(later, policy.deployment_window)
        return began or rollback.requested_at - policy.deployment_window


def _unknown(measures: tuple[Measure, ...], needed: set[str]) -> str:
    """Why a sample cannot say that the service is well, though nothing says that it is not."""
    unknown = [m.alertname for m in measures if m.healthy is None and m.alertname in needed]
    if unknown:
        return f"Prometheus has no sample to judge {', '.join(unknown)} by"
    return "" if measures else "there is nothing to judge the service by"
