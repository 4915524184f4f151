"""One rollback from accepted to ended; every step is durable before the next begins."""

from dataclasses import replace
from datetime import datetime

import structlog

from rollback.domain import notices
from rollback.domain.alert import Alert
from rollback.domain.consequences import NOTHING, Consequences, consequences
from rollback.domain.control import Cause
from rollback.domain.deployment import Standing
from rollback.domain.errors import ShuttingDown, StoreUnavailable
from rollback.domain.ports import Clock, Executor, Pause, Probes, RunOutcome, RunResult, Store
from rollback.domain.progress import CLOSED, DONE, GATE, OPEN, begun, with_earlier
from rollback.domain.reasons import LedgerKind, Reason
from rollback.domain.rollback import (
    AttemptFailed,
    CalledOff,
    Claimed,
    Event,
    Kind,
    Phase,
    Restored,
    Resumed,
    Rollback,
    Verification,
    VerificationEnded,
    VerificationVerdict,
    VerifiedFixed,
)
from rollback.domain.stored import NewEntry, Notice, Step
from rollback.service.context import PolicySource
from rollback.service.gating import Gatekeeper
from rollback.service.verifying import Verifier

LOG = structlog.get_logger("rollback.restore")
STORE_RETRY_SECONDS = 1.0
EARLIER = 50
"""So many earlier rollbacks are looked at to see whether they have become too many."""


class Restorer:
    """Drives rollbacks. Stopping in the middle is safe: the next start takes up where the records end."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        executor: Executor,
        probes: Probes,
        gatekeeper: Gatekeeper,
        verifier: Verifier,
        policy: PolicySource,
    ) -> None:
        self._store, self._clock, self._policy = store, clock, policy
        self._executor, self._probes = executor, probes
        self._gatekeeper, self._verifier = gatekeeper, verifier

    def drive(self, rollback: Rollback, pause: Pause, *, resumed: bool = False) -> Rollback:
        """Bring the rollback to its end, or as far as the daemon lives."""
        LOG.info("rollback_taken", rollback=rollback.id, phase=rollback.phase, resumed=resumed)
        try:
            rollback = self._resume(rollback, pause) if resumed else self._claim(rollback, pause)
            if rollback.phase is Phase.RUNNING:
                rollback = self._restore(rollback, pause)
            if rollback.phase is Phase.VERIFYING:
                rollback = self.conclude(rollback, self._verifier.verify(rollback, pause), pause)
        except ShuttingDown:
            LOG.info("rollback_handed_over", rollback=rollback.id, phase=rollback.phase)
        return rollback

    def give_up(self, rollback_id: int, problem: str, pause: Pause) -> None:
        """End a rollback that cannot be driven further, so that a person is called."""
        rollback = self._store.rollback(rollback_id)
        if rollback.phase in (Phase.PENDING, Phase.RUNNING):
            self._fail(rollback, self._cut_short(rollback, problem), pause)
        elif rollback.phase is Phase.VERIFYING:
            blind = Verification(verdict=VerificationVerdict.BLIND, at=self._clock.now())
            after = replace(rollback.apply(_event(blind)), verification=blind, detail=problem)
            self._end(rollback, after, pause)

    def conclude(self, rollback: Rollback, verification: Verification, pause: Pause) -> Rollback:
        """Write down what measuring showed; a verdict that could not be had before is replaced."""
        verdict, samples = verification.verdict, len(verification.samples)
        LOG.info("verified", rollback=rollback.id, verdict=verdict, samples=samples)
        after = replace(rollback.apply(_event(verification)), verification=verification)
        after = replace(after, changed_at=self._clock.now())
        if not rollback.finished_at:
            after = replace(after, finished_at=after.changed_at)
        verified = NewEntry(
            at=verification.at,
            kind=LedgerKind.VERIFIED,
            service=rollback.service,
            env=rollback.env,
            rollback_id=rollback.id,
            data={"rollback_id": rollback.id, "verdict": verification.verdict},
        )
        return self._end(rollback, after, pause, verified)

    def _claim(self, rollback: Rollback, pause: Pause) -> Rollback:
        after = rollback.apply(Claimed(at=self._clock.now()))
        entry = _entry(after, LedgerKind.ROLLBACK_STARTED)
        return self._move(rollback, after, pause, (entry,))

    def _resume(self, rollback: Rollback, pause: Pause) -> Rollback:
        """After a restart: go on if that is still what the hosts need, otherwise fail and call a person."""
        obstacle = "" if rollback.phase is Phase.VERIFYING else self._obstacle(rollback)
        if obstacle:
            return self._fail(rollback, self._cut_short(rollback, obstacle), pause)
        if rollback.phase is Phase.PENDING:
            return self._claim(rollback, pause)
        after = rollback.apply(Resumed(at=self._clock.now()))
        return self._move(rollback, after, pause, (_entry(after, LedgerKind.ROLLBACK_RESUMED),))

    def _obstacle(self, rollback: Rollback) -> str:
        """Why the interrupted run must not simply be repeated; empty when it may.

        Repeating is the normal way: the playbook changes nothing on a host that already runs the target, and
        a host that does not answer may be crashing because of the bad version.
        """
        policy = self._policy()
        if rollback.attempt >= policy.max_attempts:
            return f"the daemon ended {rollback.attempt} times while it ran; not tried again"
        if self._clock.now() - rollback.requested_at > policy.stale_after:
            return "the daemon was away for so long that the hosts may have changed; not tried again"
        ours = {None, rollback.from_version, rollback.to_version}
        seen = self._probes.hosts(rollback.service)
        others = [f"{one.host} runs {one.version}" for one in seen if one.version not in ours]
        return f"somebody has deployed another version meanwhile: {', '.join(others)}" if others else ""

    def _restore(self, rollback: Rollback, pause: Pause) -> Rollback:
        repair = rollback.kind is Kind.REPAIR  # told of when it has ended
        quiet = repair or self._tried_before(rollback) > 0
        earlier = self._store.steps(rollback.id)
        again = begun(earlier)
        alert = self._store.decision(rollback.decision_id).alert

        def gate() -> str:
            """Once a host was touched, in an attempt before this one, half-way is no place to stay."""
            asked = rollback.gated and not (again and self._half_way(rollback))
            why = self._why_closed(alert, rollback.requested_at) if asked else ""
            status = CLOSED if why else OPEN
            step = Step(at=self._clock.now(), host="all", step=GATE, status=status, detail=why)
            first = not why and not quiet and not again
            self._step(rollback, step, (notices.started(rollback, alert),) if first else ())
            return why

        def on_step(step: Step) -> None:
            told = () if repair or (quiet and step.status != DONE) else notices.of_step(rollback, step)
            self._step(rollback, step, told)

        result = self._executor.run(rollback, on_step, pause, gate)
        LOG.info("executor_ended", rollback=rollback.id, outcome=result.outcome, detail=result.detail)
        result = replace(result, results=with_earlier(result.results, earlier))
        if result.outcome is RunOutcome.HANDED_OVER:
            raise ShuttingDown
        if result.outcome is RunOutcome.CALLED_OFF:
            return self._call_off(rollback, result.detail, pause)
        if result.outcome is not RunOutcome.RESTORED:
            return self._fail(rollback, result, pause)
        after = rollback.apply(Restored(at=self._clock.now(), results=result.results))
        entries, told = (_entry(after, LedgerKind.RESTORED),), (notices.restored(after),)
        return self._move(rollback, after, pause, entries, () if repair else told)

    def _half_way(self, rollback: Rollback) -> bool:
        """Whether an attempt past the gate may have touched a host: not when all run what is left."""
        seen = self._probes.hosts(rollback.service)
        return not seen or any(one.version != rollback.from_version for one in seen)

    def _why_closed(self, alert: Alert, decided: datetime) -> str:
        """Whether the alert is over. A failure to find out does not hold up the rollback of a bad release."""
        try:
            return self._gatekeeper.why_closed(alert, decided)
        except Exception:
            LOG.exception("gate_failed", alertname=alert.name, service=alert.service)
            return ""

    def _tried_before(self, rollback: Rollback) -> int:
        """How often the same was tried in vain: people are told of the first attempt and of the last."""
        if not rollback.gated:
            return 0
        return self._store.service_state(rollback.service, rollback.env).attempts

    def _call_off(self, rollback: Rollback, why: str, pause: Pause) -> Rollback:
        after = rollback.apply(CalledOff(at=self._clock.now(), detail=why))
        return self._end(rollback, after, pause)

    def _fail(self, rollback: Rollback, result: RunResult, pause: Pause) -> Rollback:
        detail = result.detail or f"the executor {result.outcome}"
        event = AttemptFailed(at=self._clock.now(), detail=detail, results=result.results)
        return self._end(rollback, rollback.apply(event), pause)

    def _cut_short(self, rollback: Rollback, problem: str) -> RunResult:
        results = with_earlier((), self._store.steps(rollback.id))
        return RunResult(outcome=RunOutcome.FAILED, detail=problem, results=results)

    def _end(self, before: Rollback, after: Rollback, pause: Pause, *entries: NewEntry) -> Rollback:
        LOG.info("rollback_finished", rollback=after.id, phase=after.phase, detail=after.detail)
        earlier = [r for r in self._store.rollbacks(after.service, EARLIER) if r.id < after.id]
        looked = self._store.service_state(after.service, after.env).breaker_closed_at
        others = [r for r in earlier if r.env == after.env and not _before(r, looked)]
        window, well = self._policy().breaker_window, self._left_well(after)
        follows = consequences(after, others, window, left_well=well)
        if before.finished_at and follows.cause is Cause.REPEATED:
            follows = replace(follows, cause=None, why="")  # a late verdict is no further rollback
        last = _entry(after, LedgerKind.ROLLBACK_FINISHED)
        return self._move(before, after, pause, (*entries, last), self._told_of_end(after, follows), follows)

    def _left_well(self, rollback: Rollback) -> bool:
        """Whether a person left a good release without any alert about it."""
        if self._store.decision(rollback.decision_id).reason is not Reason.BY_HAND:
            return False
        releases = self._store.service_state(rollback.service, rollback.env).releases
        return any(r.version == rollback.from_version and r.standing is Standing.GOOD for r in releases)

    def _told_of_end(self, after: Rollback, follows: Consequences) -> tuple[Notice, ...]:
        """What is true now, as the hosts say it; of vain attempts only the first and the last are told."""
        if after.phase is Phase.FAILED and not after.changed:
            tried, limit = self._tried_before(after), self._policy().max_attempts
            if after.vain or 0 < tried < limit - 1:
                return ()
        alert = self._store.decision(after.decision_id).alert
        return (notices.finished(after, alert, self._probes.hosts(after.service), follows),)

    def _move(
        self,
        before: Rollback,
        after: Rollback,
        pause: Pause,
        entries: tuple[NewEntry, ...],
        messages: tuple[Notice, ...] = (),
        follows: Consequences = NOTHING,
    ) -> Rollback:
        """Store the transition; a database that cannot take it is asked again until the daemon stops."""
        while True:
            try:
                self._store.move(before, after, entries, messages, follows)
            except StoreUnavailable as error:
                LOG.error("transition_not_stored", rollback=after.id, phase=after.phase, error=str(error))
            else:
                return after
            if pause(STORE_RETRY_SECONDS):
                raise ShuttingDown

    def _step(self, rollback: Rollback, step: Step, told: tuple[Notice, ...] = ()) -> None:
        """Record progress; a step that cannot be stored is only logged, the run goes on whatever it said."""
        LOG.info("host_step", rollback=rollback.id, host=step.host, step=step.step, status=step.status)
        try:
            self._store.add_step(rollback, step, told)
        except StoreUnavailable as error:
            LOG.error("step_not_stored", rollback=rollback.id, host=step.host, error=str(error))
        except Exception:
            LOG.exception("step_not_stored", rollback=rollback.id, host=step.host)


def _before(rollback: Rollback, looked: datetime | None) -> bool:
    """Whether a person has looked at this rollback since it ended: it does not count again."""
    return looked is not None and rollback.finished_at is not None and rollback.finished_at <= looked


def _event(verification: Verification) -> Event:
    if verification.verdict is VerificationVerdict.FIXED:
        return VerifiedFixed(at=verification.at)
    return VerificationEnded(at=verification.at, verdict=verification.verdict)


def _entry(rollback: Rollback, kind: LedgerKind) -> NewEntry:
    data: dict[str, object] = {
        "rollback_id": rollback.id,
        "phase": rollback.phase,
        "attempt": rollback.attempt,
        "from_version": rollback.from_version,
        "to_version": rollback.to_version,
        "decision_id": rollback.decision_id,
        "detail": rollback.detail,
        "hosts": {result.host: f"{result.state} {result.detail}".strip() for result in rollback.results},
    }
    return NewEntry(
        at=rollback.changed_at,
        kind=kind,
        service=rollback.service,
        env=rollback.env,
        rollback_id=rollback.id,
        data=data,
    )
