"""The last question before the first host is touched: does the alert still fire?"""

import structlog

from rollback.domain.alert import Alert
from rollback.domain.errors import Blind
from rollback.domain.ports import Clock, Monitoring, Probes
from rollback.service.context import PolicySource
from rollback.service.looking import Look

LOG = structlog.get_logger("rollback.gate")


class Gatekeeper:
    """Calls off what has become needless; only Prometheus itself can say so."""

    def __init__(self, clock: Clock, monitoring: Monitoring, probes: Probes, policy: PolicySource) -> None:
        self._clock, self._monitoring = clock, monitoring
        self._probes, self._policy = probes, policy

    def why_closed(self, alert: Alert) -> str:
        """Why no host must be touched; empty to go on.

        Prometheus that dies between the decision and this moment does not take the decision back.
        """
        look = Look(self._clock.now(), self._policy(), self._monitoring, self._probes)
        try:
            firing = look.firing(alert)
        except Blind as error:
            LOG.warning("gate_not_asked", alertname=alert.name, service=alert.service, error=str(error))
            return ""
        return "" if firing else f"{alert.name} was over before the first host was touched"
