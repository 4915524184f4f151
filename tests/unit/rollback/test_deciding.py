"""What is decided again and what is not, and what happens when the world moves in between."""

import sqlite3
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import AlertStatus, Source
from rollback.domain.control import Freeze, ProposalState
from rollback.domain.deployment import Outcome, Standing
from rollback.domain.errors import Blind, ConcurrentChange, StoreUnavailable
from rollback.domain.policy import Policy
from rollback.domain.ports import Active
from rollback.domain.reasons import LedgerKind, Reason, Verdict
from rollback.domain.rollback import AttemptFailed, HostResult, HostState, Phase
from rollback.service import deciding
from rollback.service.deciding import Decider
from rollback.service.intake import Intake

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@dataclass
class Scene:
    """A service with 1 live since long ago, 2 since noon, and a daemon to decide about alerts."""

    store: SqliteStore
    clock: Any
    monitoring: Any
    probes: Any
    make: Any
    policy: Policy

    def __post_init__(self) -> None:
        self.intake = Intake(self.store, self.clock, lambda: self.policy)
        self.decider = Decider(self.store, self.clock, self.monitoring, self.probes, lambda: self.policy)

    def arrive(self, *alerts: Any, minutes: float) -> None:
        self.clock.at = NOON + timedelta(minutes=minutes)
        self.intake.receive(Source.WEBHOOK, alerts).result()
        self.decider.work()

    @property
    def reasons(self) -> list[Reason]:
        return [decision.reason for decision in self.decisions]

    @property
    def decisions(self) -> list[Any]:
        return self.store.decisions(None, 100)[::-1]

    @property
    def rollbacks(self) -> list[Any]:
        return self.store.rollbacks(None, 100)[::-1]

    @property
    def messages(self) -> list[str]:
        due = self.store.notices_waiting(1000)
        return [waiting.notice.text for waiting in due]


@pytest.fixture
def scene(store: SqliteStore, clock: Any, monitoring: Any, probes: Any, make: Any) -> Scene:
    make.live(store, "1", minutes=-60, good=True)
    make.live(store, "2", minutes=0)
    return Scene(store, clock, monitoring, probes, make, make.policy())


def end_rollback(scene: Scene, state: HostState = HostState.DONE) -> None:
    """The active rollback fails now, with one host in this state."""
    [active] = scene.store.in_phase(Phase.PENDING)
    now = scene.clock.now()
    results = (HostResult(host="app1", state=state, at=now),)
    scene.store.move(active, active.apply(AttemptFailed(at=now, detail="it failed", results=results)), ())


def test_an_alert_after_a_deployment_rolls_it_back(scene: Scene) -> None:
    scene.arrive(scene.make.alert(), minutes=5)

    [decision] = scene.decisions
    [rollback] = scene.rollbacks
    assert (decision.verdict, decision.rollback_id) == (Verdict.ROLL_BACK, rollback.id)
    assert (rollback.from_version, rollback.to_version) == ("2", "1")
    assert scene.store.ledger(0, 100)[-1].data["rollback_id"] == rollback.id


def test_the_version_that_is_left_is_not_rejected_before_anything_was_measured(scene: Scene) -> None:
    scene.arrive(scene.make.alert(), minutes=5)

    releases = scene.store.service_state("shop", "production").releases
    assert {r.version: r.standing for r in releases} == {"1": Standing.GOOD, "2": Standing.UNPROVEN}


def test_repeats_of_a_decided_alert_change_nothing(scene: Scene) -> None:
    for minutes in (5, 6, 7, 20):
        scene.arrive(scene.make.alert(), minutes=minutes)

    assert scene.reasons == [Reason.ACCEPTED]


@pytest.mark.parametrize(
    ("minutes", "reason"), [(-1, Reason.ALERT_BEFORE_DEPLOYMENT), (40, Reason.NO_DEPLOYMENT_IN_WINDOW)]
)
def test_an_alert_that_the_deployment_cannot_explain_is_not_decided_again(
    scene: Scene, minutes: float, reason: Reason
) -> None:
    alert = scene.make.alert(minutes=minutes)

    scene.arrive(alert, minutes=41)
    scene.arrive(alert, minutes=45)

    assert scene.reasons == [reason]
    assert scene.store.tally().inbox_held == 0


def test_blind_holds_until_prometheus_answers_and_then_rolls_back(scene: Scene) -> None:
    scene.monitoring.blind = True
    scene.arrive(scene.make.alert(), minutes=5)
    scene.monitoring.blind = False
    scene.arrive(scene.make.alert(), minutes=6)

    assert scene.reasons == [Reason.BLIND, Reason.ACCEPTED]


def test_an_unchanged_answer_adds_no_record(scene: Scene) -> None:
    scene.monitoring.blind = True

    for minutes in (5, 6, 7):
        scene.arrive(scene.make.alert(), minutes=minutes)

    assert scene.reasons == [Reason.BLIND]
    assert [e.kind for e in scene.store.ledger(0, 100)].count(LedgerKind.DECIDED) == 1


def test_a_storm_of_repeats_of_a_held_alert_is_decided_once_per_interval(scene: Scene) -> None:
    scene.monitoring.blind = True
    scene.arrive(scene.make.alert(), minutes=5)

    for second in range(1, 7):
        scene.arrive(scene.make.alert(), minutes=5 + second / 60)

    assert scene.monitoring.asked == ["active"]


def test_prometheus_is_not_waited_for_again_by_the_rest_of_a_pass(scene: Scene) -> None:
    scene.monitoring.blind = True

    scene.arrive(*[scene.make.alert(fingerprint=f"f{n}") for n in range(50)], minutes=5)

    assert scene.monitoring.asked == ["active"]
    assert [(d.reason, d.alerts) for d in scene.decisions] == [(Reason.BLIND, 50)]


def test_prometheus_is_not_asked_where_its_answer_cannot_matter(scene: Scene) -> None:
    scene.arrive(scene.make.alert(minutes=-1), minutes=5)
    scene.arrive(scene.make.alert(status=AlertStatus.RESOLVED), minutes=5)
    scene.arrive(scene.make.alert(labels={"rollback_trigger": "other"}), minutes=5)

    assert scene.monitoring.asked == []


def test_an_alert_that_was_pending_before_the_deployment_is_left_alone(scene: Scene) -> None:
    scene.monitoring.pending_since = NOON - timedelta(minutes=1)

    scene.arrive(scene.make.alert(minutes=1), minutes=1)

    assert scene.reasons == [Reason.ALERT_BEFORE_DEPLOYMENT]


def test_during_the_switch_it_waits_and_afterwards_rolls_back(scene: Scene) -> None:
    started = scene.store.start_deployment(scene.make.new("3"), NOON + timedelta(minutes=40))
    alert = scene.make.alert(minutes=41)

    scene.arrive(alert, minutes=41)
    scene.store.finish_deployment(started.id, Outcome.LIVE, "", NOON + timedelta(minutes=42))
    scene.arrive(alert, minutes=42)

    assert scene.reasons == [Reason.DEPLOYMENT_IN_PROGRESS, Reason.ACCEPTED]
    assert scene.rollbacks[0].to_version == "1"


def test_a_second_alert_is_told_why_it_changes_nothing_at_each_stage(scene: Scene) -> None:
    second = scene.make.alert(fingerprint="f2", minutes=6)
    scene.arrive(scene.make.alert(), minutes=5)

    scene.arrive(second, minutes=6)
    end_rollback(scene)
    scene.arrive(second, minutes=7)
    scene.arrive(second, minutes=30)
    scene.arrive(second, minutes=31)

    assert scene.reasons == [
        Reason.ACCEPTED,
        Reason.ROLLBACK_IN_PROGRESS,
        Reason.COOLDOWN,
        Reason.ALREADY_HANDLED,
    ]


def test_after_the_cooldown_a_later_deployment_is_rolled_back_by_an_alert_of_the_cooldown(
    scene: Scene,
) -> None:
    scene.arrive(scene.make.alert(), minutes=5)
    end_rollback(scene)
    scene.make.live(scene.store, "3", minutes=8)
    alert = scene.make.alert(fingerprint="f2", minutes=10)

    scene.arrive(alert, minutes=10)
    scene.arrive(alert, minutes=15.1)

    assert scene.reasons == [Reason.ACCEPTED, Reason.COOLDOWN, Reason.ACCEPTED]
    assert scene.rollbacks[1].to_version == "1"


def test_an_alert_that_ends_before_it_is_decided_is_not_acted_on(scene: Scene) -> None:
    alert = scene.make.alert()

    scene.arrive(alert, scene.make.alert(status=AlertStatus.RESOLVED), minutes=5)

    assert [(d.reason, d.alerts) for d in scene.decisions] == [(Reason.RESOLVED, 2)]
    assert not scene.rollbacks


def test_a_held_alert_is_settled_when_it_gets_too_old(scene: Scene) -> None:
    scene.monitoring.blind = True
    scene.arrive(scene.make.alert(), minutes=5)

    scene.clock.at = NOON + timedelta(minutes=66)
    scene.store.wake_expired(scene.clock.now() - scene.policy.stale_after)
    scene.decider.work()

    assert scene.reasons == [Reason.BLIND, Reason.STALE]
    assert scene.store.tally().inbox_held == 0


class Interrupting(SqliteStore):
    """A store in which another deployment begins just before the decision is stored, as often as asked."""

    interruptions = 0
    make: Any = None

    def record(self, *args: Any) -> Any:
        if self.interruptions:
            self.interruptions -= 1
            self.start_deployment(self.make.new("9"), NOON + timedelta(minutes=5))
        return super().record(*args)


def test_when_a_deployment_begins_meanwhile_it_is_decided_again_on_the_new_facts(
    tmp_path: Path, clock: Any, monitoring: Any, probes: Any, make: Any
) -> None:
    store = Interrupting(tmp_path / "rollback.db")
    make.live(store, "1", minutes=-60, good=True)
    make.live(store, "2", minutes=0)
    scene = Scene(store, clock, monitoring, probes, make, make.policy())
    store.interruptions, store.make = 1, make

    scene.arrive(make.alert(), minutes=5.1)

    assert scene.reasons == [Reason.DEPLOYMENT_IN_PROGRESS]
    assert not scene.rollbacks
    store.close()


class Contested(SqliteStore):
    """A store in which somebody always was first with the alerts of one service."""

    def record(self, settled: Any, *args: Any) -> Any:
        if settled.items[0].alert.service == "shop":
            raise ConcurrentChange
        return super().record(settled, *args)


def test_a_service_that_cannot_be_settled_holds_up_no_other(
    tmp_path: Path, clock: Any, monitoring: Any, probes: Any, make: Any
) -> None:
    store = Contested(tmp_path / "rollback.db")
    scene = Scene(store, clock, monitoring, probes, make, make.policy())

    scene.arrive(make.alert(), make.alert(fingerprint="f2", labels={"service": "other"}), minutes=5)

    assert scene.reasons == [Reason.NO_DEPLOYMENT_IN_WINDOW]
    assert [item.id for item in scene.store.waiting(10)] == [1]
    store.close()


def test_a_preview_decides_and_stores_nothing(scene: Scene) -> None:
    decision = scene.decider.preview(scene.make.alert(minutes=0))

    assert decision.verdict is Verdict.ROLL_BACK
    assert not scene.decisions
    assert not scene.rollbacks


def test_a_storm_ends_in_one_rollback_and_two_records(scene: Scene) -> None:
    scene.arrive(*[scene.make.alert(fingerprint=f"f{n}") for n in range(1000)], minutes=5)

    assert [(d.reason, d.alerts) for d in scene.decisions] == [
        (Reason.ACCEPTED, 1),
        (Reason.ROLLBACK_IN_PROGRESS, 999),
    ]
    assert sorted(scene.monitoring.asked) == ["active", "began", "number enough", "rules", "troubled"]
    assert len(scene.rollbacks) == 1


def test_a_storm_of_proposals_is_one_proposal_and_one_message(scene: Scene) -> None:
    scene.monitoring.vetoes = [{"alertname": "RedisDown", "host": "data", "env": "production"}]

    for minutes in (5, 6, 7):
        storm = [scene.make.alert(fingerprint=f"{minutes}-{n}") for n in range(100)]
        scene.arrive(*storm, minutes=minutes)

    assert [(d.reason, d.alerts) for d in scene.decisions] == [
        (Reason.DEPENDENCY_DOWN, 1),
        (Reason.ALREADY_PROPOSED, 99),
        (Reason.ALREADY_PROPOSED, 100),
        (Reason.ALREADY_PROPOSED, 100),
    ]
    assert len(scene.messages) == 1
    [proposal] = scene.store.proposals("production", 10)
    assert (proposal.id, proposal.state, proposal.to_version) == (1, ProposalState.OPEN, "1")


def test_a_host_of_the_service_that_died_does_not_keep_the_others_bad(scene: Scene) -> None:
    scene.monitoring.vetoes = [{"alertname": "HostDown", "host": "app2", "env": "production"}]
    scene.probes.live = {"app1": "2", "app2": None}

    scene.arrive(scene.make.alert(), minutes=5)

    assert scene.reasons == [Reason.ACCEPTED]


@pytest.mark.parametrize(
    ("veto", "reason"),
    [
        ({"host": "app2"}, Reason.DEPENDENCY_DOWN),  # it answers: its disk is full, say
        ({"host": "data"}, Reason.DEPENDENCY_DOWN),
        ({"host": "data", "env": "staging"}, Reason.ACCEPTED),
        ({}, Reason.DEPENDENCY_DOWN),
    ],
)
def test_which_troubles_veto(scene: Scene, veto: dict[str, str], reason: Reason) -> None:
    scene.monitoring.vetoes = [{"alertname": "Trouble", **veto}]
    scene.probes.live = {"app1": "2", "app2": "2"}

    scene.arrive(scene.make.alert(), minutes=5)

    assert scene.reasons == [reason]


def test_an_alert_that_prometheus_does_not_know_is_not_acted_upon(scene: Scene) -> None:
    scene.monitoring.believes = False

    scene.arrive(scene.make.alert(), minutes=5)
    scene.arrive(scene.make.alert(), minutes=6)
    assert scene.reasons == [Reason.NOT_FIRING]

    scene.monitoring.believes = True
    scene.arrive(scene.make.alert(), minutes=7)
    assert scene.reasons == [Reason.NOT_FIRING, Reason.ACCEPTED]


@pytest.mark.parametrize(
    ("labels", "firing", "reason"),
    [
        ({"alertname": "Anything", "instance": "a"}, True, Reason.ACCEPTED),
        ({"alertname": "Anything", "instance": "b"}, True, Reason.NOT_FIRING),
        ({"alertname": "Other", "instance": "a"}, True, Reason.NOT_FIRING),
        ({"alertname": "Anything", "instance": "a"}, False, Reason.NOT_FIRING),
    ],
)
def test_it_is_this_very_alert_that_must_fire(
    scene: Scene, labels: dict[str, str], firing: bool, reason: Reason
) -> None:
    scene.monitoring.believes = False
    scene.monitoring.actives = [Active(labels=labels, firing=firing, since=NOON)]

    scene.arrive(scene.make.alert(labels={"instance": "a", "cluster": "outside"}), minutes=5)

    assert scene.reasons == [reason]


@pytest.mark.parametrize(("evidence", "reason"), [(0.0, "not_enough_evidence"), (None, "evidence_unknown")])
def test_too_little_evidence_holds_until_there_is_enough(scene: Scene, evidence: Any, reason: str) -> None:
    scene.monitoring.evidence = evidence
    scene.arrive(scene.make.alert(), minutes=5)
    scene.monitoring.evidence = 0.5
    scene.arrive(scene.make.alert(), minutes=6)

    assert scene.reasons == [reason, Reason.ACCEPTED]


def test_an_alert_without_a_rule_has_no_evidence(scene: Scene) -> None:
    scene.monitoring.actives = [Active(labels={"alertname": "Foreign"}, firing=True, since=NOON)]

    scene.arrive(scene.make.alert(labels={"alertname": "Foreign"}), minutes=5)

    assert scene.reasons == [Reason.EVIDENCE_UNKNOWN]


def test_what_fired_in_a_freeze_is_decided_when_it_ends(scene: Scene) -> None:
    until = NOON + timedelta(minutes=8)
    scene.store.freeze(
        Freeze(id=0, service="", env="production", reason="audit", by="ann", since=NOON, until=until)
    )

    scene.arrive(scene.make.alert(), minutes=5)
    scene.arrive(scene.make.alert(), minutes=7)
    scene.arrive(scene.make.alert(), minutes=8)

    assert scene.reasons == [Reason.FROZEN, Reason.ACCEPTED]


def freeze(scene: Scene, since: float, until: float, service: str = "") -> None:
    begins, ends = (NOON + timedelta(minutes=minutes) for minutes in (since, until))
    scene.store.freeze(
        Freeze(id=0, service=service, env="production", reason="audit", by="ann", since=begins, until=ends)
    )


def test_a_freeze_that_is_longer_than_an_alert_keeps_fresh_is_waited_out_all_the_same(scene: Scene) -> None:
    """It is prolonged on the way, and overlaps with one of the service alone."""
    freeze(scene, since=0, until=90)
    for minutes in (5, 64, 66):
        scene.arrive(scene.make.alert(), minutes=minutes)
    freeze(scene, since=80, until=150)
    freeze(scene, since=140, until=200, service="shop")
    for minutes in (100, 160):
        scene.arrive(scene.make.alert(), minutes=minutes)
    scene.store.wake_expired(scene.clock.now())
    scene.decider.work()
    assert scene.reasons == [Reason.FROZEN]

    scene.arrive(scene.make.alert(), minutes=201)

    assert scene.reasons == [Reason.FROZEN, Reason.ACCEPTED]


@pytest.mark.parametrize(("since", "decided"), [(66, 130), (0, 81)], ids=["begun too late", "too long ago"])
def test_a_freeze_makes_nothing_fresh_that_had_its_time(scene: Scene, since: float, decided: float) -> None:
    freeze(scene, since=since, until=20 if since == 0 else 120)

    scene.arrive(scene.make.alert(), minutes=decided)

    assert scene.reasons == [Reason.STALE]


def test_a_freeze_of_another_service_freezes_nothing_here(scene: Scene) -> None:
    until = NOON + timedelta(minutes=8)
    other = Freeze(id=0, service="x", env="production", reason="audit", by="ann", since=NOON, until=until)
    scene.store.freeze(other)

    scene.arrive(scene.make.alert(), minutes=5)

    assert scene.reasons == [Reason.ACCEPTED]


def test_what_is_on_hold_waits_for_nothing_once_its_end_has_arrived(scene: Scene) -> None:
    scene.monitoring.blind = True
    alert = scene.make.alert()
    scene.arrive(alert, minutes=5)
    assert scene.store.service_state("shop", "production").held == 1

    scene.arrive(replace(alert, status=AlertStatus.RESOLVED), minutes=6)

    assert scene.store.service_state("shop", "production").held == 0
    assert scene.store.holds("production") == []
    assert scene.store.untold_holds(NOON + timedelta(hours=1), NOON + timedelta(hours=1)) == []
    assert set(scene.reasons[1:]) == {Reason.RESOLVED}


def test_a_service_that_cannot_be_decided_stops_no_other(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = scene.probes.hosts

    def broken(service: str) -> Any:
        if service == "till":
            raise RuntimeError("nobody thought of this")
        return seen(service)

    monkeypatch.setattr(scene.probes, "hosts", broken)
    till = {"service": "till"}
    started = scene.store.start_deployment(replace(scene.make.new("2"), service="till"), NOON)
    scene.store.finish_deployment(started.id, Outcome.LIVE, "", NOON)
    scene.clock.at = NOON + timedelta(minutes=5)
    alerts = (scene.make.alert(fingerprint="f0", labels=till), scene.make.alert())
    scene.intake.receive(Source.WEBHOOK, alerts).result()

    scene.decider.work()

    assert [(d.alert.service, d.reason) for d in scene.decisions] == [("shop", Reason.ACCEPTED)]
    assert scene.decider.work() == 0
    assert [item.alert.service for item in scene.store.waiting(10)] == ["till"]


@pytest.fixture
def poison(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Alerts of these names cannot be decided; how often they were tried."""
    tried: list[str] = []
    decide = deciding.Alike.decide

    def broken(alike: Any, item: Any) -> Any:
        if item.alert.name.startswith("Odd"):
            tried.append(item.alert.name)
            raise ZeroDivisionError("nobody thought of this")
        return decide(alike, item)

    monkeypatch.setattr(deciding.Alike, "decide", broken)
    return tried


def test_an_alert_that_cannot_be_decided_is_set_aside_after_a_few_tries_and_holds_up_no_other(
    scene: Scene, poison: list[str]
) -> None:
    odd = [scene.make.alert(fingerprint=f"o{n}", labels={"alertname": f"Odd{n}"}) for n in range(2)]
    scene.arrive(odd[0], scene.make.alert(), odd[1], minutes=5)
    assert scene.reasons == [Reason.ACCEPTED]

    times = []
    for _ in range(120):
        before = len(poison)
        scene.decider.work()
        if len(poison) > before:
            times.append(scene.clock.at)
        scene.clock.move(1 / 60)

    pauses = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert pauses == [4, 8, 16]  # the first one, of 2 s, began when they arrived
    assert (poison.count("Odd0"), poison.count("Odd1")) == (5, 5)
    assert scene.store.waiting(10) == []
    assert scene.store.tally().quarantined == 2
    assert [one.problem for one in scene.store.quarantined(9)] == [
        "deciding about it failed 5 times: ZeroDivisionError('nobody thought of this')"
    ] * 2
    [told] = [text for text in scene.make.texts(scene.store) if "could not be decided" in text]
    assert told.startswith("Odd0 and 1 more alert(s) of shop (production) could not be decided")
    scene.arrive(*odd, minutes=8)
    assert (len(poison), scene.store.tally().quarantined) == (10, 2)


@pytest.mark.parametrize("passing", [StoreUnavailable(), Blind("nobody answers")])
def test_what_passes_is_waited_for_however_long_it_takes(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, passing: Exception
) -> None:
    def broken(service: str, env: str) -> Any:
        raise passing

    scene.clock.at = NOON + timedelta(minutes=5)
    with monkeypatch.context() as away:
        away.setattr(scene.store, "service_state", broken)
        scene.intake.receive(Source.WEBHOOK, (scene.make.alert(),)).result()
        for _ in range(20):
            scene.clock.move(0.1)
            with pytest.raises(type(passing)):
                scene.decider.work()

    scene.decider.work()

    assert scene.reasons == [Reason.ACCEPTED]


def test_a_row_that_cannot_be_read_is_set_aside_and_its_neighbours_are_decided(
    scene: Scene, tmp_path: Path
) -> None:
    scene.clock.at = NOON + timedelta(minutes=5)
    odd = [scene.make.alert(fingerprint=name) for name in ("o1", "o2", "o3")]
    scene.intake.receive(Source.WEBHOOK, (*odd, scene.make.alert())).result()
    with sqlite3.connect(tmp_path / "rollback.db") as other:
        other.execute("UPDATE inbox SET alert = '{' WHERE fingerprint = 'o1'")
        other.execute("UPDATE inbox SET source = 'telepathy' WHERE fingerprint = 'o2'")
        other.execute("UPDATE inbox SET received_at = 'yesterday' WHERE fingerprint = 'o3'")

    scene.decider.work()

    assert scene.reasons == [Reason.ACCEPTED]
    assert scene.store.tally().quarantined == 3
    [told] = [text for text in scene.make.texts(scene.store) if "set aside" in text]
    assert told.startswith("3 alert(s)")


def test_a_slow_prometheus_is_looked_at_anew_and_each_service_is_a_beat(scene: Scene) -> None:
    """A look that is minutes old says nothing about now, and who watches must see that work is done."""
    scene.clock.at = NOON + timedelta(minutes=5)
    for number in range(8):
        new = replace(scene.make.new("2"), service=f"s{number}")
        scene.store.finish_deployment(scene.store.start_deployment(new, NOON).id, Outcome.LIVE, "", NOON)
    alerts = [scene.make.alert(fingerprint=f"f{n}", labels={"service": f"s{n}"}) for n in range(8)]
    scene.intake.receive(Source.WEBHOOK, tuple(alerts)).result()
    ask, beats = scene.monitoring.rules, list[float]()

    def slowly(service: str, env: str) -> Any:
        scene.clock.move(5 / 60)
        return ask(service, env)

    scene.monitoring.rules = slowly
    scene.decider.work(lambda: beats.append(scene.clock.ticks()))

    assert len(beats) == 8
    assert max(later - earlier for earlier, later in pairwise(beats)) <= 5
    ages = [d.at for d in scene.decisions]
    assert ages[-1] - ages[0] >= timedelta(seconds=25)


def test_a_failed_attempt_that_moved_no_host_is_tried_again_but_not_for_ever(scene: Scene) -> None:
    alert = scene.make.alert()
    for minutes in (5, 7, 9, 11):
        scene.arrive(alert, minutes=minutes)
        if scene.store.in_phase(Phase.PENDING):
            end_rollback(scene, HostState.UNREACHABLE)

    assert scene.reasons == [*[Reason.ACCEPTED] * 3, Reason.ATTEMPTS_EXHAUSTED]
    assert [r.deployment_id for r in scene.rollbacks] == [2, 2, 2]


def test_between_two_attempts_there_is_a_pause(scene: Scene) -> None:
    alert = scene.make.alert()
    scene.arrive(alert, minutes=5)
    end_rollback(scene, HostState.UNREACHABLE)

    scene.arrive(alert, minutes=5.5)
    scene.arrive(alert, minutes=6)

    assert scene.reasons == [Reason.ACCEPTED, Reason.COOLDOWN, Reason.ACCEPTED]


def test_the_same_bad_version_deployed_again_is_still_to_blame(scene: Scene) -> None:
    """The alert began before the second deployment, and after the first."""
    alert = scene.make.alert(minutes=3)
    scene.make.live(scene.store, "2", minutes=4)

    scene.arrive(alert, minutes=6)

    assert scene.reasons == [Reason.ACCEPTED]


def test_a_version_that_lived_well_is_judged_anew_when_it_is_deployed_again(scene: Scene) -> None:
    scene.make.live(scene.store, "2", minutes=60)

    scene.arrive(scene.make.alert(minutes=55), minutes=61)

    assert scene.reasons == [Reason.ALERT_BEFORE_DEPLOYMENT]


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.ABANDONED])
@pytest.mark.parametrize(
    ("again", "reason"),
    [(70.5, Reason.ACCEPTED), (72, Reason.ALERT_BEFORE_DEPLOYMENT)],
    ids=["within its window", "long after"],
)
def test_a_run_that_ended_badly_long_ago_does_not_make_the_version_older(
    scene: Scene, outcome: Outcome, again: float, reason: Reason
) -> None:
    """A database is slow; the version whose first run failed is deployed again while that goes on."""
    failed = scene.store.start_deployment(scene.make.new("3"), NOON + timedelta(minutes=40))
    scene.store.finish_deployment(failed.id, outcome, "", NOON + timedelta(minutes=41))
    scene.make.live(scene.store, "3", minutes=again)

    scene.arrive(scene.make.alert(minutes=70.2), minutes=74)

    assert scene.reasons == [reason]


def test_a_release_that_was_never_reported_live_is_not_blamed_for_ever(scene: Scene) -> None:
    scene.store.start_deployment(scene.make.new("3"), NOON + timedelta(minutes=40))

    scene.arrive(scene.make.alert(minutes=90), minutes=91)

    assert scene.reasons == [Reason.NO_DEPLOYMENT_IN_WINDOW]


def test_hosts_that_run_another_version_hold_it_and_hosts_that_went_back_end_it(scene: Scene) -> None:
    scene.probes.live = {"app1": "3", "app2": "2"}
    scene.arrive(scene.make.alert(), minutes=5)
    scene.probes.live = {"app1": "1", "app2": "1"}
    scene.arrive(scene.make.alert(), minutes=6)

    assert scene.reasons == [Reason.OTHER_VERSION_LIVE, Reason.ALREADY_LEFT]
    evidence = next(a for a in scene.decisions[0].body["answers"] if a["guard"] == "deployed_version_is_live")
    assert evidence["evidence"]["running"] == {"app1": "3", "app2": "2"}


def test_history_that_knows_whole_seconds_does_not_make_an_alert_older_than_it_is(scene: Scene) -> None:
    """It began in the second of the deployment, after it."""
    scene.make.live(scene.store, "3", minutes=40 + 0.4 / 60)
    exact = NOON + timedelta(minutes=40, seconds=0.9)
    scene.monitoring.pending_since = exact.replace(microsecond=0)
    scene.monitoring.believes = False
    scene.monitoring.actives = [Active(labels={"alertname": "Anything"}, firing=True, since=exact)]

    scene.arrive(scene.make.alert(minutes=41), minutes=42)

    assert scene.reasons == [Reason.ACCEPTED]


def test_a_held_alert_is_decided_again_though_the_clock_goes_back_an_hour(scene: Scene) -> None:
    scene.monitoring.blind = True
    alert = scene.make.alert()
    scene.arrive(alert, minutes=5)
    scene.monitoring.blind = False

    scene.arrive(alert, minutes=-55)
    scene.arrive(alert, minutes=6)

    assert scene.reasons[-2:] == [Reason.CLOCK_SKEW, Reason.ACCEPTED]
