"""The last question before the first host is touched: is it still wanted?"""

import structlog

from rollback.domain.alert import Alert
from rollback.domain.errors import Blind
from rollback.domain.ports import Clock, Monitoring, Probes, Store
from rollback.service.context import PolicySource
from rollback.service.looking import Look

LOG = structlog.get_logger("rollback.gate")


class Gatekeeper:
    """Calls off what has become needless, or what a person has stopped meanwhile."""

    def __init__(
        self, store: Store, clock: Clock, monitoring: Monitoring, probes: Probes, policy: PolicySource
    ) -> None:
        self._store, self._clock, self._monitoring = store, clock, monitoring
        self._probes, self._policy = probes, policy

    def why_closed(self, alert: Alert) -> str:
        """Why no host must be touched; empty to go on.

        Prometheus that dies between the decision and this moment does not take the decision back.
        """
        look = Look(self._clock.now(), self._policy(), self._monitoring, self._probes)
        freeze = self._store.service_state(alert.service, alert.env).freeze
        if freeze and freeze.holds(look.now):
            return f"{freeze.by} has frozen automatic rollbacks: {freeze.reason}"
        try:
            firing = look.firing(alert)
        except Blind as error:
            LOG.warning("gate_not_asked", alertname=alert.name, service=alert.service, error=str(error))
            return ""
        return "" if firing else f"{alert.name} was over before the first host was touched"
