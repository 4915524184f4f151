"""What would happen if an alert fired now: the real decision on facts of which only the alert is imagined."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from rollback.domain.alert import Alert, AlertStatus, Source
from rollback.domain.decision import Decision, decide
from rollback.domain.errors import Blind
from rollback.domain.facts import HostSeen, Watched
from rollback.domain.policy import Mode, Policy
from rollback.domain.stored import ServiceState
from rollback.service.looking import Look

PATIENCE = 2.0
"""So many seconds a status page waits for hosts and Prometheus together."""
FURTHEST_FIRST = (Mode.AUTO, Mode.PROPOSE, Mode.SHADOW, Mode.OFF)


@dataclass(frozen=True, kw_only=True)
class Glance:
    """Hosts and dependencies as they are now; what did not answer in time is not known."""

    hosts: dict[str, tuple[HostSeen, ...]] = field(default_factory=dict)
    blind: str = ""


def glance(look: Look, services: Sequence[str], env: str) -> Glance:
    """Ask everything at once and wait only briefly, so that the page is there when things are bad."""
    until = time.monotonic() + PATIENCE
    pool = ThreadPoolExecutor(max_workers=min(len(services), 16) + 1, thread_name_prefix="glance")
    asked = {service: pool.submit(look.hosts, service) for service in services}
    vetoes = pool.submit(look.vetoes, env, look.now, ())
    hosts = {service: _within(future, until) for service, future in asked.items()}
    blind = ""
    try:
        vetoes.result(max(0.0, until - time.monotonic()))
    except TimeoutError:
        blind = f"Prometheus did not answer within {PATIENCE:.0f} s"
    except Blind as error:
        blind = str(error)
    pool.shutdown(wait=False)
    return Glance(hosts=hosts, blind=blind)


def would(look: Look, state: ServiceState, seen: Glance) -> Decision:
    """The decision about an alert of the service that began this moment and has all the evidence it needs."""
    alert = imagined(look, state)
    hosts = seen.hosts.get(state.service, ())
    watched = Watched(asked=True, blind=seen.blind)
    if not seen.blind:
        watched = replace(watched, firing=True, evidence=1.0, vetoes=look.vetoes(state.env, look.now, hosts))
    return decide(replace(look.known(alert, Source.PREVIEW, state), hosts=hosts, watched=watched))


def imagined(look: Look, state: ServiceState) -> Alert:
    """An alert whose trigger may go as far as any."""
    labels = {
        "alertname": "imagined",
        "service": state.service,
        "env": state.env,
        "rollback": "auto",
        "rollback_trigger": _furthest(look.policy),
    }
    return Alert(fingerprint="imagined", starts_at=look.now, status=AlertStatus.FIRING, labels=labels)


def _furthest(policy: Policy) -> str:
    return min(policy.modes, key=lambda name: FURTHEST_FIRST.index(policy.modes[name]), default="")


def _within(future: Future[tuple[HostSeen, ...]], until: float) -> tuple[HostSeen, ...]:
    try:
        return future.result(max(0.0, until - time.monotonic()))
    except TimeoutError:
        return ()
