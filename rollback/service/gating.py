"""The last question before the first host is touched: is it still wanted?"""

import structlog

from rollback.domain.alert import Alert
from rollback.domain.errors import Blind
from rollback.domain.ports import Clock, Monitoring, Store
from rollback.service.looking import Index

LOG = structlog.get_logger("rollback.gate")


class Gatekeeper:
    """Calls off what has become needless, or what a person has stopped meanwhile."""

    def __init__(self, store: Store, clock: Clock, monitoring: Monitoring) -> None:
        self._store, self._clock, self._monitoring = store, clock, monitoring

    def why_closed(self, alert: Alert) -> str:
        """Why no host must be touched; empty to go on.

        Prometheus that dies between the decision and this moment does not take the decision back. One that
        was restarted has the alert as pending for a while: its condition holds all the same.
        """
        freeze = self._store.service_state(alert.service, alert.env).freeze
        if freeze and freeze.holds(self._clock.now()):
            return f"{freeze.by} has frozen automatic rollbacks: {freeze.reason}"
        try:
            known = Index((one.labels, one) for one in self._monitoring.active())
        except Blind as error:
            LOG.warning("gate_not_asked", alertname=alert.name, service=alert.service, error=str(error))
            return ""
        return "" if known.find(alert.labels) else f"{alert.name} was over before the first host was touched"
