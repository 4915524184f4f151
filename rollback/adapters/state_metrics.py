"""The state of each service as metrics: series exist from the start, with 0 where nothing holds.

The label is not called `service`: that is the daemon's own, put on by the scrape.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from prometheus_client.core import GaugeMetricFamily, Metric

from rollback.domain.control import Cause, ProposalState
from rollback.domain.deployment import Standing, known_good
from rollback.domain.policy import Policy
from rollback.domain.rollback import Kind, Phase, Rollback, VerificationVerdict
from rollback.domain.stored import ServiceState
from rollback.domain.unresolved import Unresolved, unresolved
from rollback.service.caretaking.rehearsing import wanted

T = TypeVar("T")
Probed = Mapping[str, Iterable[str]]
"""Per service, the hosts that the settings name."""
SWITCHING = (Phase.PENDING, Phase.RUNNING)
"""Phases in which a rollback may stop and start a host's application."""
APPLICATION = ["application"]


def state_metrics(
    states: Sequence[ServiceState], policy: Policy, probed: Probed, now: datetime
) -> Iterator[Metric]:
    """Everything about the services, as it is at *now*."""
    yield from _under_way(states)
    yield from _obstacles(states, now)
    yield from _targets(states)
    yield _known(states, probed)
    yield from _rehearsals(states)
    yield _switching(states, policy, probed, now)
    yield _by_value(
        "mita_rollback_unresolved",
        "1 while a rollback left this open and no person has acknowledged it.",
        "state",
        {state.service: unresolved(state.open_end) for state in states},
        list(Unresolved),
    )
    yield _by_application(
        "mita_rollback_recovering",
        "1 from a rollback's acceptance until it is measured, and for a while after it was measured fixed.",
        {state.service: _recovering(state, policy, now) for state in states},
    )


def _under_way(states: Sequence[ServiceState]) -> Iterator[Metric]:
    active = {state.service: state.active_rollback for state in states}
    yield _by_application(
        "mita_rollback_in_progress",
        "1 while one is under way.",
        {name: found is not None for name, found in active.items()},
    )
    yield _by_application(
        "mita_rollback_started_timestamp_seconds",
        "When it was requested; 0 if none is.",
        {name: found.requested_at.timestamp() if found else 0 for name, found in active.items()},
    )


def _obstacles(states: Sequence[ServiceState], now: datetime) -> Iterator[Metric]:
    yield _by_value(
        "mita_rollback_breaker_open",
        "1 while automatic rollbacks are off until a person closes the breaker.",
        "cause",
        {state.service: {state.breaker.cause} if state.breaker else set() for state in states},
        list(Cause),
    )
    yield _by_application(
        "mita_rollback_frozen",
        "1 while a person has stopped automatic rollbacks.",
        {state.service: bool(state.freeze and state.freeze.holds(now)) for state in states},
    )
    yield _by_application(
        "mita_rollback_held", "Alerts on hold.", {state.service: state.held for state in states}
    )
    yield _by_application(
        "mita_rollback_proposals_open",
        "Rollbacks that wait for a person's yes.",
        {
            state.service: bool(state.proposal and state.proposal.state is ProposalState.OPEN)
            for state in states
        },
    )


def _targets(states: Sequence[ServiceState]) -> Iterator[Metric]:
    yield _by_application(
        "mita_rollback_known_good_available",
        "1 when a good release can be gone back to, or the live one is good itself.",
        {state.service: _has_good(state) for state in states},
    )


def _known(states: Sequence[ServiceState], probed: Probed) -> GaugeMetricFamily:
    known = {state.service: any(release.live_at for release in state.releases) for state in states}
    return _by_application(
        "mita_rollback_release_known",
        "1 from the first release on that went live; 0 while the service waits for it.",
        {**dict.fromkeys(probed, False), **known},
    )


def _has_good(state: ServiceState) -> bool:
    current = state.current
    if current and current.standing is Standing.GOOD:
        return True
    return known_good(state.releases, current.version if current else None) is not None


def _rehearsals(states: Sequence[ServiceState]) -> Iterator[Metric]:
    ok = GaugeMetricFamily(
        "mita_rollback_rehearsal_ok",
        "1 when the way back worked on the host, as tried without touching anything.",
        labels=["application", "target_host"],
    )
    for state in states:
        for rehearsal in state.rehearsals:
            ok.add_metric([state.service, rehearsal.host], float(rehearsal.ok))
    yield ok
    yield _by_application(
        "mita_rollback_rehearsal_timestamp_seconds",
        "When every host was last rehearsed, 0 if never; none while there is nothing to go back to.",
        {
            state.service: min((r.at.timestamp() for r in state.rehearsals), default=0.0)
            for state in states
            if wanted(state)
        },
    )


def _switching(
    states: Sequence[ServiceState], policy: Policy, probed: Probed, now: datetime
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "mita_rollback_switching",
        "1 while a registered deployment or a rollback of the host is under way.",
        labels=["application", "target_host"],
    )
    for state in states:
        named = state.deployment.hosts if state.deployment else ()
        hosts = {*named, *probed.get(state.service, ())}
        busy = _switched(state, policy, hosts, now)
        for host in sorted(hosts | busy):
            family.add_metric([state.service, host], float(host in busy))
    return family


def _switched(state: ServiceState, policy: Policy, hosts: set[str], now: datetime) -> set[str]:
    """The hosts whose application may stop and start now; never for longer than a deployment may take."""
    busy: set[str] = set()
    deployment, active = state.deployment, state.active_rollback
    if deployment and deployment.running(now, policy.deployment_timeout):
        busy |= set(deployment.hosts)
    if active and active.phase in SWITCHING and now - active.requested_at < policy.deployment_timeout:
        busy |= set(active.only) or hosts
    return busy


def _recovering(state: ServiceState, policy: Policy, now: datetime) -> bool:
    if any(rollback.active and rollback.kind is Kind.ROLLBACK for rollback in state.rollbacks):
        return True
    last = next((r for r in state.rollbacks if _counts(r)), None)
    if last is None or last.finished_at is None or last.verification is None:
        return False
    fixed = last.verification.verdict is VerificationVerdict.FIXED
    return fixed and timedelta(0) <= now - last.finished_at < policy.recovery_quiet


def _counts(rollback: Rollback) -> bool:
    """Whether its end says how the service is: a repair is about a host, one called off about nothing."""
    ended = not rollback.active and rollback.phase is not Phase.CALLED_OFF
    return ended and rollback.kind is Kind.ROLLBACK


def _by_application(name: str, text: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=APPLICATION)
    for application, value in values.items():
        family.add_metric([application], float(value))
    return family


def _by_value(
    name: str, text: str, label: str, holding: Mapping[str, Iterable[T]], known: Iterable[T]
) -> GaugeMetricFamily:
    """A series for every known value of the label: 1 for those that hold."""
    family = GaugeMetricFamily(name, text, labels=["application", label])
    for application, values in holding.items():
        for value in known:
            family.add_metric([application, str(value)], float(value in set(values)))
    return family
