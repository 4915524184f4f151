"""The last question before the first host is touched: is it still wanted?"""

from collections.abc import Callable, Iterable
from datetime import datetime

import structlog

from rollback.domain.alert import Alert, is_heartbeat
from rollback.domain.errors import Blind
from rollback.domain.ports import Active, Monitoring, Store
from rollback.service.looking import Index, Look

LOG = structlog.get_logger("rollback.gate")


class Gatekeeper:
    """Calls off what has become needless or doubtful, or what a person has stopped meanwhile."""

    def __init__(self, store: Store, monitoring: Monitoring, look: Callable[[], Look]) -> None:
        self._store, self._monitoring, self._look = store, monitoring, look

    def why_closed(self, alert: Alert, decided: datetime) -> str:
        """Why no host must be touched; empty to go on. The alert was believed at *decided*.

        Prometheus that dies between the decision and this moment does not take the decision back. One that
        was restarted has the alert as pending for a while, or not at all until its windows have samples
        again: it is over only for a Prometheus that has evaluated its rules ever since the decision. A
        dependency that was found to be down only after the decision is as good a reason as one that was
        found before.
        """
        look = self._look()
        freeze = self._store.service_state(alert.service, alert.env).freeze
        if freeze and freeze.holds(look.now):
            return f"{freeze.by} has frozen automatic rollbacks: {freeze.reason}"
        try:
            active = self._monitoring.active()
            known = Index((one.labels, one) for one in active)
            if not known.find(alert.labels) and _has_watched_since(decided, active):
                return f"{alert.name} was over before the first host was touched"
            down = self._down(alert, look)
        except Blind as error:
            LOG.warning("gate_not_asked", alertname=alert.name, service=alert.service, error=str(error))
            return ""
        return f"a dependency is down: {', '.join(down)}" if down else ""

    def _down(self, alert: Alert, look: Look) -> tuple[str, ...]:
        """The dependencies that are down. Hosts are asked only when there are some. Raises Blind."""
        if look.policy.strict_seed or not look.vetoes(alert.env, look.now, ()):
            return ()
        return look.vetoes(alert.env, look.now, look.hosts(alert.service))


def _has_watched_since(moment: datetime, active: Iterable[Active]) -> bool:
    """Whether the heartbeat, which has no `for`, is active since then: a restart begins it anew."""
    return any(one.since <= moment for one in active if is_heartbeat(one.labels))
