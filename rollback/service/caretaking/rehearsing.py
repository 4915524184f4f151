"""The way back is proven before it is needed: after every change, and every few minutes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from rollback.domain.control import Rehearsal
from rollback.domain.deployment import Release, best_guess, known_good
from rollback.domain.errors import Blind, ShuttingDown
from rollback.domain.facts import HostSeen
from rollback.domain.ports import Clock, Executor, Pause, Probes, Store
from rollback.domain.records import ServiceState
from rollback.domain.rollback import Phase
from rollback.service.caretaking.duty import due
from rollback.service.context import PolicySource

LOG = structlog.get_logger("rollback.rehearse")
SOON = timedelta(seconds=10)
"""At least so long between two rehearsals while a host that waits to be restored answers."""
AGAIN_S = 5.0
"""After so many seconds a rehearsal that failed is tried once more: one lost answer wakes nobody."""


class Rehearser:
    """Rehearses one service at a time, and never while something moves hosts."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        executor: Executor,
        probes: Probes,
        policy: PolicySource,
        pause: Pause,
    ) -> None:
        self._store, self._clock, self._policy = store, clock, policy
        self._executor, self._probes, self._pause = executor, probes, pause
        self._tried: dict[str, datetime] = {}

    def work(self) -> bool:
        """Rehearse the first service that is due; True when there was one."""
        env = self._policy().environment
        for service in self._store.services(env):
            state = self._store.service_state(service, env)
            if self._due(state):
                self._rehearse(state)
                return True
        return False

    def _due(self, state: ServiceState) -> bool:
        now, policy = self._clock.now(), self._policy()
        deployment = state.deployment
        if state.active_rollback or (deployment and deployment.running(now, policy.deployment_timeout)):
            return False
        told = [*(r.at for r in state.rehearsals), *self._tried_at(state.service)]
        last = max(told, default=None)
        ends = [deployment.finished_at if deployment else None]
        ends += [state.last_rollback.finished_at if state.last_rollback else None]
        if last is None or any(end > last for end in ends if end):
            return True
        if due(last, now, policy.rehearsal_interval):
            return True
        return due(last, now, max(policy.retry_after, SOON)) and self._somebody_is_back(state)

    def _tried_at(self, service: str) -> list[datetime]:
        return [self._tried[service]] if service in self._tried else []

    def _somebody_is_back(self, state: ServiceState) -> bool:
        """Whether a host that waits to be restored answers again."""
        waiting = state.open_end.waiting if state.open_end else ()
        if not waiting:
            return False
        return any(one.answered and one.host in waiting for one in self._probes.hosts(state.service))

    def _rehearse(self, state: ServiceState) -> None:
        target, hosts = wanted(state), self._probes.hosts(state.service)
        if target is None or not hosts:
            self._tried[state.service] = self._clock.now()
            return
        try:
            found = self._found(state.service, target, hosts)
            if not all(one.ok for one in found):
                if self._interrupted(AGAIN_S):
                    return
                found = self._found(state.service, target, hosts)
        except ShuttingDown:
            return
        now = self._clock.now()
        self._tried[state.service] = now
        names = tuple(one.host for one in hosts)
        if found:
            self._store.rehearsed(state.service, state.env, found, names)
        failed = [f"{one.host}: {one.detail}" for one in found if not one.ok]
        LOG.info("rehearsed", service=state.service, version=target.version, failed="; ".join(failed))

    def _found(self, service: str, target: Release, hosts: Sequence[HostSeen]) -> tuple[Rehearsal, ...]:
        """What one rehearsal found on each host.

        Raises:
            ShuttingDown: it was interrupted and found nothing.
        """
        try:
            return self._executor.rehearse(service, target, self._interrupted)
        except Blind as error:
            LOG.error("rehearsal_failed", service=service, version=target.version, error=str(error))
            return tuple(self._unproven(one, str(error)) for one in hosts)

    def _unproven(self, seen: HostSeen, why: str) -> Rehearsal:
        return Rehearsal(host=seen.host, ok=False, at=self._clock.now(), detail=why, live=seen.version)

    def _interrupted(self, seconds: float) -> bool:
        """Pause; True when the daemon stops, or when a rollback or a deployment needs the hosts and us."""
        env = self._policy().environment
        return self._pause(seconds) or bool(
            self._store.in_phase(Phase.PENDING, Phase.RUNNING)
            or any(d.running(self._clock.now(), SOON) for d in self._store.open_deployments(env))
        )


def wanted(state: ServiceState) -> Release | None:
    """The release that hosts would be brought to: the one that some still wait for, else the target."""
    if state.open_end and state.open_end.waiting:
        return state.current
    deployment, current = state.deployment, state.current
    leaving = current.version if current else None
    live_at = current.live_at if current else None
    if deployment and (live_at is None or deployment.started_at > live_at):
        leaving = deployment.version  # it stopped half-way: going back would leave what it brought
    return known_good(state.releases, leaving) or best_guess(state.releases, leaving)
