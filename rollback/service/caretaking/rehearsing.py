"""The way back is proven before it is needed: after every change, and every few minutes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from rollback.domain.control import Rehearsal
from rollback.domain.deployment import Release, best_guess, known_good
from rollback.domain.errors import Blind, ShuttingDown, StoreUnavailable
from rollback.domain.facts import HostSeen
from rollback.domain.ports import Clock, Executor, Pause, Probes, Store
from rollback.domain.rollback import Phase
from rollback.domain.stored import ServiceState
from rollback.service.caretaking.duty import due, passed
from rollback.service.context import PolicySource

LOG = structlog.get_logger("rollback.rehearse")
SOON = timedelta(seconds=10)
"""At least so long between two rehearsals while a host that waits to be restored answers."""
AGAIN_S = 5.0
"""After so many seconds a rehearsal that failed is tried once more: one lost answer wakes nobody."""


@dataclass(frozen=True, kw_only=True)
class Try:
    """The tick of a rehearsal, and which deployment and rollback had ended before it."""

    at: float
    after: tuple[datetime | None, ...]


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
        self._tried: dict[str, Try] = {}

    def work(self) -> bool:
        """Rehearse the first service that is due; True when there was one."""
        env, trouble = self._policy().environment, None
        for service in self._store.services(env):
            try:
                state = self._store.service_state(service, env)
            except StoreUnavailable as error:  # what is stored of one service hides no other
                trouble = error
                continue
            if self._due(state):
                self._rehearse(state)
                return True
        if trouble:
            raise trouble
        return False

    def _due(self, state: ServiceState) -> bool:
        now, policy = self._clock.now(), self._policy()
        deployment = state.deployment
        if state.active_rollback or (deployment and deployment.running(now, policy.deployment_timeout)):
            return False
        soon = max(policy.retry_after, SOON)
        if tried := self._tried.get(state.service):
            since, ticks = tried.at, self._clock.ticks()
            if tried.after != _ends(state) or passed(since, ticks, policy.rehearsal_interval):
                return True
            return passed(since, ticks, soon) and self._somebody_is_back(state)
        last = max((r.at for r in state.rehearsals), default=None)  # by a former life
        if last is None or any(end > last for end in _ends(state) if end):
            return True
        if due(last, now, policy.rehearsal_interval):
            return True
        return due(last, now, soon) and self._somebody_is_back(state)

    def _somebody_is_back(self, state: ServiceState) -> bool:
        """Whether a host that waits to be restored answers again."""
        waiting = state.open_end.waiting if state.open_end else ()
        if not waiting:
            return False
        return any(one.answered and one.host in waiting for one in self._probes.hosts(state.service))

    def _rehearse(self, state: ServiceState) -> None:
        target, hosts = wanted(state), self._probes.hosts(state.service)
        if target is None or not hosts:
            self._remember(state)
            return
        try:
            found = self._found(state.service, target, hosts)
            if not all(one.ok for one in found):
                if self._interrupted(AGAIN_S):
                    return
                found = self._found(state.service, target, hosts)
        except ShuttingDown:
            return
        self._remember(state)
        names = tuple(one.host for one in hosts)
        if found:
            self._store.rehearsed(state.service, state.env, found, names)
        failed = [f"{one.host}: {one.detail}" for one in found if not one.ok]
        LOG.info("rehearsed", service=state.service, version=target.version, failed="; ".join(failed))

    def _remember(self, state: ServiceState) -> None:
        self._tried[state.service] = Try(at=self._clock.ticks(), after=_ends(state))

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


def _ends(state: ServiceState) -> tuple[datetime | None, ...]:
    """When the last deployment and the last rollback ended: after each, the way back is another one."""
    deployment, rollback = state.deployment, state.last_rollback
    return (deployment.finished_at if deployment else None, rollback.finished_at if rollback else None)


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
