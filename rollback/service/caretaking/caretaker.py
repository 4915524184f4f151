"""Goes from duty to duty and from service to service; one that fails stops no other."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import structlog

from rollback.domain.errors import Blind, Unavailable
from rollback.domain.ports import Clock, Monitoring, Probes, Store
from rollback.service.caretaking.duty import Duty
from rollback.service.context import PolicySource
from rollback.service.looking import Look

LOG = structlog.get_logger("rollback.care")


class Caretaker:
    """One round looks after what concerns all services, then after one service at a time."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        monitoring: Monitoring,
        probes: Probes,
        policy: PolicySource,
        common: Mapping[str, Callable[[], object]],
        duties: Sequence[Duty],
    ) -> None:
        self._store, self._clock, self._policy = store, clock, policy
        self._monitoring, self._probes = monitoring, probes
        self._common, self._duties = common, duties
        self._left: list[str] = []
        self._said: dict[str, str] = {}
        self._failing: dict[str, bool] = {}
        self._look = self._new_look()

    def work(self) -> bool:
        """The next piece of the round; True while something of it is left."""
        if self._left:
            self._attend(self._left.pop(0))
            return bool(self._left)
        self._look = self._new_look()
        for name, errand in self._common.items():
            self._safely(name, errand)
        self._left = self._store.services(self._policy().environment)
        return bool(self._left)

    def failing(self) -> list[str]:
        """What is not looked after and nobody but the daemon is to blame for."""
        return [name for name, problem in self._failing.items() if problem]

    def _attend(self, service: str) -> None:
        for duty in self._duties:
            self._safely(f"{type(duty).__name__} {service}", partial(self._do, duty, service))

    def _do(self, duty: Duty, service: str) -> None:
        duty.attend(self._store.service_state(service, self._policy().environment), self._look)

    def _safely(self, name: str, work: Callable[[], object]) -> None:
        """Do it, or say once why it cannot be done."""
        try:
            work()
        except Exception as error:
            blind = isinstance(error, Blind)
            if self._said.get(name) != repr(error):
                log = LOG.warning if isinstance(error, Unavailable) else LOG.exception
                log("not_looked_after", duty=name, error=str(error))
            self._said[name] = repr(error)
            self._failing[name] = not blind
        else:
            self._said.pop(name, None)
            self._failing.pop(name, None)

    def _new_look(self) -> Look:
        return Look(self._clock, self._policy(), self._monitoring, self._probes)
