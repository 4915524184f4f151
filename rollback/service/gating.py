"""The last question before the first host is touched: is it still wanted?"""

from collections.abc import Callable

import structlog

from rollback.domain.alert import Alert
from rollback.domain.errors import Blind
from rollback.domain.ports import Monitoring, Store
from rollback.service.looking import Index, Look

LOG = structlog.get_logger("rollback.gate")


class Gatekeeper:
    """Calls off what has become needless or doubtful, or what a person has stopped meanwhile."""

    def __init__(self, store: Store, monitoring: Monitoring, look: Callable[[], Look]) -> None:
        self._store, self._monitoring, self._look = store, monitoring, look

    def why_closed(self, alert: Alert) -> str:
        """Why no host must be touched; empty to go on.

        Prometheus that dies between the decision and this moment does not take the decision back. One that
        was restarted has the alert as pending for a while: its condition holds all the same. A dependency
        that was found to be down only after the decision is as good a reason as one that was found before.
        """
        look = self._look()
        freeze = self._store.service_state(alert.service, alert.env).freeze
        if freeze and freeze.holds(look.now):
            return f"{freeze.by} has frozen automatic rollbacks: {freeze.reason}"
        try:
            known = Index((one.labels, one) for one in self._monitoring.active())
            if not known.find(alert.labels):
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
