"""What people command beside rollbacks: answer proposals, freeze, close a breaker, judge, take over."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from rollback.domain import notices, wording
from rollback.domain.alert import Source
from rollback.domain.control import EVERYTHING, Freeze, Proposal, ProposalState
from rollback.domain.decision import Decision, approve
from rollback.domain.deployment import Standing
from rollback.domain.errors import (
    AlreadyAnswered,
    Blind,
    ConcurrentChange,
    FactsMoved,
    NotFound,
    NothingToRollBack,
    Undecodable,
)
from rollback.domain.facts import Facts
from rollback.domain.ports import Store
from rollback.domain.reasons import Verdict
from rollback.service.context import PolicySource
from rollback.service.looking import Look
from rollback.service.views import freeze_view, iso, proposal_view, release_view, rollback_view

LOG = structlog.get_logger("rollback.people")
Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class FreezeWish:
    """A freeze as a person asks for it: of one service, or of all when there is none named."""

    service: str | None
    reason: str
    by: str
    until: datetime | None = None
    lasting: timedelta | None = None


class People:
    """Carries out what a person says, and records who it was."""

    def __init__(self, store: Store, look: Callable[[], Look], policy: PolicySource) -> None:
        self._store, self._look, self._policy = store, look, policy

    def approve(self, decision_id: int, by: str, note: str) -> Json:
        """Start the rollback that was proposed, unless the facts have moved since."""
        proposal = self._open(decision_id)
        if proposal.to_version is None:
            raise NothingToRollBack(
                f"Proposal {decision_id} has no version to go back to: name one with "
                f"`rollbackctl rollback {proposal.service} --to VERSION`."
            )
        decision = approve(self._facts(proposal), proposal, by)
        if decision.verdict is not Verdict.ROLL_BACK:
            raise FactsMoved(f"Proposal {decision_id} is not carried out: {_objection(decision)}.")
        try:
            record = self._store.record_by_person(decision, proposal, note, lambda _: ())
        except ConcurrentChange as change:
            raise FactsMoved(f"Proposal {decision_id} is not carried out: {change}") from change
        LOG.info("proposal_approved", decision=decision_id, by=by, rollback=record.rollback_id)
        assert record.rollback_id is not None  # its verdict is to roll back
        begun = rollback_view(self._store.rollback(record.rollback_id))
        return {**begun, "rollback_id": record.rollback_id, "proposal_id": decision_id}

    def reject(self, decision_id: int, by: str, note: str) -> Json:
        """Refuse a proposal: the deployment is not proposed again."""
        proposal, now = self._open(decision_id), self._look().now
        told = (notices.answered(proposal, by, note),)
        self._store.answer_proposal(proposal, ProposalState.REJECTED, by, note, now, told)
        LOG.info("proposal_rejected", decision=decision_id, by=by)
        return proposal_view(self._store.proposal(decision_id))

    def freeze(self, wish: FreezeWish) -> Json:
        """Stop automatic rollbacks of one service, or of all, until a moment."""
        now = self._look().now
        until = wish.until or now + (wish.lasting or timedelta())
        if until <= now:
            raise Undecodable(
                f"Expected a freeze that ends in the future, found its end at {wording.clock(until)}: "
                "give `until` or `minutes`."
            )
        service = wish.service or EVERYTHING
        self._check(service)
        frozen = self._store.freeze(
            Freeze(
                id=0,
                service=service,
                env=self._policy().environment,
                reason=wish.reason,
                by=wish.by,
                since=now,
                until=until,
            )
        )
        LOG.info("frozen", service=service or "all", by=wish.by, until=until.isoformat())
        return freeze_view(frozen)

    def unfreeze(self, service: str, by: str) -> Json:
        """Let automatic rollbacks happen again."""
        env, now = self._policy().environment, self._look().now
        ended = self._store.unfreeze(service, env, by, now)
        LOG.info("unfrozen", service=service or "all", by=by)
        still = [f for f in self._store.freezes(env) if f.holds(now) and EVERYTHING in (service, f.service)]
        return {**freeze_view(ended), "still": [freeze_view(freeze) for freeze in still]}

    def close_breaker(self, service: str, by: str, note: str) -> Json:
        """Let automatic rollbacks of a service happen again after too many, or fruitless ones."""
        env, now = self._policy().environment, self._look().now
        self._store.close_breaker(service, env, by, note, now)
        LOG.info("breaker_closed", service=service, by=by)
        return {"service": service, "env": env, "closed_at": iso(now), "by": by}

    def mark(self, service: str, version: str, standing: Standing, by: str, note: str) -> Json:
        """Say what a release is worth: only a good one is gone back to, a rejected one is not deployed."""
        env, now = self._policy().environment, self._look().now
        who = f"{by}: {note}" if note else by
        told = (notices.marked(service, env, version, standing, who),)
        self._store.mark_release(service, env, version, standing, who, now, told)
        LOG.info("release_marked", service=service, version=version, standing=standing, by=by)
        releases = self._store.service_state(service, env).releases
        return {
            "service": service,
            "env": env,
            **release_view(next(r for r in releases if r.version == version)),
        }

    def acknowledge(self, rollback_id: int, by: str, note: str) -> Json:
        """Take over what a rollback left open: it no longer pages."""
        found = self._store.acknowledge(rollback_id, by, note, self._look().now)
        LOG.info("rollback_acknowledged", rollback=rollback_id, by=by)
        return rollback_view(found)

    def _open(self, decision_id: int) -> Proposal:
        proposal = self._store.proposal(decision_id)
        if proposal.state is not ProposalState.OPEN:
            by = f" by {proposal.by}" if proposal.by else ""
            note = f" ({proposal.note})" if proposal.note else ""
            at = f" at {wording.clock(proposal.answered_at)}" if proposal.answered_at else ""
            raise AlreadyAnswered(f"Proposal {decision_id} was {proposal.state}{by}{at}{note}.")
        return proposal

    def _facts(self, proposal: Proposal) -> Facts:
        """The facts of this moment, whatever an automatic rollback would be held up by.

        The alert that began it stands for its whole storm: another of the service that fires does as well.
        """
        alert, look = self._store.decision(proposal.id).alert, self._look()
        state = self._store.service_state(proposal.service, proposal.env)
        facts = look.seen(look.known(alert, Source.PERSON, state))
        if facts.watched.firing is False and _others_fire(proposal, look):
            return replace(facts, watched=replace(facts.watched, firing=True))
        return facts

    def _check(self, service: str) -> None:
        """A freeze of a service that nobody knows would protect nothing."""
        env = self._policy().environment
        known = self._store.services(env)
        if service not in (EVERYTHING, *known):
            raise NotFound(f"There is no service {service} in {env}; known: {', '.join(known) or 'none'}.")


def _others_fire(proposal: Proposal, look: Look) -> bool:
    with suppress(Blind):
        return any(one.firing for one in look.active(proposal.service, proposal.env))
    return False


def _objection(decision: Decision) -> str:
    evidence = next((dict(a.evidence) for a in decision.answers if a.reason is decision.reason), {})
    return wording.because(decision.reason, evidence)
