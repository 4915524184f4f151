"""A person's rollback: through the daemon, which says what it knows before anything happens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from rollback.domain import guards
from rollback.domain.alert import Alert, AlertStatus, Source
from rollback.domain.answers import Guard
from rollback.domain.decision import Decision
from rollback.domain.deployment import Outcome, best_guess, known_good, on_the_way
from rollback.domain.errors import (
    ConcurrentChange,
    DeploymentInProgress,
    FactsMoved,
    NothingToRollBack,
    ReleaseWasRestored,
    RollbackInProgress,
)
from rollback.domain.facts import Facts, HostSeen
from rollback.domain.ports import Store
from rollback.domain.reasons import MEANINGS, Reason, verdict_of
from rollback.domain.rollback import Rollback
from rollback.domain.stored import ServiceState
from rollback.service.knowing import known
from rollback.service.looking import Look
from rollback.service.views import host_view, rollback_view

LOG = structlog.get_logger("rollback.people")
Json = dict[str, Any]
BY_HAND = "by hand"
"""The name of the alert that stands where a person asked and none is behind it."""
ASKED: tuple[Guard, ...] = (
    guards.this_environment,
    guards.no_rollback_running,
    guards.no_deployment_running,
)
"""What a person cannot overrule: two runs on the same hosts would undo each other."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A rollback as a person asks for it; `further` goes back past a release that was itself gone back to."""

    service: str
    env: str
    to_version: str | None
    reason: str
    by: str
    further: bool = False


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What would be done, and what is known about it."""

    wish: Wish
    facts: Facts
    leaving: str
    target: str
    known: tuple[str, ...]

    def view(self) -> Json:
        """The plan in words and values: hosts and versions are named before anything happens."""
        hosts = [seen.host for seen in self.facts.hosts] or list(_hosts(self.facts))
        return {
            "service": self.wish.service,
            "env": self.wish.env,
            "from_version": self.leaving,
            "to_version": self.target,
            "hosts": hosts,
            "seen": [host_view(seen) for seen in self.facts.hosts],
            "will": f"bring {', '.join(hosts) or 'every host'} of {self.wish.service} ({self.wish.env}) "
            f"from {self.leaving} to {self.target}",
            "known": list(self.known),
        }


class Returner:
    """Plans a person's rollback, and starts it."""

    def __init__(self, store: Store, look: Callable[[], Look]) -> None:
        self._store, self._look = store, look

    def ask(self, wish: Wish, *, dry_run: bool) -> Json:
        """The plan; without *dry_run* the rollback begins, and the answer has its record too."""
        plan = self._plan(wish)
        if dry_run:
            return plan.view()
        rollback = self._start(plan)
        return {**plan.view(), **rollback_view(rollback)}

    def _plan(self, wish: Wish) -> Plan:
        look, state = self._look(), self._store.service_state(wish.service, wish.env)
        hosts = look.hosts(wish.service)
        facts = replace(look.known(_alert(wish, look), Source.PERSON, state), hosts=hosts)
        said = known(state, hosts, look)
        _refuse_while_running(facts, said)
        leaving = left(state, hosts)
        if leaving is None:
            raise NothingToRollBack(f"No release of {wish.service} in {wish.env} is live.", said)
        if wish.to_version != leaving and not wish.further and (why := gone_back(state, leaving)):
            raise ReleaseWasRestored(
                f"{why}: nothing moves. To go further back all the same: further=true "
                f"(rollbackctl rollback {wish.service} --further).",
                said,
            )
        target = wish.to_version or _target(state, leaving)
        _refuse_target(state, leaving, target, said)
        assert target is not None
        said = (*_crossing(state, leaving, target), *said)
        return Plan(wish=wish, facts=facts, leaving=leaving, target=target, known=said)

    def _start(self, plan: Plan) -> Rollback:
        decision = Decision(
            at=plan.facts.now,
            verdict=verdict_of(Reason.BY_HAND),
            reason=Reason.BY_HAND,
            answers=tuple(guard(plan.facts) for guard in ASKED),
            facts=plan.facts,
            from_version=plan.leaving,
            to_version=plan.target,
            by=plan.wish.by,
        )
        try:
            record = self._store.record_by_person(decision, None, plan.wish.reason, lambda _: ())
        except ConcurrentChange as change:
            raise FactsMoved(f"Nothing was begun: {change}", plan.known) from change
        LOG.info(
            "rollback_asked",
            decision=record.id,
            rollback=record.rollback_id,
            service=plan.wish.service,
            by=plan.wish.by,
        )
        assert record.rollback_id is not None  # its verdict is to roll back
        return self._store.rollback(record.rollback_id)


def left(state: ServiceState, hosts: Sequence[HostSeen]) -> str | None:
    """The version that going back would leave: what was deployed last, where any host still runs it.

    A deployment may have stopped half-way, and a rollback may have left a host out. When no host says what it
    runs, the records are believed.
    """
    running = {seen.version for seen in hosts if seen.version is not None}
    deployment, current = state.deployment, state.current
    if deployment and deployment.version in running:
        return deployment.version
    if len(running) == 1:
        return running.pop()
    live_at = current.live_at if current else None
    if deployment and not running and (live_at is None or deployment.started_at > live_at):
        return deployment.version
    return current.version if current else None


def gone_back(state: ServiceState, version: str) -> str:
    """Why the version is one that was gone back to, so that going back again is rarely meant; else empty."""
    went_live = [d.finished_at for d in state.deployments if d.outcome is Outcome.LIVE and d.finished_at]
    last = next((r for r in state.rollbacks if r.changed or r.restored_at), None)
    deployed_since = last and any(at > (last.finished_at or last.changed_at) for at in went_live)
    if last and last.to_version == version and not deployed_since:
        return f"{version} was itself gone back to, by rollback {last.id} from {last.from_version}"
    deployment = state.deployment
    by_hand = not any(release.deployed_at for release in state.releases if release.version == version)
    if deployment is None or deployment.version == version or by_hand:
        return ""
    return f"{version} runs although {deployment.version} was deployed later: it was gone back to already"


def _target(state: ServiceState, leaving: str) -> str | None:
    found = known_good(state.releases, leaving) or best_guess(state.releases, leaving)
    return found.version if found else None


def _crossing(state: ServiceState, leaving: str, target: str) -> tuple[str, ...]:
    """The versions on the way that do not say that they may be left: a person may, and must know it."""
    found = next(release for release in state.releases if release.version == target)
    crossed = on_the_way(state.releases, leaving, found)
    unsafe = sorted(release.version for release in crossed if not release.rollback_safe)
    if not unsafe:
        return ()
    return (f"{MEANINGS[Reason.NOT_REVERSIBLE].sentence.capitalize()} ({', '.join(unsafe)}).",)


def _refuse_while_running(facts: Facts, said: tuple[str, ...]) -> None:
    active, deployment = facts.active_rollback, facts.deployment
    service = facts.alert.service
    if active:
        raise RollbackInProgress(
            f"Rollback {active.id} of {service} to {active.to_version} is {active.phase}: wait for its end "
            "(rollbackctl rollbacks).",
            said,
        )
    if deployment and not guards.no_deployment_running(facts).passed:
        raise DeploymentInProgress(
            f"Deployment {deployment.id} of {service} {deployment.version} is switching hosts: wait for its "
            f"end; silent ones count as dead after {facts.policy.deployment_timeout}.",
            said,
        )


def _refuse_target(state: ServiceState, leaving: str, target: str | None, said: tuple[str, ...]) -> None:
    where = f"{state.service} in {state.env}"
    if target is None:
        raise NothingToRollBack(
            f"There is no release of {where} to go back to from {leaving}: none is good or unproven. "
            "Name one with to_version (rollbackctl rollback --to VERSION) or deploy another.",
            said,
        )
    if target not in {release.version for release in state.releases}:
        known_versions = ", ".join(sorted(release.version for release in state.releases)) or "none"
        raise NothingToRollBack(f"There is no release {target} of {where}; known: {known_versions}.", said)
    if target == leaving:
        raise NothingToRollBack(f"The hosts of {where} run {target} already.", said)


def _hosts(facts: Facts) -> tuple[str, ...]:
    return facts.deployment.hosts if facts.deployment else ()


def _alert(wish: Wish, look: Look) -> Alert:
    """What stands in the record where an alert would."""
    return Alert(
        fingerprint="by-hand",
        starts_at=look.now,
        status=AlertStatus.FIRING,
        labels={"alertname": BY_HAND, "service": wish.service, "env": wish.env},
        annotations={"summary": wish.reason},
    )
