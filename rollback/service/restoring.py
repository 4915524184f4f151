"""One rollback from accepted to ended; every step is durable before the next begins."""

from dataclasses import replace

import structlog

from rollback.domain import notices
from rollback.domain.errors import ShuttingDown, StoreUnavailable
from rollback.domain.ports import Clock, Executor, Pause, Probes, RunOutcome, RunResult, Store
from rollback.domain.reasons import LedgerKind
from rollback.domain.records import NewEntry, Notice, Step
from rollback.domain.rollback import (
    AttemptFailed,
    Claimed,
    Event,
    Phase,
    Restored,
    Resumed,
    Rollback,
    Verification,
    VerificationEnded,
    VerificationVerdict,
    VerifiedFixed,
)
from rollback.service.context import PolicySource
from rollback.service.verifying import Verifier

LOG = structlog.get_logger("rollback.restore")
STORE_RETRY_SECONDS = 1.0


class Restorer:
    """Drives rollbacks. Stopping in the middle is safe: the next start takes up where the records end."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        executor: Executor,
        probes: Probes,
        verifier: Verifier,
        policy: PolicySource,
    ) -> None:
        self._store, self._clock, self._policy = store, clock, policy
        self._executor, self._probes, self._verifier = executor, probes, verifier

    def drive(self, rollback: Rollback, pause: Pause, *, resumed: bool = False) -> Rollback:
        """Bring the rollback to its end, or as far as the daemon lives."""
        LOG.info("rollback_taken", rollback=rollback.id, phase=rollback.phase, resumed=resumed)
        try:
            rollback = self._resume(rollback, pause) if resumed else self._claim(rollback, pause)
            if rollback.phase is Phase.RUNNING:
                rollback = self._restore(rollback, pause)
            if rollback.phase is Phase.VERIFYING:
                rollback = self._verify(rollback, pause)
        except ShuttingDown:
            LOG.info("rollback_handed_over", rollback=rollback.id, phase=rollback.phase)
        return rollback

    def give_up(self, rollback_id: int, problem: str, pause: Pause) -> None:
        """End a rollback that cannot be driven further, so that a person is called."""
        rollback = self._store.rollback(rollback_id)
        if rollback.phase in (Phase.PENDING, Phase.RUNNING):
            self._fail(rollback, problem, pause)
        elif rollback.phase is Phase.VERIFYING:
            now = self._clock.now()
            blind = Verification(verdict=VerificationVerdict.BLIND, at=now)
            after = replace(rollback.apply(_event(blind)), verification=blind, detail=problem)
            self._end(rollback, after, pause)

    def _claim(self, rollback: Rollback, pause: Pause) -> Rollback:
        alertname = self._store.decision(rollback.decision_id).alert.name
        after = rollback.apply(Claimed(at=self._clock.now()))
        entry = _entry(after, LedgerKind.ROLLBACK_STARTED)
        return self._move(rollback, after, pause, entry, notices.started(after, alertname))

    def _resume(self, rollback: Rollback, pause: Pause) -> Rollback:
        """After a restart: go on if that is still what the hosts need, otherwise fail and call a person."""
        obstacle = "" if rollback.phase is Phase.VERIFYING else self._obstacle(rollback)
        if obstacle:
            return self._fail(rollback, obstacle, pause)
        if rollback.phase is Phase.PENDING:
            return self._claim(rollback, pause)
        after = rollback.apply(Resumed(at=self._clock.now()))
        return self._move(rollback, after, pause, _entry(after, LedgerKind.ROLLBACK_RESUMED))

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
        live = self._probes.live_versions(rollback.service)
        others = {host: version for host, version in live.items() if version not in ours}
        return f"somebody has deployed another version meanwhile: {others}" if others else ""

    def _restore(self, rollback: Rollback, pause: Pause) -> Rollback:
        result = self._executor.run(rollback, lambda step: self._step(rollback, step), pause)
        LOG.info("executor_ended", rollback=rollback.id, outcome=result.outcome, detail=result.detail)
        if result.outcome is RunOutcome.HANDED_OVER:
            raise ShuttingDown
        if result.outcome is not RunOutcome.RESTORED:
            return self._fail(rollback, _failure(result), pause)
        after = rollback.apply(Restored(at=self._clock.now()))
        return self._move(rollback, after, pause, _entry(after, LedgerKind.RESTORED), notices.restored(after))

    def _verify(self, rollback: Rollback, pause: Pause) -> Rollback:
        verification = self._verifier.verify(rollback, pause)
        now = self._clock.now()
        after = replace(rollback.apply(_event(verification)), verification=verification)
        verified = NewEntry(
            at=verification.at,
            kind=LedgerKind.VERIFIED,
            service=rollback.service,
            rollback_id=rollback.id,
            data={"rollback_id": rollback.id, "verdict": verification.verdict},
        )
        return self._end(rollback, replace(after, changed_at=now, finished_at=now), pause, verified)

    def _fail(self, rollback: Rollback, detail: str, pause: Pause) -> Rollback:
        return self._end(rollback, rollback.apply(AttemptFailed(at=self._clock.now(), detail=detail)), pause)

    def _end(self, before: Rollback, after: Rollback, pause: Pause, *entries: NewEntry) -> Rollback:
        LOG.info("rollback_finished", rollback=after.id, phase=after.phase, detail=after.detail)
        last = _entry(after, LedgerKind.ROLLBACK_FINISHED)
        return self._move(before, after, pause, *entries, last, notices.finished(after))

    def _move(self, before: Rollback, after: Rollback, pause: Pause, *records: NewEntry | Notice) -> Rollback:
        """Store the transition; a database that cannot take it is asked again until the daemon stops."""
        entries = tuple(r for r in records if isinstance(r, NewEntry))
        messages = tuple(r for r in records if isinstance(r, Notice))
        while True:
            try:
                self._store.move(before, after, entries, messages)
            except StoreUnavailable as error:
                LOG.error("transition_not_stored", rollback=after.id, phase=after.phase, error=str(error))
            else:
                return after
            if pause(STORE_RETRY_SECONDS):
                raise ShuttingDown

    def _step(self, rollback: Rollback, step: Step) -> None:
        """Record progress; a step that cannot be stored is only logged, the run goes on."""
        LOG.info("host_step", rollback=rollback.id, host=step.host, step=step.step, status=step.status)
        try:
            self._store.add_step(rollback, step, notices.of_step(rollback, step))
        except StoreUnavailable as error:
            LOG.error("step_not_stored", rollback=rollback.id, host=step.host, error=str(error))


def _event(verification: Verification) -> Event:
    if verification.verdict is VerificationVerdict.FIXED:
        return VerifiedFixed(at=verification.at)
    return VerificationEnded(at=verification.at, verdict=verification.verdict)


def _failure(result: RunResult) -> str:
    return result.detail or f"the executor {result.outcome}"


def _entry(rollback: Rollback, kind: LedgerKind) -> NewEntry:
    data: dict[str, object] = {
        "rollback_id": rollback.id,
        "phase": rollback.phase,
        "attempt": rollback.attempt,
        "from_version": rollback.from_version,
        "to_version": rollback.to_version,
        "decision_id": rollback.decision_id,
        "detail": rollback.detail,
    }
    return NewEntry(
        at=rollback.changed_at, kind=kind, service=rollback.service, rollback_id=rollback.id, data=data
    )
