"""One contract for every store: SQLite now, a shared database later."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import AlertStatus, Source
from rollback.domain.consequences import Consequences
from rollback.domain.control import Cause, Freeze, ProposalState, Rehearsal
from rollback.domain.decision import approve, decide
from rollback.domain.deployment import UNREPORTED, NewDeployment, Outcome, Standing
from rollback.domain.errors import (
    AlreadyAnswered,
    ConcurrentChange,
    DeploymentClosed,
    DeploymentInProgress,
    NotFound,
    QueueFull,
    RollbackInProgress,
    ShuttingDown,
    StoreUnavailable,
    VersionRejected,
)
from rollback.domain.facts import HostSeen, Watched
from rollback.domain.policy import Mode
from rollback.domain.reasons import LedgerKind, Reason
from rollback.domain.rollback import (
    AttemptFailed,
    Claimed,
    HostResult,
    HostState,
    Kind,
    Phase,
    Restored,
    Verification,
    VerificationVerdict,
    VerifiedFixed,
)
from rollback.domain.stored import (
    Attempt,
    Batch,
    InboxItem,
    NewEntry,
    Notice,
    NoticeState,
    Quarantined,
    Settled,
    Step,
    Urgency,
    WaitingNotice,
)

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = ("shop", "production")
BLIND = Watched(asked=True, blind="x")


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Any]:
    found = SqliteStore(tmp_path / "rollback.db")
    yield found
    found.close()


@pytest.fixture
def scene(store: Any, make: Any) -> "Scene":
    return Scene(store, make)


class Scene:
    """A service with 1 live since an hour and 2 since noon, and alerts to decide about."""

    def __init__(self, store: Any, make: Any) -> None:
        self.store, self.make = store, make
        make.live(store, "1", minutes=-60, good=True)
        make.live(store, "2", minutes=0)

    def receive(self, *alerts: Any, minutes: float = 5, retry_before: datetime = NOON, **batch: Any) -> Any:
        whole = Batch(
            at=at(minutes), source=Source.WEBHOOK, alerts=alerts, retry_before=retry_before, **batch
        )
        return self.store.receive(whole).result()

    @property
    def state(self) -> Any:
        return self.store.service_state(*KEY)

    def decide(self, *items: Any, **facts: Any) -> Settled:
        state = self.state
        whole = self.make.facts(
            **{
                "alert": items[0].alert,
                "deployment": state.deployment,
                "releases": state.releases,
                "now": at(5.1),
                **facts,
            }
        )
        return Settled(items=items, decision=decide(whole))

    def record(self, *items: Any, notices: tuple[Notice, ...] = (), **facts: Any) -> Any:
        return self.store.record(self.decide(*items, **facts), lambda number: notices)

    def item(self, **alert: Any) -> Any:
        self.receive(self.make.alert(**alert))
        return self.store.waiting(10)[-1]

    def rollback(self, **alert: Any) -> Any:
        record = self.record(self.item(**alert))
        return self.store.rollback(record.rollback_id)

    def make_item(self, record: Any) -> Any:
        return InboxItem(
            id=1, alert=record.alert, source=Source.WEBHOOK, received_at=NOON, decision_id=record.id
        )

    def finish(self, rollback: Any, minutes: float = 9, away: HostResult | None = None) -> Any:
        running = rollback.apply(Claimed(at=at(6)))
        done = (HostResult(host="app1", state=HostState.DONE, at=at(7)),)
        results = (*done, away) if away else done
        verifying = running.apply(Restored(at=at(minutes - 2), results=results))
        verification = Verification(verdict=VerificationVerdict.FIXED, at=at(minutes))
        ended = replace(verifying.apply(VerifiedFixed(at=at(minutes))), verification=verification)
        for before, after in [(rollback, running), (running, verifying), (verifying, ended)]:
            self.store.move(before, after, ())
        return ended


# Alerts


def test_each_state_of_each_episode_is_stored_once(scene: Scene) -> None:
    alert = scene.make.alert()
    others = [scene.make.alert(minutes=6), scene.make.alert(status=AlertStatus.RESOLVED)]

    first = scene.receive(alert, alert, *others)
    again = scene.receive(alert, *others, minutes=6)

    assert (first.accepted, first.duplicates) == (3, 1)
    assert (again.accepted, again.duplicates) == (0, 3)
    assert [item.alert for item in scene.store.waiting(10)] == [alert, *others]
    assert {item.received_at for item in scene.store.waiting(10)} == {at(5)}


def test_waiting_alerts_come_oldest_first_and_not_more_than_asked_for(scene: Scene) -> None:
    scene.receive(*[scene.make.alert(fingerprint=str(n)) for n in range(5)])

    assert [item.alert.fingerprint for item in scene.store.waiting(3)] == ["0", "1", "2"]


def test_a_batch_is_journalled_only_when_it_brought_something(scene: Scene) -> None:
    before = len(scene.store.ledger(0, 100))
    scene.receive(scene.make.alert())
    scene.receive(scene.make.alert())
    scene.receive()
    receipt = scene.receive(quarantined=(Quarantined(body="{}", problem="no status"),))

    entries = scene.store.ledger(0, 100)[before:]
    assert [(e.kind, e.data["accepted"], e.data["quarantined"]) for e in entries] == [
        (LedgerKind.WEBHOOK_RECEIVED, 1, 0),
        (LedgerKind.WEBHOOK_RECEIVED, 0, 1),
    ]
    assert receipt.quarantined == scene.store.tally().quarantined == 1


def test_a_heartbeat_is_remembered(scene: Scene) -> None:
    scene.receive(heartbeat=True, minutes=1)
    scene.receive(heartbeat=True, minutes=2)

    assert scene.store.tally().last_heartbeat == at(2)


def test_the_end_of_an_episode_is_found_by_its_beginning(scene: Scene) -> None:
    alert = scene.make.alert()
    scene.receive(alert, minutes=7)

    scene.receive(replace(alert, status=AlertStatus.RESOLVED), scene.make.alert(minutes=6), minutes=8)

    ends = {item.alert.identity: item.resolved_at for item in scene.store.waiting(10)}
    assert ends[alert.identity] == at(8)
    assert ends[scene.make.alert(minutes=6).identity] is None


def test_a_held_alert_wakes_when_it_is_seen_again_and_not_too_early(scene: Scene) -> None:
    item = scene.item()
    scene.record(item, watched=BLIND)
    assert scene.store.waiting(10) == []

    scene.receive(item.alert, retry_before=at(5.1))
    assert scene.store.waiting(10) == []
    scene.receive(item.alert, retry_before=at(5.2))
    assert [found.id for found in scene.store.waiting(10)] == [item.id]


def test_a_settled_alert_never_wakes(scene: Scene) -> None:
    item = scene.item()
    scene.record(item, handled_by=7)

    scene.receive(item.alert, retry_before=at(60))

    assert scene.store.waiting(10) == []
    assert scene.store.wake_expired(at(60)) == 0


def test_a_held_alert_that_got_too_old_wakes_once_more(scene: Scene) -> None:
    scene.record(scene.item(), watched=BLIND)

    assert scene.store.wake_expired(at(5)) == 0
    assert scene.store.tally().inbox_held == 1
    assert scene.store.wake_expired(at(5.01)) == 1
    assert scene.store.tally().inbox_pending == 1


# Decisions


def test_a_decision_is_kept_with_everything_it_saw(scene: Scene) -> None:
    record = scene.record(scene.item(), handled_by=7)

    found = scene.store.decision(record.id)
    assert (found.reason, found.rollback_id, found.alert) == (
        Reason.ALREADY_HANDLED,
        None,
        scene.make.alert(),
    )
    assert found.body == record.body
    assert found.body["facts"]["alert"]["fingerprint"] == "f1"
    entry = scene.store.ledger(0, 100)[-1]
    assert (entry.data["decision_id"], entry.data["rollback_id"]) == (record.id, None)
    assert (entry.service, entry.env) == KEY


def test_alerts_that_are_decided_alike_share_one_record(scene: Scene) -> None:
    scene.receive(*[scene.make.alert(fingerprint=str(n)) for n in range(5)])

    record = scene.record(*scene.store.waiting(10), handled_by=7)

    assert (record.alerts, scene.store.waiting(10)) == (5, [])
    assert scene.store.tally().decisions == {("shop", "ignore", "already_handled", "error_rate_threshold"): 5}


def test_a_newcomer_among_alerts_that_were_held_before_gets_a_record_of_its_own(scene: Scene) -> None:
    first = scene.record(scene.item(), watched=BLIND)
    scene.receive(scene.make.alert(), scene.make.alert(fingerprint="f2"), retry_before=at(6))

    second = scene.record(*scene.store.waiting(10), watched=BLIND)

    assert (first.alerts, second.alerts) == (1, 1)
    assert [d.id for d in scene.store.decisions(None, 10)] == [second.id, first.id]


def test_a_rollback_starts_with_its_decision(scene: Scene) -> None:
    record = scene.record(scene.item())

    rollback = scene.store.rollback(record.rollback_id)
    assert (rollback.phase, rollback.from_version, rollback.to_version) == (Phase.PENDING, "2", "1")
    assert rollback.decision_id == record.id
    state = scene.state
    assert (state.active_rollback, state.handled_by) == (rollback, rollback.id)
    assert {r.version: r.standing for r in state.releases} == {"1": "good", "2": "unproven"}


def test_only_one_rollback_of_a_service_is_active(scene: Scene) -> None:
    scene.rollback()
    second = scene.item(fingerprint="f2")

    with pytest.raises(ConcurrentChange):
        scene.record(second)

    assert len(scene.store.rollbacks(None, 10)) == 1
    assert [item.id for item in scene.store.waiting(10)] == [second.id]
    assert len(scene.store.decisions(None, 10)) == 1


def test_a_deployment_is_rolled_back_automatically_once(scene: Scene) -> None:
    scene.finish(scene.rollback())
    second = scene.item(fingerprint="f2")

    with pytest.raises(ConcurrentChange):
        scene.record(second)


def test_a_rollback_does_not_start_when_another_deployment_has_begun(scene: Scene) -> None:
    item, seen = scene.item(), scene.store.service_state(*KEY).deployment
    scene.store.start_deployment(NEW, at(5))

    with pytest.raises(ConcurrentChange):
        scene.record(item, deployment=seen)

    assert scene.store.rollbacks(None, 10) == []


def test_an_alert_is_decided_by_one_of_two(scene: Scene) -> None:
    item = scene.item()
    scene.record(item, handled_by=7)

    with pytest.raises(ConcurrentChange):
        scene.record(item, handled_by=7)


def test_an_unchanged_answer_adds_nothing_and_another_one_does(scene: Scene) -> None:
    item = scene.item()
    told = (Notice(text="a", colour="good"),)
    first = scene.record(item, notices=told, watched=BLIND)
    counts = (len(scene.store.ledger(0, 100)), len(scene.store.notices_waiting(10)))

    scene.receive(item.alert, retry_before=at(6))
    [item] = scene.store.waiting(10)
    assert scene.record(item, notices=told, watched=BLIND) is None
    assert (len(scene.store.ledger(0, 100)), len(scene.store.notices_waiting(10))) == counts

    scene.receive(item.alert, retry_before=at(6))
    other = scene.record(scene.store.waiting(10)[0], handled_by=7)
    assert other.id != first.id
    assert [d.id for d in scene.store.decisions("shop", 10)] == [other.id, first.id]


def test_decisions_are_listed_newest_first_and_by_service(scene: Scene) -> None:
    for name in ("f1", "f2", "f3"):
        scene.record(scene.item(fingerprint=name), handled_by=7)

    assert [d.alert.fingerprint for d in scene.store.decisions(None, 2)] == ["f3", "f2"]
    assert scene.store.decisions("other", 10) == []


# Rollbacks


def test_a_transition_and_its_history_are_one(scene: Scene) -> None:
    rollback = scene.rollback()
    running = rollback.apply(Claimed(at=at(6)))
    entry = NewEntry(at=at(6), kind=LedgerKind.ROLLBACK_STARTED, service="shop", rollback_id=rollback.id)

    scene.store.move(rollback, running, (entry,), (Notice(text="started", colour="good"),))

    assert scene.store.rollback(rollback.id) == running
    assert scene.store.ledger(0, 100)[-1].kind is LedgerKind.ROLLBACK_STARTED
    assert [w.notice.text for w in scene.store.notices_waiting(10)] == ["started"]


def test_a_transition_from_a_phase_that_has_passed_changes_nothing(scene: Scene) -> None:
    rollback = scene.rollback()
    running = rollback.apply(Claimed(at=at(6)))
    scene.store.move(rollback, running, ())
    count = len(scene.store.ledger(0, 100))

    with pytest.raises(ConcurrentChange):
        entry = NewEntry(at=at(7), kind=LedgerKind.ROLLBACK_STARTED, service="shop")
        scene.store.move(rollback, rollback.apply(Claimed(at=at(7))), (entry,))

    assert scene.store.rollback(rollback.id) == running
    assert len(scene.store.ledger(0, 100)) == count


def test_restoring_makes_the_target_live_and_an_end_starts_the_cooldown(scene: Scene) -> None:
    ended = scene.finish(scene.rollback())

    assert scene.store.rollback(ended.id) == ended
    state = scene.store.service_state(*KEY)
    assert (state.current.version, state.current.live_at) == ("1", at(7))
    assert (state.active_rollback, state.last_changed_at) == (None, at(9))


def test_steps_are_kept_in_order(scene: Scene) -> None:
    rollback = scene.rollback()
    steps = [Step(at=at(6), host="app1", step="switch", status=s, detail="d") for s in ("ok", "failed")]

    for step in steps:
        scene.store.add_step(rollback, step, (Notice(text=step.status, colour="good"),))

    assert scene.store.steps(rollback.id) == steps
    assert scene.store.steps(99) == []
    assert scene.store.ledger(0, 100)[-1].data["rollback_id"] == rollback.id
    assert [w.notice.text for w in scene.store.notices_waiting(10)] == ["ok", "failed"]


def test_rollbacks_are_found_by_phase(scene: Scene) -> None:
    rollback = scene.rollback()

    assert scene.store.in_phase(Phase.PENDING, Phase.RUNNING) == [rollback]
    assert scene.store.in_phase(Phase.VERIFYING) == []
    assert scene.store.rollbacks("shop", 10) == [rollback]


@pytest.mark.parametrize("ask", ["rollback", "decision"])
def test_what_is_not_there_is_said_so(store: Any, ask: str) -> None:
    with pytest.raises(NotFound):
        getattr(store, ask)(99)


# Deployments

NEW = NewDeployment(
    service="shop",
    env="production",
    version="3",
    hosts=("app1", "app2"),
    checksum="c",
    rollback_safe=True,
)


def test_a_deployment_is_kept_and_becomes_live(scene: Scene) -> None:
    started = scene.store.start_deployment(NEW, at(10))
    assert (started.hosts, started.outcome) == (("app1", "app2"), None)
    assert scene.store.service_state(*KEY).current.version == "2"

    ended = scene.store.finish_deployment(started.id, Outcome.LIVE, "well", at(11))

    assert (ended.outcome, ended.finished_at, ended.detail) == (Outcome.LIVE, at(11), "well")
    state = scene.store.service_state(*KEY)
    assert (state.deployment, state.current.version) == (ended, "3")
    kinds = [entry.kind for entry in scene.store.ledger(0, 100)[-2:]]
    assert kinds == [LedgerKind.DEPLOYMENT_STARTED, LedgerKind.DEPLOYMENT_FINISHED]


def test_a_failed_deployment_makes_nothing_live(scene: Scene) -> None:
    started = scene.store.start_deployment(NEW, at(10))

    scene.store.finish_deployment(started.id, Outcome.FAILED, "app1", at(11))

    assert scene.store.service_state(*KEY).current.version == "2"


def test_the_same_version_registered_again_is_the_same_deployment(scene: Scene) -> None:
    first = scene.store.start_deployment(replace(NEW, hosts=("app1",)), at(10))
    again = scene.store.start_deployment(NEW, at(20))

    assert (again.id, again.started_at, again.heard_at) == (first.id, at(10), at(20))
    assert again.hosts == ("app1", "app2")
    assert scene.store.ledger(0, 100)[-1].kind is LedgerKind.DEPLOYMENT_RESUMED


def test_another_version_must_wait_or_say_that_the_first_run_is_dead(scene: Scene) -> None:
    first = scene.store.start_deployment(NEW, at(10))
    other = replace(NEW, version="4")

    with pytest.raises(DeploymentInProgress, match="began 5 minutes ago"):
        scene.store.start_deployment(other, at(15))
    scene.store.start_deployment(replace(other, take_over=True), at(15))

    assert scene.store.deployments("shop", 10)[1].outcome is Outcome.ABANDONED
    with pytest.raises(DeploymentClosed):
        scene.store.finish_deployment(first.id, Outcome.LIVE, "", at(21))


@pytest.mark.parametrize(
    ("outcome", "detail"),
    [(Outcome.ABANDONED, "given up"), (Outcome.LIVE, f"{UNREPORTED}; judged by what the hosts run")],
)
def test_the_end_that_a_slow_playbook_reports_replaces_what_was_supposed_once(
    scene: Scene, outcome: Outcome, detail: str
) -> None:
    started = scene.store.start_deployment(NEW, at(10))
    scene.store.finish_deployment(started.id, outcome, detail, at(25))

    ended = scene.store.finish_deployment(started.id, Outcome.LIVE, "well", at(30))

    assert (ended.outcome, ended.finished_at, ended.detail) == (Outcome.LIVE, at(30), "well")
    assert (scene.state.current.version, scene.state.current.live_at) == ("3", at(30))
    with pytest.raises(DeploymentClosed):
        scene.store.finish_deployment(started.id, Outcome.LIVE, "", at(31))


def test_late_news_changes_nothing_when_hosts_were_seen_to_run_something_else_since(scene: Scene) -> None:
    started = scene.store.start_deployment(NEW, at(10))
    scene.store.finish_deployment(started.id, Outcome.ABANDONED, "given up", at(25))
    scene.store.observe_live(*KEY, "1", at(26))

    with pytest.raises(DeploymentClosed, match="already ended as abandoned"):
        scene.store.finish_deployment(started.id, Outcome.LIVE, "", at(30))


def test_the_same_version_elsewhere_is_another_deployment(scene: Scene) -> None:
    there = scene.store.start_deployment(replace(NEW, env="staging"), at(10))
    here = scene.store.start_deployment(replace(NEW, version="4"), at(11))

    assert there.id != here.id
    assert scene.store.service_state("shop", "staging").deployment == there
    assert scene.state.deployment == here


def test_late_news_of_a_deployment_that_was_rolled_back_is_refused(scene: Scene) -> None:
    started = scene.store.start_deployment(NEW, at(3))
    runs = (HostSeen(host="app1", answered=True, version="3"),)
    record = scene.record(scene.item(), hosts=runs, deployment_began=at(3))
    ended = scene.finish(scene.store.rollback(record.rollback_id))

    with pytest.raises(DeploymentClosed):
        scene.store.finish_deployment(started.id, Outcome.LIVE, "", at(10))

    assert ended.deployment_id == started.id
    assert scene.state.current.version == "1"
    assert scene.state.deployment.outcome is Outcome.ABANDONED


def test_a_deployment_that_is_not_there_cannot_end(store: Any) -> None:
    with pytest.raises(NotFound):
        store.finish_deployment(99, Outcome.LIVE, "", NOON)


def test_nothing_is_deployed_while_the_service_is_rolled_back(scene: Scene) -> None:
    scene.rollback()

    with pytest.raises(RollbackInProgress):
        scene.store.start_deployment(NEW, at(6))


def test_a_rejected_version_comes_back_only_with_an_override(scene: Scene) -> None:
    scene.store.mark_release(*KEY, "2", Standing.REJECTED, "ann", at(9))
    bad = replace(NEW, version="2")

    with pytest.raises(VersionRejected, match="by ann"):
        scene.store.start_deployment(bad, at(10))
    scene.store.start_deployment(replace(bad, override=True), at(11))

    assert standing(scene, "2") is Standing.UNPROVEN


def standing(scene: Scene, version: str) -> Standing:
    return Standing(next(r.standing for r in scene.state.releases if r.version == version))


def test_what_an_end_means_is_stored_with_it(scene: Scene) -> None:
    rollback = scene.rollback()
    running = rollback.apply(Claimed(at=at(6)))
    follows = Consequences(standings=(("2", Standing.REJECTED),), cause=Cause.FRUITLESS, why="it was vain")

    scene.store.move(rollback, running, (), (), follows)

    assert standing(scene, "2") is Standing.REJECTED
    assert (scene.state.breaker.cause, scene.state.breaker.opened_at) == (Cause.FRUITLESS, at(6))
    scene.store.close_breaker(*KEY, "ann", "looked", at(7))
    assert scene.state.breaker is None
    with pytest.raises(NotFound):
        scene.store.close_breaker(*KEY, "ann", "", at(8))


def test_a_release_that_nobody_knows_cannot_be_marked(scene: Scene) -> None:
    with pytest.raises(NotFound):
        scene.store.mark_release(*KEY, "9", Standing.GOOD, "ann", at(9))


# What people say


def freeze(service: str = "shop", until: float = 60, since: float = 5) -> Freeze:
    return Freeze(
        id=0,
        service=service,
        env="production",
        reason="audit",
        by="ann",
        since=at(since),
        until=at(until),
    )


def test_a_freeze_holds_until_it_is_ended_or_over(scene: Scene) -> None:
    scene.store.freeze(freeze())
    longer = scene.store.freeze(freeze(until=90, since=6))
    assert (scene.state.freeze, scene.store.freezes("production")) == (longer, [longer])

    scene.store.unfreeze(*KEY, "bob", at(7))
    assert scene.state.freeze is None
    with pytest.raises(NotFound):
        scene.store.unfreeze(*KEY, "bob", at(8))


def test_a_freeze_of_everything_is_one_of_each_service_and_ends_by_itself(scene: Scene) -> None:
    scene.store.freeze(freeze(service=""))
    assert scene.state.freeze.reason == "audit"

    assert scene.store.expire_freezes(at(59)) == []
    assert [f.service for f in scene.store.expire_freezes(at(60))] == [""]
    assert scene.state.freeze is None


def test_a_proposal_is_answered_once(scene: Scene) -> None:
    record = scene.record(scene.item(), attempts=3)
    proposal = scene.store.proposal(record.id)
    assert (proposal.state, proposal.to_version, scene.state.proposal) == ("open", "1", proposal)

    scene.store.answer_proposal(proposal, ProposalState.REJECTED, "ann", "no", at(8))

    assert scene.store.proposal(record.id).by == "ann"
    with pytest.raises(AlreadyAnswered):
        scene.store.answer_proposal(proposal, ProposalState.APPROVED, "bob", "", at(9))
    with pytest.raises(NotFound):
        scene.store.proposal(99)


def test_an_approved_proposal_becomes_a_rollback_in_one_step(scene: Scene) -> None:
    record = scene.record(scene.item(), attempts=3)
    proposal = scene.store.proposal(record.id)
    facts = scene.decide(scene.make_item(record), attempts=3).decision.facts
    decision = approve(facts, proposal, by="ann")

    approved = scene.store.record_by_person(decision, proposal, "go", lambda number: ())

    rollback = scene.store.rollback(approved.rollback_id)
    assert (rollback.by, rollback.decision_id, rollback.phase) == ("ann", approved.id, Phase.PENDING)
    assert scene.store.proposal(record.id).state is ProposalState.APPROVED


def test_a_new_deployment_withdraws_what_was_proposed(scene: Scene) -> None:
    record = scene.record(scene.item(), attempts=3)

    scene.store.start_deployment(NEW, at(8))

    assert scene.store.proposal(record.id).state is ProposalState.WITHDRAWN
    assert scene.state.proposal is None


def test_what_a_rollback_left_open_is_known_until_a_person_takes_over(scene: Scene) -> None:
    rollback = scene.rollback()
    failed = rollback.apply(AttemptFailed(at=at(6), detail="app1: no"))
    scene.store.move(rollback, failed, ())
    assert scene.state.open_end == failed

    scene.store.acknowledge(failed.id, "ann", "", at(7))

    assert scene.state.open_end is None
    with pytest.raises(NotFound):
        scene.store.acknowledge(failed.id, "bob", "", at(8))


def test_what_a_rollback_left_open_is_overtaken_by_a_live_deployment(scene: Scene) -> None:
    rollback = scene.rollback()
    scene.store.move(rollback, rollback.apply(AttemptFailed(at=at(6), detail="x")), ())
    scene.make.live(scene.store, "3", minutes=10)

    assert scene.state.open_end is None


def test_hosts_that_wait_keep_an_end_open_until_they_are_repaired(scene: Scene) -> None:
    away = HostResult(host="app2", state=HostState.UNREACHABLE, at=at(7))
    ended = scene.finish(scene.rollback(), away=away)
    assert (scene.state.open_end, ended.waiting) == (ended, ("app2",))

    repair = scene.store.start_repair(ended, ("app2",), at(20))
    assert (repair.kind, repair.only, repair.to_version) == (Kind.REPAIR, ("app2",), "1")
    with pytest.raises(ConcurrentChange):
        scene.store.start_repair(ended, ("app2",), at(20))
    scene.finish(repair, minutes=21)

    assert scene.state.open_end is None
    assert scene.state.handled_by == ended.id


def test_a_failure_that_moved_no_host_lets_its_alert_be_decided_again(scene: Scene) -> None:
    item = scene.item()
    rollback = scene.store.rollback(scene.record(item).rollback_id)
    scene.store.move(rollback, rollback.apply(AttemptFailed(at=at(6), detail="x")), ())

    scene.receive(item.alert, minutes=7, retry_before=at(6))

    assert [found.id for found in scene.store.waiting(10)] == [item.id]
    assert (scene.state.attempts, scene.state.last_attempt_at, scene.state.handled_by) == (1, at(6), None)


def test_rehearsals_are_of_the_hosts_that_there_are(scene: Scene) -> None:
    found = tuple(
        Rehearsal(host=host, ok=host != "app2", at=at(5), detail="no key", live="2")
        for host in ("app1", "app2")
    )
    scene.store.rehearsed(*KEY, found, ("app1", "app2"))
    assert scene.state.rehearsals == found

    scene.store.rehearsed(*KEY, found[:1], ("app1",))

    assert scene.state.rehearsals == found[:1]


def test_holds_are_told_once(scene: Scene) -> None:
    record = scene.record(scene.item(), watched=BLIND)
    assert scene.store.untold_holds(at(5), at(60)) == []
    [hold] = scene.store.untold_holds(at(5.1), at(60))
    assert hold.id == record.id

    entry = NewEntry(at=at(8), kind=LedgerKind.HOLD_TOLD, service="shop")
    scene.store.tell_hold(hold, entry, (Notice(text="on hold", colour="warning"),))

    assert scene.store.untold_holds(at(60), at(60)) == []
    assert [w.notice.text for w in scene.store.notices_waiting(10)] == ["on hold"]


def test_what_hosts_run_is_live_though_nobody_reported_it(scene: Scene) -> None:
    scene.store.observe_live(*KEY, "1", at(20))
    assert scene.store.service_state(*KEY).current.version == "1"

    scene.store.observe_live(*KEY, "0.9", at(21))

    current = scene.store.service_state(*KEY).current
    assert (current.version, current.rollback_safe, current.live_at) == ("0.9", False, at(21))
    assert scene.store.ledger(0, 100)[-1].data == {"version": "0.9"}


def test_an_unknown_service_is_empty_and_no_error(store: Any) -> None:
    state = store.service_state("nobody", "production")

    assert (state.current, state.releases, state.deployment, state.active_rollback) == (None, (), None, None)


# History, messages, marks, counts


def test_the_history_is_read_from_where_one_left_off(scene: Scene) -> None:
    entries = scene.store.ledger(0, 100)

    assert [entry.id for entry in entries] == sorted(entry.id for entry in entries)
    assert scene.store.ledger(entries[1].id, 1) == [entries[2]]
    assert scene.store.ledger(entries[-1].id, 10) == []


def test_messages_wait_with_what_each_channel_made_of_them(scene: Scene) -> None:
    notices = [Notice(text=t, colour="good", fields={"a": "b"}) for t in ("one", "two")]
    scene.record(scene.item(), notices=tuple(notices), handled_by=7)
    one, two = scene.store.notices_waiting(10)
    assert ([one.notice, two.notice], one.attempts, one.results) == (notices, 0, {})

    scene.store.settle_notices([one.id], "first", None, lambda _: NoticeState.WAITING, at(8))
    scene.store.settle_notices([one.id], "second", Attempt.TOLD, lambda _: NoticeState.WAITING, at(8))
    scene.store.settle_notices([two.id], "first", Attempt.TOLD, lambda _: NoticeState.SENT, at(8))

    [again] = scene.store.notices_waiting(10)
    assert (again.id, again.attempts, again.results) == (one.id, 2, {"second": "told"})
    for number, channel in ((two.id, "second"), (one.id, "second")):
        with pytest.raises(ConcurrentChange):
            scene.store.settle_notices([number], channel, Attempt.TOLD, lambda _: NoticeState.SENT, at(9))
    assert scene.store.notices_waiting(10) == [again]


def test_where_a_message_stands_is_asked_when_all_that_its_channels_made_of_it_is_known(scene: Scene) -> None:
    scene.record(scene.item(), notices=(Notice(text="one", colour="good"),), handled_by=7)
    [one] = scene.store.notices_waiting(10)
    seen: list[dict[str, Attempt]] = []

    def settle(waiting: WaitingNotice) -> NoticeState:
        seen.append(waiting.results)
        return NoticeState.WAITING

    scene.store.settle_notices([one.id], "first", Attempt.REFUSED, settle, at(8))
    scene.store.settle_notices([one.id], "second", Attempt.TOLD, settle, at(8))

    assert seen == [{"first": "refused"}, {"first": "refused", "second": "told"}]


def test_the_most_urgent_thread_waits_in_front_with_what_came_before_in_it(scene: Scene) -> None:
    told = [
        ("progress of seven", "rollback-7", Urgency.NEWS),
        ("progress of eight", "rollback-8", Urgency.NEWS),
        ("a proposal", "", Urgency.PROPOSAL),
        ("no thread", "", Urgency.NEWS),
        ("eight failed", "rollback-8", Urgency.URGENT),
        ("on hold", "", Urgency.HOLD),
    ]
    notices = tuple(Notice(text=t, colour="good", thread=thread, urgency=u) for t, thread, u in told)
    scene.record(scene.item(), notices=notices, handled_by=7)

    assert [one.notice.text for one in scene.store.notices_waiting(10)] == [
        "progress of eight", "eight failed", "on hold", "a proposal", "progress of seven", "no thread",
    ]  # fmt: skip


def test_marks_are_remembered(store: Any) -> None:
    store.mark("alive", NOON)
    store.mark("alive", at(1))

    assert (store.marked("alive"), store.marked("other")) == (at(1), None)


def test_counts_come_from_the_records(scene: Scene) -> None:
    scene.finish(scene.rollback())
    scene.record(scene.item(fingerprint="f2"), policy=scene.make.policy(modes={"x": Mode.AUTO}))
    scene.receive(scene.make.alert(fingerprint="f3"))

    tally = scene.store.tally()

    assert tally.rollbacks == {("shop", "succeeded", "error_rate_threshold"): 1}
    assert tally.verifications == {("shop", "fixed"): 1}
    assert tally.decisions == {
        ("shop", "roll_back", "accepted", "error_rate_threshold"): 1,
        ("shop", "ignore", "unknown_trigger", "error_rate_threshold"): 1,
    }
    assert (tally.inbox_pending, tally.inbox_held) == (1, 0)
    assert tally.services == (scene.store.service_state(*KEY),)


def test_a_closed_store_takes_nothing_more(scene: Scene) -> None:
    scene.store.close()

    with pytest.raises(ShuttingDown):
        scene.receive(scene.make.alert())


# What only the database can promise


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "durable.db"


@pytest.fixture
def durable(file: Path, make: Any) -> Iterator[Scene]:
    store = SqliteStore(file)
    yield Scene(store, make)
    store.close()


def test_every_commit_is_flushed(durable: Scene) -> None:
    connection = durable.store._connection

    assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
    assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_everything_is_there_after_a_restart(durable: Scene, file: Path) -> None:
    ended = durable.finish(durable.rollback())
    durable.store.close()

    again = SqliteStore(file)

    assert again.rollback(ended.id) == ended
    assert again.service_state(*KEY).current.version == "1"  # type: ignore[union-attr]
    again.close()


COPY = """
    INSERT INTO rollbacks (id, service, env, phase, from_version, to_version, decision_id, deployment_id,
      requested_at, changed_at)
    SELECT 99, {service}, env, 'running', from_version, to_version, 2, {deployment}, requested_at, changed_at
    FROM rollbacks
"""
TWIN = """
    INSERT INTO inbox (fingerprint, starts_at, status, alert, source, received_at)
    SELECT fingerprint, starts_at, status, alert, source, received_at FROM inbox
"""
FORBIDDEN = {
    "a second active rollback": COPY.format(service="service", deployment="1"),
    "a second rollback of a deployment": COPY.format(service="'other'", deployment="deployment_id"),
    "going back to the same version": "UPDATE rollbacks SET to_version = from_version",
    "an end without its time": "UPDATE rollbacks SET phase = 'failed'",
    "success without a measurement": "UPDATE rollbacks SET phase = 'succeeded', finished_at = requested_at",
    "an unknown phase": "UPDATE rollbacks SET phase = 'done'",
    "the same state of an episode twice": TWIN,
    "a settled alert without decision": "UPDATE inbox SET decision_id = NULL",
    "a second open deployment": "UPDATE deployments SET outcome = NULL, finished_at = NULL",
    "changing history": "UPDATE ledger SET kind = 'decided'",
    "cutting history": "DELETE FROM ledger",
}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_schema_forbids(durable: Scene, what: str) -> None:
    durable.rollback()
    connection = durable.store._connection

    with pytest.raises(sqlite3.IntegrityError) as refused:
        connection.execute(FORBIDDEN[what])

    assert "FOREIGN KEY" not in str(refused.value)


def test_writes_of_many_threads_are_all_stored_and_share_commits(durable: Scene) -> None:
    def receive(number: int) -> int:
        return int(durable.receive(durable.make.alert(fingerprint=str(number))).accepted)

    with ThreadPoolExecutor(16) as threads:
        stored = sum(threads.map(receive, range(200)))

    assert stored == 200
    assert durable.store.tally().inbox_pending == 200


def test_a_piece_of_work_that_breaks_a_rule_fails_alone(durable: Scene) -> None:
    writer = durable.store._writer
    good = [writer.offer(lambda c: c.execute("SELECT 1").fetchone()[0]) for _ in range(3)]
    bad = writer.offer(lambda c: c.execute("INSERT INTO marks VALUES (NULL, NULL)"))
    buggy = writer.offer(lambda c: 1 / 0)

    assert [future.result() for future in good] == [1, 1, 1]
    assert isinstance(bad.exception(), sqlite3.IntegrityError)
    assert isinstance(buggy.exception(), ZeroDivisionError)
    assert durable.receive(durable.make.alert()).accepted == 1


def test_a_locked_database_is_temporarily_unavailable(durable: Scene, file: Path) -> None:
    durable.store._connection.execute("PRAGMA busy_timeout = 20")
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreUnavailable, match="locked"):
        durable.receive(durable.make.alert())
    other.execute("ROLLBACK")

    assert durable.receive(durable.make.alert()).accepted == 1
    other.close()


def test_a_full_disk_is_temporarily_unavailable_and_loses_nothing(durable: Scene) -> None:
    connection = durable.store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 1}")
    big = {"annotations": {"text": "x" * 20_000}}

    with pytest.raises(StoreUnavailable, match="full"):
        durable.receive(durable.make.alert(**big))
    connection.execute("PRAGMA max_page_count = 100000")

    assert durable.receive(durable.make.alert(**big)).accepted == 1


def test_more_than_the_queue_holds_is_told_to_come_again(file: Path, make: Any) -> None:
    store = SqliteStore(file, queue_limit=0)

    with pytest.raises(QueueFull):
        store.receive(Batch(at=NOON, source=Source.WEBHOOK, alerts=(), retry_before=NOON))

    store.mark("the daemon's own work is never refused", NOON)
    store.close()


OLD = """
    INSERT INTO releases VALUES ('shop', '1', 1, '2026-03-01T11:00:00.000000+00:00', NULL);
    INSERT INTO releases VALUES ('shop', '2', 1, '2026-03-01T12:00:00.000000+00:00', '2026-03-01T12:05:00.000000+00:00');
    INSERT INTO deployments VALUES (1, 'shop', '2', '["app1"]', 'sha256:x', 1, 0, '2026-03-01T11:59:00.000000+00:00',
      '2026-03-01T12:00:00.000000+00:00', 'live', '');
    INSERT INTO inbox (id, fingerprint, starts_at, status, alert, source, received_at)
      VALUES (1, 'f', '2026-03-01T12:05:00.000000+00:00', 'firing', '{}', 'webhook', '2026-03-01T12:05:00.000000+00:00');
    INSERT INTO decisions VALUES (1, 1, '2026-03-01T12:05:00.000000+00:00', 'shop', 't', 'roll_back', 'accepted', 1,
      '{"facts":{"alert":{"fingerprint":"f","starts_at":"2026-03-01T12:05:00Z","status":"firing",
      "labels":{"alertname":"A","service":"shop"},"annotations":{}}}}');
    INSERT INTO rollbacks VALUES (1, 'shop', 'succeeded', '2', '1', 1, 1, 1, '2026-03-01T12:05:00.000000+00:00',
      '2026-03-01T12:06:00.000000+00:00', '2026-03-01T12:05:01.000000+00:00', '2026-03-01T12:05:30.000000+00:00',
      '2026-03-01T12:06:00.000000+00:00', '', 'fixed', NULL);
    UPDATE inbox SET state = 'decided', decision_id = 1;
"""  # noqa: E501


def test_what_an_earlier_schema_held_is_still_known(file: Path) -> None:
    first = Path(__file__).parents[3] / "rollback/adapters/schema/001_initial.sql"
    old = sqlite3.connect(file)
    old.executescript(f"{first.read_text()}; {OLD} PRAGMA user_version = 1;")
    old.close()

    store = SqliteStore(file)
    store.adopt("production")
    store.adopt("another one later changes nothing")

    state = store.service_state(*KEY)
    assert {r.version: r.standing for r in state.releases} == {"1": "unproven", "2": "rejected"}
    assert (state.deployment.version, state.handled_by) == ("2", 1)  # type: ignore[union-attr]
    assert store.decision(1).alert.name == "A"
    assert store.rollback(1).phase is Phase.SUCCEEDED
    assert store._connection.execute("PRAGMA foreign_key_check").fetchall() == []
    store.close()


def test_a_newer_schema_is_applied_once(file: Path) -> None:
    SqliteStore(file).close()
    SqliteStore(file).close()

    version = sqlite3.connect(file).execute("PRAGMA user_version").fetchone()[0]
    assert version == len(list((Path(__file__).parents[3] / "rollback/adapters/schema").glob("*.sql")))
