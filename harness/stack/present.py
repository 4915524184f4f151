"""The faults of the catalogue as blocks of a test: `with stack.faults.redis_stopped() as fault:`."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from devtools.wait import until
from harness.faults import on_host
from harness.faults.fault import Fault, named
from harness.incident.patience import firing_s
from harness.lab import addresses
from harness.stack import released
from monitoring.catalog import Alert


@dataclass(frozen=True)
class Present:
    """A fault that is there."""

    fault: Fault
    since: float
    rules: Mapping[str, Alert]
    scale: float

    def fires(self, alertname: str) -> None:
        """Wait until the alert fires, no longer than its rule allows; DeadlineError where it is late."""
        bound = firing_s(self.rules[alertname], self.scale) + self.fault.after_s
        left = self.since + bound - time.time()

        def firing() -> bool:
            alerts = addresses.prometheus().alerts(alertname=alertname)
            return any(alert["state"] == "firing" for alert in alerts)

        what = f"{alertname} to fire at most {bound:.0f} s after {self.fault.name}"
        until(what, firing, deadline_s=max(left, 0.1))


class Faults:
    """Every fault of harness/faults/catalogue by its name, with underscores instead of hyphens."""

    def __init__(self, rules: Mapping[str, Alert], scale: float) -> None:
        self._rules, self._scale = rules, scale

    def __getattr__(self, name: str) -> Callable[[], AbstractContextManager[Present]]:
        """The block in which a fault is there; UserError lists the faults where none has this name."""
        if name.startswith("_"):
            raise AttributeError(name)
        fault = named(name.replace("_", "-"))
        return lambda: self._lasting(fault)

    @contextmanager
    def _lasting(self, fault: Fault) -> Iterator[Present]:
        """The fault is injected with the program that it needs, and undone at the block's end in any case."""
        released.build([fault])
        with on_host.needed([fault]):
            try:
                released.inject(fault)
                yield Present(fault, time.time(), self._rules, self._scale)
            finally:
                released.undo(fault)
