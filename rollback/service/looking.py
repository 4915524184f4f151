"""Everything that decisions of one pass rest on, each thing looked up once."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from rollback.domain.alert import Alert, Source
from rollback.domain.deployment import first_start
from rollback.domain.errors import Blind
from rollback.domain.facts import Facts, HostSeen, Watched
from rollback.domain.guards import FIRST
from rollback.domain.policy import Policy
from rollback.domain.ports import Active, Clock, Monitoring, Probes, Rule
from rollback.domain.stored import ServiceState

T = TypeVar("T")
VETO = "veto"
"""The value of the label `rollback` of an alert about a dependency."""


class Look:
    """One look at the world. A storm of alerts asks no more than one alert does.

    Once Prometheus did not answer, the rest of the pass does not wait for it again.
    """

    def __init__(self, clock: Clock, policy: Policy, monitoring: Monitoring, probes: Probes) -> None:
        self.now, self.ticks, self.policy = clock.now(), clock.ticks(), policy
        self._monitoring, self._probes = monitoring, probes
        self._blind = ""
        self._active: list[Active] | None = None
        self._firing: Index[Active] | None = None
        self._rules: dict[str, dict[str, Rule]] = {}
        self._hosts: dict[str, tuple[HostSeen, ...]] = {}
        self._began: dict[tuple[str, datetime, datetime], Index[datetime]] = {}
        self._numbers: dict[str, float | None] = {}
        self._vetoes: dict[int, list[dict[str, str]]] = {}

    def facts(
        self, alert: Alert, source: Source, state: ServiceState, resolved_at: datetime | None = None
    ) -> Facts:
        """The evidence about one alert; Prometheus and the hosts are asked only where that can matter."""
        facts = self.known(alert, source, state, resolved_at)
        return facts if settled_unseen(facts) else self.seen(facts)

    def seen(self, facts: Facts) -> Facts:
        """The facts with what Prometheus and the hosts say."""
        hosts = self.hosts(facts.alert.service)
        return replace(facts, hosts=hosts, watched=self.watched(facts.alert, facts.deployment_began))

    def known(
        self, alert: Alert, source: Source, state: ServiceState, resolved_at: datetime | None = None
    ) -> Facts:
        """What the daemon's own records say."""
        return Facts(
            now=self.now,
            alert=alert,
            source=source,
            policy=self.policy,
            resolved_at=resolved_at,
            releases=state.releases,
            deployment=state.deployment,
            deployment_began=first_start(state.deployments, self.policy.deployment_window),
            handled_by=state.handled_by,
            attempts=state.attempts,
            last_attempt_at=state.last_attempt_at,
            active_rollback=state.active_rollback,
            last_changed_at=state.last_changed_at,
            freeze=state.freeze,
            freezes=state.freezes,
            breaker=state.breaker,
            proposal=state.proposal,
        )

    def hosts(self, service: str) -> tuple[HostSeen, ...]:
        """What the service's hosts say."""
        if service not in self._hosts:
            self._hosts[service] = self._probes.hosts(service)
        return self._hosts[service]

    def rule(self, alert: Alert) -> Rule | None:
        """The alert's own rule as Prometheus has it. Raises Blind."""
        return self.rules(alert.service, alert.env).get(alert.name)

    def rules(self, service: str, env: str) -> dict[str, Rule]:
        """Every rule that may roll the service back. Raises Blind."""
        key = f"{service}\0{env}"
        if key not in self._rules:
            self._rules[key] = self._ask(lambda: self._monitoring.rules(service, env))
        return self._rules[key]

    def firing(self, alert: Alert) -> Active | None:
        """This very alert as Prometheus itself has it firing, or None. Raises Blind."""
        if self._firing is None:
            self._firing = Index((one.labels, one) for one in self._actives() if one.firing)
        return self._firing.find(alert.labels)

    def active(self, service: str, env: str) -> list[Active]:
        """The alerts that may roll the service back and are pending or firing, whichever. Raises Blind."""
        rules, key = self.rules(service, env), (service, env)
        return [
            one
            for one in self._actives()
            if one.labels.get("alertname", "") in rules
            and (one.labels.get("service", service), one.labels.get("env", env)) == key
        ]

    def vetoes(self, env: str, since: datetime, hosts: tuple[HostSeen, ...]) -> tuple[str, ...]:
        """Dependencies that were pending or firing at some time since *since*. Raises Blind.

        A host of the service itself that does not answer is no dependency.
        """
        seconds = int((self.now - since + self.policy.veto_lookback).total_seconds()) + 1
        if seconds not in self._vetoes:
            labels = {"rollback": VETO}
            self._vetoes[seconds] = self._ask(lambda: self._monitoring.troubled(labels, seconds))
        own = {seen.host for seen in hosts if not seen.answered}
        found = [
            labels
            for labels in self._vetoes[seconds]
            if labels.get("env", env) == env and labels.get("host") not in own
        ]
        return tuple(sorted({_named(labels) for labels in found}))

    def number(self, expression: str) -> float | None:
        """The value of an expression now. Raises Blind."""
        if expression not in self._numbers:
            self._numbers[expression] = self._ask(lambda: self._monitoring.number(expression))
        return self._numbers[expression]

    def watched(self, alert: Alert, deployment_began: datetime | None) -> Watched:
        """What Prometheus says about the alert, or why it could not be asked."""
        began: datetime | None = None
        try:
            firing = self.firing(alert)
            if firing is None or deployment_began is None:
                return Watched(asked=True, firing=firing is not None)
            began = self._since(alert, firing, deployment_began)
            rule, hosts = self.rule(alert), self.hosts(alert.service)
            return Watched(
                asked=True,
                firing=True,
                began=began,
                evidence=self.number(rule.evidence) if rule and rule.evidence else None,
                vetoes=self.vetoes(alert.env, min(began or alert.starts_at, alert.starts_at), hosts),
            )
        except Blind as error:
            return Watched(asked=True, began=began, blind=str(error))

    def _since(self, alert: Alert, firing: Active, deployment_began: datetime) -> datetime | None:
        """As history has it, which knows whole seconds; the exact moment where both mean the same."""
        key = (alert.name, deployment_began, alert.starts_at)
        if key not in self._began:
            found = self._ask(lambda: self._monitoring.began(*key))
            self._began[key] = Index((one.labels, one.since) for one in found)
        since = self._began[key].find(alert.labels)
        exact = since is not None and since <= firing.since < since + timedelta(seconds=1)
        return firing.since if exact else since

    def _actives(self) -> list[Active]:
        if self._active is None:
            self._active = self._ask(self._monitoring.active)
        return self._active

    def _ask(self, ask: Callable[[], T]) -> T:
        if self._blind:
            raise Blind(self._blind)
        try:
            return ask()
        except Blind as error:
            self._blind = str(error)
            raise


def settled_unseen(facts: Facts) -> bool:
    """Whether a guard objects whatever Prometheus and the hosts would say."""
    return any(not guard(facts).passed for guard in FIRST)


class Index(Generic[T]):
    """Things of Prometheus, found by the labels of Alertmanager's alert about the same.

    Alertmanager's may have more labels (external ones), or lack one that relabelling took away. Looking among
    a thousand must cost no more than among ten.
    """

    def __init__(self, things: Iterable[tuple[dict[str, str], T]]) -> None:
        self._exact: dict[tuple[str, ...], dict[tuple[str, ...], T]] = defaultdict(dict)
        self._all = [(_own(labels), thing) for labels, thing in things]
        for labels, thing in self._all:
            self._exact[tuple(labels)].setdefault(tuple(labels.values()), thing)

    def find(self, labels: dict[str, str]) -> T | None:
        """The thing whose labels agree with these wherever both have them."""
        for names, things in self._exact.items():
            found = things.get(tuple(labels.get(name, "") for name in names))
            if found is not None:
                return found
        known = {name for names in self._exact for name in names}
        if known <= labels.keys():
            return None  # nothing was taken away: what is not found is not there
        return next((thing for own, thing in self._all if _agree(own, labels)), None)


def _own(labels: dict[str, str]) -> dict[str, str]:
    return {name: labels[name] for name in sorted(labels) if name != "alertstate"}


def _agree(own: dict[str, str], labels: dict[str, str]) -> bool:
    """Whether Prometheus' and Alertmanager's labels are of the same alert: equal wherever both have them."""
    common = own.keys() & labels.keys() - {"alertstate"}
    return "alertname" in common and all(own[name] == labels[name] for name in common)


def _named(labels: dict[str, str]) -> str:
    where = labels.get("host") or labels.get("instance") or ""
    name = labels.get("alertname", "an alert without a name")
    return f"{name} ({where})" if where else name
