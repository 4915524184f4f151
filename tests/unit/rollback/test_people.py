"""What people command: done when it still fits, refused with what is known when it does not."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollback import cli_text
from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import Source
from rollback.domain.consequences import Consequences
from rollback.domain.control import Cause, ProposalState
from rollback.domain.deployment import Outcome, Standing
from rollback.domain.errors import (
    AlreadyAnswered,
    DeploymentClosed,
    DeploymentInProgress,
    FactsMoved,
    NotFound,
    NothingToRollBack,
    OtherEnvironment,
    Refused,
    ReleaseWasRestored,
    RollbackInProgress,
    Undecodable,
    VersionRejected,
)
from rollback.domain.policy import Policy
from rollback.domain.ports import Active
from rollback.domain.reasons import LedgerKind, Reason
from rollback.domain.rollback import (
    HostResult,
    HostState,
    Phase,
    Rollback,
    Verification,
    VerificationVerdict,
)
from rollback.service.asking import FreezeWish, People
from rollback.service.deciding import Decider
from rollback.service.intake import Intake
from rollback.service.registering import Registry
from rollback.service.returning import Returner, Wish

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = ("shop", "production")


@dataclass
class Scene:
    """1 is good, 2 is live since noon on both hosts; people and alerts come."""

    store: SqliteStore
    clock: Any
    monitoring: Any
    probes: Any
    make: Any
    policy: Policy

    def __post_init__(self) -> None:
        def policy() -> Policy:
            return self.policy

        self.intake = Intake(self.store, self.clock, policy)
        self.decider = Decider(self.store, self.clock, self.monitoring, self.probes, policy)
        self.people = People(self.store, self.decider.look, policy)
        self.returner = Returner(self.store, self.decider.look)
        self.registry = Registry(self.store, self.clock, self.probes, policy)
        self.probes.live = {"app1": "2", "app2": "2"}
        self.clock.move(5)

    def arrive(self, *alerts: Any) -> None:
        self.intake.receive(Source.WEBHOOK, alerts).result()
        self.decider.work()

    def propose(self) -> int:
        """An alert that may only be proposed; its proposal's number."""
        self.arrive(self.make.alert(labels={"rollback": "propose"}))
        return self.store.proposals("production", 1)[0].id

    def wish(self, **changes: Any) -> Wish:
        base = Wish(service="shop", env="production", to_version=None, reason="it is bad", by="ann")
        return replace(base, **changes)

    def ask(self, *, dry_run: bool = False, **changes: Any) -> Any:
        return self.returner.ask(self.wish(**changes), dry_run=dry_run)

    def end(self, phase: Phase, *states: HostState) -> Rollback:
        """The active rollback ends; app1, app2 and so on in these states."""
        [active] = self.store.in_phase(Phase.PENDING)
        now = self.clock.now()
        running = replace(active, phase=Phase.RUNNING, attempt=1, started_at=now)
        results = tuple(
            HostResult(host=f"app{number}", state=state, at=now) for number, state in enumerate(states, 1)
        )
        self.store.move(active, running, ())
        if phase is Phase.FAILED:
            after = replace(running, phase=phase, results=results, finished_at=now, detail="no")
            self.store.move(running, after, ())
            return after
        verifying = replace(running, phase=Phase.VERIFYING, restored_at=now, results=results)
        self.store.move(running, verifying, ())
        fixed = phase is Phase.SUCCEEDED
        verdict = VerificationVerdict.FIXED if fixed else VerificationVerdict.NOT_FIXED
        verification = Verification(verdict=verdict, at=now)
        after = replace(verifying, phase=phase, verification=verification, finished_at=now)
        standings = ((after.from_version, Standing.REJECTED),) if fixed else ()
        self.store.move(verifying, after, (), (), Consequences(standings=standings))
        return after

    def told(self) -> list[str]:
        return [waiting.notice.text for waiting in self.store.notices_waiting(100)]


@pytest.fixture
def older(store: SqliteStore, make: Any) -> None:
    """Before all else 0 was live, and good."""
    make.live(store, "0", minutes=-200, good=True, hosts=("app1", "app2"))


@pytest.fixture
def scene(store: SqliteStore, clock: Any, monitoring: Any, probes: Any, make: Any) -> Scene:
    make.live(store, "1", minutes=-60, good=True, hosts=("app1", "app2"))
    make.live(store, "2", minutes=0, hosts=("app1", "app2"))
    return Scene(store, clock, monitoring, probes, make, make.policy())


# Proposals


def test_an_approval_starts_the_proposed_rollback_in_the_persons_name(scene: Scene) -> None:
    number = scene.propose()

    found = scene.people.approve(number, "ann", "seen it")

    [rollback] = scene.store.in_phase(Phase.PENDING)
    assert (found["rollback_id"], found["proposal_id"]) == (rollback.id, number)
    assert (rollback.from_version, rollback.to_version, rollback.by) == ("2", "1", "ann")
    decision = scene.store.decision(rollback.decision_id)
    assert (decision.reason, decision.body["by"]) == (Reason.APPROVED, "ann")
    proposal = scene.store.proposal(number)
    assert (proposal.state, proposal.by, proposal.note) == (ProposalState.APPROVED, "ann", "seen it")


def test_a_person_may_approve_what_only_automation_must_not_do(scene: Scene) -> None:
    number = scene.propose()
    scene.people.freeze(FreezeWish(service=None, reason="move", by="bob", lasting=timedelta(hours=1)))
    scene.monitoring.blind = True

    assert scene.people.approve(number, "ann", "")["phase"] == "pending"


@pytest.mark.parametrize(
    ("move", "words"),
    [
        (lambda s: setattr(s.monitoring, "believes", False), "does not know the alert as firing"),
        (lambda s: setattr(s.probes, "live", {"app1": "3", "app2": "2"}), "app1: 3"),
        (
            lambda s: setattr(s.probes, "live", {"app1": "1", "app2": "1"}),
            "no host runs the deployed version",
        ),
        (lambda s: s.store.mark_release(*KEY, "1", Standing.REJECTED, "bob", NOON), "facts have moved"),
    ],
    ids=["over", "another version", "gone back", "target is bad"],
)
def test_an_approval_is_refused_when_the_facts_have_moved(
    scene: Scene, move: Callable[[Scene], Any], words: str
) -> None:
    number = scene.propose()
    move(scene)

    with pytest.raises(FactsMoved, match=words):
        scene.people.approve(number, "ann", "")

    assert not scene.store.in_phase(Phase.PENDING)
    assert scene.store.proposal(number).state is ProposalState.OPEN


def test_an_approval_fits_as_long_as_any_alert_of_the_storm_fires(scene: Scene) -> None:
    number = scene.propose()
    scene.monitoring.believes = False
    other = {"alertname": "Anything", "service": "shop", "env": "production", "instance": "app2:8080"}
    scene.monitoring.actives = [Active(labels=other, firing=False, since=NOON)]

    with pytest.raises(FactsMoved, match="does not know the alert as firing"):
        scene.people.approve(number, "ann", "")
    scene.monitoring.actives = [Active(labels=other, firing=True, since=NOON)]

    assert scene.people.approve(number, "ann", "")["phase"] == "pending"


def test_a_proposal_is_answered_once(scene: Scene) -> None:
    number = scene.propose()
    scene.people.reject(number, "ann", "false alarm")

    with pytest.raises(AlreadyAnswered, match=r"rejected by ann at 2026-03-01 12:05:00 UTC \(false alarm\)"):
        scene.people.approve(number, "bob", "")
    with pytest.raises(AlreadyAnswered):
        scene.people.reject(number, "bob", "")
    assert any("ann rejected the rollback" in text for text in scene.told())


def test_what_was_rejected_is_not_proposed_again(scene: Scene) -> None:
    scene.people.reject(scene.propose(), "ann", "")

    scene.arrive(scene.make.alert(fingerprint="f2", labels={"rollback": "propose"}))

    assert scene.store.decisions(None, 1)[0].reason is Reason.REJECTED


def test_a_later_deployment_withdraws_the_proposal(scene: Scene) -> None:
    number = scene.propose()
    scene.registry.start(scene.make.new("3"))

    with pytest.raises(AlreadyAnswered, match="withdrawn"):
        scene.people.approve(number, "ann", "")


def test_an_approval_of_nothing_says_how_to_name_a_target(scene: Scene) -> None:
    scene.store.mark_release(*KEY, "1", Standing.REJECTED, "bob", NOON)
    number = scene.propose()

    with pytest.raises(NothingToRollBack, match="rollbackctl rollback shop --to VERSION"):
        scene.people.approve(number, "ann", "")


def test_there_is_no_proposal_where_there_is_none(scene: Scene) -> None:
    with pytest.raises(NotFound):
        scene.people.approve(99, "ann", "")


# Freezes, breakers, standings, acknowledgements


@pytest.mark.parametrize("service", ["shop", None])
def test_a_freeze_holds_automatic_rollbacks_until_it_is_ended(scene: Scene, service: str | None) -> None:
    wish = FreezeWish(service=service, reason="migration", by="ann", lasting=timedelta(hours=2))
    found = scene.people.freeze(wish)
    scene.arrive(scene.make.alert())
    held = scene.store.decisions(None, 1)[0].reason

    scene.people.unfreeze(service or "", "ann")
    scene.clock.move(1)
    scene.arrive(scene.make.alert())

    assert (found["service"], found["until"]) == (service, "2026-03-01T14:05:00+00:00")
    assert held is Reason.FROZEN
    assert scene.store.decisions(None, 1)[0].reason is Reason.ACCEPTED


def test_a_freeze_that_has_ended_or_of_an_unknown_service_is_refused(scene: Scene) -> None:
    with pytest.raises(Undecodable, match="ends in the future"):
        scene.people.freeze(FreezeWish(service=None, reason="x", by="ann", until=NOON))
    with pytest.raises(NotFound, match="no service shpo in production; known: shop"):
        scene.people.freeze(FreezeWish(service="shpo", reason="x", by="ann", lasting=timedelta(hours=1)))
    with pytest.raises(NotFound, match="not frozen"):
        scene.people.unfreeze("shop", "ann")


def test_who_ends_a_freeze_is_told_of_the_one_that_still_holds(scene: Scene) -> None:
    for service in (None, "shop"):
        scene.people.freeze(FreezeWish(service=service, reason="x", by="ann", lasting=timedelta(hours=1)))

    shop = scene.people.unfreeze("shop", "ann")
    with pytest.raises(NotFound, match=r"no freeze of its own in production; .* unfreeze\)"):
        scene.people.unfreeze("shop", "ann")
    scene.people.freeze(FreezeWish(service="shop", reason="x", by="bob", lasting=timedelta(hours=1)))
    everything = scene.people.unfreeze("", "ann")
    last = scene.people.unfreeze("shop", "ann")

    assert [freeze["service"] for freeze in shop["still"]] == [None]
    assert [freeze["service"] for freeze in everything["still"]] == ["shop"]
    assert last["still"] == []
    assert cli_text.unfrozen(shop) == (
        "The freeze of shop is ended, but all services are frozen until 2026-03-01 13:05:00Z: "
        "rollbackctl unfreeze"
    )
    assert cli_text.unfrozen(everything) == (
        "The freeze of all services is ended, but shop is frozen until 2026-03-01 13:05:00Z: "
        "rollbackctl unfreeze shop"
    )
    assert "happen again" in cli_text.unfrozen(last)


def test_a_breaker_is_closed_by_a_person_once(scene: Scene) -> None:
    scene.arrive(scene.make.alert())
    [active] = scene.store.in_phase(Phase.PENDING)
    ended = replace(active, phase=Phase.FAILED, finished_at=scene.clock.now())
    scene.store.move(active, ended, (), (), Consequences(cause=Cause.REPEATED, why="two in an hour"))

    scene.people.close_breaker("shop", "ann", "mended")

    assert scene.store.service_state(*KEY).breaker is None
    [entry] = [e for e in scene.store.ledger(0, 100) if e.kind is LedgerKind.BREAKER_CLOSED]
    assert (entry.data["by"], entry.data["note"]) == ("ann", "mended")
    with pytest.raises(NotFound):
        scene.people.close_breaker("shop", "ann", "")


def test_a_release_is_good_or_bad_by_a_persons_word(scene: Scene) -> None:
    scene.people.mark("shop", "1", Standing.REJECTED, "ann", "loses carts")
    found = scene.people.mark("shop", "2", Standing.GOOD, "ann", "")

    releases = {r.version: r for r in scene.store.service_state(*KEY).releases}
    assert (releases["1"].standing, releases["1"].standing_by) == (Standing.REJECTED, "ann: loses carts")
    assert (releases["2"].standing, found["by"]) == (Standing.GOOD, "ann")
    assert any("shop (production) 1 is rejected" in text for text in scene.told())
    with pytest.raises(NotFound):
        scene.people.mark("shop", "9", Standing.GOOD, "ann", "")


def test_an_end_is_taken_over_once_and_only_when_there_is_one(scene: Scene) -> None:
    scene.arrive(scene.make.alert())
    with pytest.raises(NotFound, match="Rollback 1 is pending: wait for its end"):
        scene.people.acknowledge(1, "ann", "")
    scene.end(Phase.FAILED, HostState.FAILED, HostState.FAILED)

    found = scene.people.acknowledge(1, "ann", "on it")

    assert found["acknowledged_by"] == "ann"
    assert scene.store.service_state(*KEY).open_end is None
    with pytest.raises(NotFound, match="Rollback 1 was acknowledged by ann at 2026-03-01 12:05:00 UTC"):
        scene.people.acknowledge(1, "ann", "")


# A person's rollback


def test_a_dry_run_names_hosts_and_versions_and_does_nothing(scene: Scene) -> None:
    plan = scene.ask(dry_run=True)

    assert (plan["from_version"], plan["to_version"]) == ("2", "1")
    assert plan["will"] == "bring app1, app2 of shop (production) from 2 to 1"
    assert [host["version"] for host in plan["seen"]] == ["2", "2"]
    assert plan["hosts"] == ["app1", "app2"]
    assert "1 is good, by the test." in plan["known"]
    assert not scene.store.in_phase(Phase.PENDING)


def test_a_person_is_told_first_of_a_version_that_does_not_say_it_may_be_left(scene: Scene) -> None:
    scene.make.live(scene.store, "3", minutes=3, hosts=("app1", "app2"), rollback_safe=False)
    scene.probes.live = {"app1": "3", "app2": "3"}

    plan = scene.ask(dry_run=True, to_version="1")

    assert plan["known"][0] == "A version on the way back does not say it may be left (3)."


def test_a_release_that_was_deployed_by_hand_is_not_one_that_was_gone_back_to(scene: Scene) -> None:
    scene.store.observe_live(*KEY, "2.1", NOON + timedelta(minutes=4))
    scene.probes.live = {"app1": "2.1", "app2": "2.1"}

    plan = scene.ask(dry_run=True)

    assert (plan["from_version"], plan["to_version"]) == ("2.1", "1")


def test_a_persons_rollback_is_recorded_in_their_name(scene: Scene) -> None:
    found = scene.ask()

    [rollback] = scene.store.in_phase(Phase.PENDING)
    assert (found["id"], found["phase"], rollback.by) == (rollback.id, "pending", "ann")
    decision = scene.store.decision(rollback.decision_id)
    assert (decision.reason, decision.alert.name) == (Reason.BY_HAND, "by hand")
    assert decision.alert.annotations["summary"] == "it is bad"


def test_the_best_guess_is_used_when_nothing_is_good(scene: Scene) -> None:
    scene.store.mark_release(*KEY, "1", Standing.UNPROVEN, "test", NOON)

    plan = scene.ask(dry_run=True)

    assert plan["to_version"] == "1"
    assert "No other release has proven to be good; the best guess is 1." in plan["known"]


@pytest.mark.parametrize("standing", [Standing.REJECTED, Standing.SUSPECT])
def test_a_release_that_was_found_bad_is_only_gone_back_to_by_name(scene: Scene, standing: Standing) -> None:
    scene.store.mark_release(*KEY, "1", standing, "test", NOON)

    with pytest.raises(NothingToRollBack, match="none is good or unproven") as refused:
        scene.ask(dry_run=True)
    named = scene.ask(dry_run=True, to_version="1")

    assert "Found bad before: 1." in refused.value.known
    assert named["to_version"] == "1"


@pytest.mark.usefixtures("older")
def test_nothing_moves_two_seconds_after_an_automatic_rollback(scene: Scene) -> None:
    scene.arrive(scene.make.alert())
    with pytest.raises(RollbackInProgress, match="wait for its end"):
        scene.ask()
    scene.end(Phase.SUCCEEDED, HostState.DONE, HostState.DONE)
    scene.probes.live = {"app1": "1", "app2": "1"}
    scene.clock.move(2 / 60)

    with pytest.raises(
        ReleaseWasRestored, match="1 was itself gone back to, by rollback 1 from 2"
    ) as refused:
        scene.ask()
    further = scene.ask(further=True, dry_run=True)

    assert "Now: app1 runs 1, app2 runs 1." in refused.value.known
    assert (further["from_version"], further["to_version"]) == ("1", "0")


@pytest.mark.usefixtures("older")
def test_after_a_rollback_by_hand_on_the_hosts_nothing_goes_further_back_unasked(scene: Scene) -> None:
    scene.probes.live = {"app1": "1", "app2": "1"}

    with pytest.raises(ReleaseWasRestored, match="1 runs although 2 was deployed later"):
        scene.ask()


def test_after_the_next_deployment_going_back_is_ordinary_again(scene: Scene) -> None:
    scene.arrive(scene.make.alert())
    scene.end(Phase.SUCCEEDED, HostState.DONE, HostState.DONE)
    scene.make.live(scene.store, "3", minutes=20)
    scene.clock.move(30)
    scene.probes.live = {"app1": "3", "app2": "3"}

    plan = scene.ask(dry_run=True)

    assert (plan["from_version"], plan["to_version"]) == ("3", "1")


def test_a_host_that_a_rollback_left_out_is_brought_after_the_others(scene: Scene) -> None:
    scene.arrive(scene.make.alert())
    scene.end(Phase.SUCCEEDED, HostState.DONE, HostState.UNREACHABLE)
    scene.probes.live = {"app1": "1", "app2": "2"}

    plan = scene.ask(dry_run=True)

    assert (plan["from_version"], plan["to_version"]) == ("2", "1")


@pytest.mark.usefixtures("older")
def test_after_a_rollback_that_failed_half_way_nothing_goes_further_back_unasked(scene: Scene) -> None:
    scene.arrive(scene.make.alert())
    scene.end(Phase.FAILED, HostState.DONE, HostState.FAILED)
    scene.probes.live = {"app1": "1", "app2": "1"}

    with pytest.raises(ReleaseWasRestored):
        scene.ask()


def test_no_rollback_begins_beside_a_deployment_that_lives(scene: Scene) -> None:
    scene.store.start_deployment(scene.make.new("3", hosts=("app1", "app2")), scene.clock.now())
    scene.probes.live = {"app1": "3", "app2": "2"}

    with pytest.raises(DeploymentInProgress, match="is switching hosts") as refused:
        scene.ask()
    scene.clock.move(15)
    plan = scene.ask(dry_run=True)

    assert "Deployment 3 of 3 has reported no end" in refused.value.known[0]
    assert (plan["from_version"], plan["to_version"]) == ("3", "1"), "a dead one is undone"
    assert any("counts as dead" in sentence for sentence in plan["known"])


@pytest.mark.parametrize(
    ("to_version", "words"),
    [("2", "run 2 already"), ("9", "no release 9 of shop in production; known: 1, 2")],
)
def test_a_target_that_makes_no_sense_is_refused(scene: Scene, to_version: str, words: str) -> None:
    with pytest.raises(NothingToRollBack, match=words):
        scene.ask(to_version=to_version)


def test_of_an_unknown_service_nothing_is_live(scene: Scene) -> None:
    scene.probes.live = {}

    with pytest.raises(NothingToRollBack, match="No release of nobody in production is live"):
        scene.ask(service="nobody")


def test_without_probes_the_records_are_believed(scene: Scene) -> None:
    scene.probes.live = {}

    plan = scene.ask(dry_run=True)

    assert plan["will"] == "bring app1, app2 of shop (production) from 2 to 1"


# Deployments


@pytest.mark.usefixtures("older")
def test_a_deployment_learns_what_must_stay_on_disk(scene: Scene) -> None:
    scene.store.mark_release(*KEY, "1", Standing.REJECTED, "test", NOON)

    found = scene.registry.start(scene.make.new("3"))

    assert (found["keep"], found["rejected"]) == (["2", "0"], ["1"])


def test_another_environment_is_refused(scene: Scene) -> None:
    with pytest.raises(OtherEnvironment, match="serves the environment production, not staging"):
        scene.registry.start(scene.make.new("3", env="staging"))
    assert scene.registry.environment(None) == "production"
    assert scene.registry.environment("production") == "production"


def test_the_end_of_a_deployment_that_was_rolled_back_is_late_news(scene: Scene) -> None:
    scene.clock.move(35)
    scene.probes.live = {}
    number = scene.registry.start(scene.make.new("3"))["id"]
    scene.clock.move(16)
    scene.arrive(scene.make.alert(minutes=55))
    scene.end(Phase.SUCCEEDED, HostState.DONE, HostState.DONE)

    with pytest.raises(DeploymentClosed, match="was rolled back by rollback 1"):
        scene.registry.finish(number, Outcome.LIVE, "")

    current = scene.store.service_state(*KEY).current
    assert current is not None
    assert current.version == "1"


def test_refusals_of_a_deployment_are_told_apart(scene: Scene) -> None:
    scene.store.mark_release(*KEY, "1", Standing.REJECTED, "test", NOON)
    with pytest.raises(VersionRejected):
        scene.registry.start(scene.make.new("1"))
    scene.registry.start(scene.make.new("3"))
    with pytest.raises(DeploymentInProgress):
        scene.registry.start(scene.make.new("4"))
    assert scene.registry.start(scene.make.new("4", take_over=True))["version"] == "4"
    with pytest.raises(Refused):
        scene.registry.finish(99, Outcome.LIVE, "")


@pytest.mark.parametrize(
    ("live", "current"),
    [
        ({"app1": "1", "app2": "1"}, "1"),
        ({"app1": "2", "app2": "2"}, "2"),
        ({"app1": "1", "app2": "2"}, "2"),
        ({"app1": "1", "app2": None}, "2"),
        ({"app1": "0.9", "app2": "0.9"}, "0.9"),
        ({}, "2"),
    ],
    ids=str,
)
def test_a_version_that_a_person_left_by_hand_is_noticed_when_the_next_is_deployed(
    scene: Scene, live: Any, current: str
) -> None:
    """2 was reported live; the hosts, asked when 3 is deployed, may say otherwise."""
    scene.probes.live = live

    scene.registry.start(scene.make.new("3"))

    found = scene.store.service_state(*KEY).current
    assert found is not None
    assert found.version == current
    assert any("which nobody reported" in text for text in scene.told()) is (current != "2")


def test_while_a_rollback_moves_hosts_nobody_wonders_what_they_run(scene: Scene) -> None:
    scene.arrive(scene.make.alert())
    scene.probes.live = {"app1": "1", "app2": "1"}

    with pytest.raises(RollbackInProgress):
        scene.registry.start(scene.make.new("3"))

    assert LedgerKind.LIVE_OBSERVED not in [entry.kind for entry in scene.store.ledger(0, 100)]


def test_a_deployment_that_ends_is_not_news_from_the_hosts(scene: Scene) -> None:
    number = scene.registry.start(scene.make.new("3"))["id"]
    scene.probes.live = {"app1": "3", "app2": "3"}

    scene.registry.finish(number, Outcome.LIVE, "")

    kinds = [entry.kind for entry in scene.store.ledger(0, 100)]
    assert LedgerKind.LIVE_OBSERVED not in kinds
