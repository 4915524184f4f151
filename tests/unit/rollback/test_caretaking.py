"""What the daemon looks after by itself: deployments, live versions, good releases, holds and freezes."""

import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import Source
from rollback.domain.control import Freeze, ProposalState
from rollback.domain.deployment import Outcome, Standing
from rollback.domain.errors import Blind, StoreUnavailable
from rollback.domain.policy import Policy
from rollback.domain.ports import Active
from rollback.domain.reasons import LedgerKind
from rollback.domain.stored import ServiceState
from rollback.service.caretaking.caretaker import Caretaker
from rollback.service.caretaking.deployments import OpenDeployments
from rollback.service.caretaking.duty import due
from rollback.service.caretaking.holds import Holds
from rollback.service.caretaking.observing import LiveVersions
from rollback.service.caretaking.proposals import OpenProposals
from rollback.service.caretaking.proving import GoodReleases
from rollback.service.deciding import Decider
from rollback.service.intake import Intake
from rollback.service.looking import Look

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = ("shop", "production")


@dataclass
class Scene:
    store: SqliteStore
    clock: Any
    monitoring: Any
    probes: Any
    make: Any
    policy: Policy

    def __post_init__(self) -> None:
        """1 is live since 11:01, good by a person's word."""
        self.make.live(self.store, "1", minutes=-60, good=True)

    def attend(self, duty: Any, minutes: float | None = None, **live: str | None) -> ServiceState:
        """One round at that minute, with hosts that say so."""
        if minutes is not None:
            self.clock.at = NOON + timedelta(minutes=minutes)
        self.probes.live = live
        state = self.store.service_state(*KEY)
        duty.attend(state, Look(self.clock, self.policy, self.monitoring, self.probes))
        return self.store.service_state(*KEY)

    def decide(self, minutes: float, **alert: Any) -> None:
        self.clock.at = NOON + timedelta(minutes=minutes)
        found = self.make.alert(**alert)
        self.monitoring.actives.append(Active(labels=found.labels, firing=True, since=NOON))
        self.monitoring.known_rules[found.name] = self.make.rule(found.name, evidence="enough")
        intake = Intake(self.store, self.clock, lambda: self.policy)
        intake.receive(Source.WEBHOOK, (found,)).result()
        Decider(self.store, self.clock, self.monitoring, self.probes, lambda: self.policy).work()

    @property
    def texts(self) -> list[str]:
        return list(self.make.texts(self.store))


@pytest.fixture
def scene(store: SqliteStore, clock: Any, monitoring: Any, probes: Any, make: Any) -> Scene:
    return Scene(store, clock, monitoring, probes, make, make.policy())


# Deployments that report no end


def test_a_silent_deployment_is_live_once_every_host_has_run_it_for_a_while(scene: Scene) -> None:
    duty = OpenDeployments(scene.store)
    scene.store.start_deployment(scene.make.new("2"), NOON)

    for minutes in (0.5, 1.1, 2.0):
        state = scene.attend(duty, minutes, app1="2", app2="2")
        assert state.deployment
        assert state.deployment.outcome is None

    state = scene.attend(duty, 2.2, app1="2", app2="2")

    assert state.deployment
    assert (state.deployment.outcome, state.current and state.current.version) == (Outcome.LIVE, "2")
    assert "judged by what the hosts run" in state.deployment.detail


def test_a_deployment_that_began_before_the_clock_was_set_back_is_given_up_all_the_same(
    scene: Scene,
) -> None:
    scene.store.start_deployment(scene.make.new("2"), NOON)
    duty = OpenDeployments(scene.store)
    scene.clock.set(-60)

    ended = []
    for minutes in range(30):
        state = scene.attend(duty, minutes - 60, app1="1")
        ended += [minutes] if state.deployment and state.deployment.outcome else []

    assert ended[0] == 15


@pytest.mark.parametrize("other", ["1", None])
def test_it_is_not_while_one_host_runs_another_version_or_is_silent(scene: Scene, other: str | None) -> None:
    duty = OpenDeployments(scene.store)
    scene.store.start_deployment(scene.make.new("2"), NOON)

    for minutes in range(1, 14):
        state = scene.attend(duty, minutes, app1="2", app2=other)

    assert state.deployment
    assert state.deployment.outcome is None


def test_hosts_must_agree_all_the_while(scene: Scene) -> None:
    duty = OpenDeployments(scene.store)
    scene.store.start_deployment(scene.make.new("2"), NOON)
    scene.attend(duty, 1.1, app1="2", app2="2")
    scene.attend(duty, 1.9, app1="2", app2=None)

    state = scene.attend(duty, 2.2, app1="2", app2="2")

    assert state.deployment
    assert state.deployment.outcome is None


def test_one_that_never_ends_is_given_up_and_said_which_host_runs_what(scene: Scene) -> None:
    duty = OpenDeployments(scene.store)
    scene.store.start_deployment(scene.make.new("2"), NOON)

    scene.attend(duty, 14.9, app1="2", app2="1")
    assert scene.texts == []
    state = scene.attend(duty, 15, app1="2", app2=None)
    scene.attend(duty, 16, app1="2", app2=None)

    assert state.deployment
    assert state.deployment.outcome is Outcome.ABANDONED
    [text] = scene.texts
    assert text.startswith("Deployment 2 of shop (production) 2 is given up: nothing was heard of it since")
    assert "Now: app1 runs 2, app2 does not answer" in text


# Live versions


def test_a_version_that_every_host_runs_is_live_though_nobody_reported_it(scene: Scene) -> None:
    duty = LiveVersions(scene.store)

    assert scene.attend(duty, 1, app1="7", app2="7").current == scene.attend(duty, app1="1").current
    scene.attend(duty, 2, app1="7", app2="7")
    state = scene.attend(duty, 3, app1="7", app2="7")
    scene.attend(duty, 4, app1="7", app2="7")

    assert state.current
    assert (state.current.version, state.current.rollback_safe) == ("7", False)
    assert scene.texts == [
        "The hosts of shop (production) run 7, which nobody reported; known was 1. "
        "It is taken for the live version from now on."
    ]


@pytest.mark.parametrize(
    "live",
    [{}, {"app1": "1"}, {"app1": "7", "app2": "1"}, {"app1": "7", "app2": None}, {"app1": None}],
)
def test_without_agreement_on_another_version_nothing_is_observed(
    scene: Scene, live: dict[str, str | None]
) -> None:
    duty = LiveVersions(scene.store)

    for minutes in (1, 2, 3):
        state = scene.attend(duty, minutes, **live)

    assert state.current
    assert state.current.version == "1"


def test_while_something_moves_hosts_nothing_is_observed(scene: Scene) -> None:
    duty = LiveVersions(scene.store)
    scene.store.start_deployment(scene.make.new("2"), NOON)

    for minutes in (1, 2, 3):
        state = scene.attend(duty, minutes, app1="2")

    assert state.current
    assert state.current.version == "1"


def test_an_observation_before_a_deployment_is_none_after_it(scene: Scene) -> None:
    duty = LiveVersions(scene.store)
    scene.attend(duty, 0, app1="7")
    started = scene.store.start_deployment(scene.make.new("2"), NOON)
    scene.attend(duty, 1, app1="7")
    scene.store.finish_deployment(started.id, Outcome.FAILED, "", NOON)

    state = scene.attend(duty, 2, app1="7")

    assert state.current
    assert state.current.version == "1"


# Good releases


@pytest.fixture
def unproven(scene: Scene) -> Scene:
    """2 is live since 12:01."""
    scene.make.live(scene.store, "2", minutes=0)
    return scene


def standing(state: ServiceState) -> Standing:
    return next(release.standing for release in state.releases if release.version == "2")


def test_a_release_becomes_good_by_being_live_for_a_while_without_trouble(unproven: Scene) -> None:
    duty = GoodReleases(unproven.store, unproven.monitoring)

    assert standing(unproven.attend(duty, 30.9, app1="2")) is Standing.UNPROVEN
    assert unproven.monitoring.asked == []
    state = unproven.attend(duty, 31, app1="2", app2=None)
    unproven.attend(duty, 60, app1="2")

    assert standing(state) is Standing.GOOD
    assert unproven.monitoring.asked == ["proven shop production 1800"]
    assert state.current
    assert state.current.standing_by.startswith("measured: live for 30 minutes with traffic")
    assert len(unproven.texts) == 1


def test_one_with_trouble_does_not_and_is_asked_about_again_later(unproven: Scene) -> None:
    duty, unproven.monitoring.is_proven = GoodReleases(unproven.store, unproven.monitoring), False

    for minutes in (31, 31.25, 33, 34):
        state = unproven.attend(duty, minutes, app1="2")

    assert standing(state) is Standing.UNPROVEN
    assert len(unproven.monitoring.asked) == 2
    assert unproven.texts == []


@pytest.mark.parametrize("given", [Standing.SUSPECT, Standing.REJECTED])
def test_a_suspect_may_prove_itself_and_a_rejected_one_may_not(unproven: Scene, given: Standing) -> None:
    unproven.store.mark_release(*KEY, "2", given, "the test", NOON)

    state = unproven.attend(GoodReleases(unproven.store, unproven.monitoring), 31, app1="2")

    assert standing(state) is (Standing.GOOD if given is Standing.SUSPECT else Standing.REJECTED)


def test_the_traffic_of_another_version_proves_nothing(unproven: Scene) -> None:
    state = unproven.attend(GoodReleases(unproven.store, unproven.monitoring), 31, app1="2", app2="1")

    assert standing(state) is Standing.UNPROVEN


def test_a_clock_that_is_set_back_proves_a_release_neither_at_once_nor_never(unproven: Scene) -> None:
    duty = GoodReleases(unproven.store, unproven.monitoring)
    unproven.clock.set(-600)

    good = [m for m in range(40) if standing(unproven.attend(duty, m - 600, app1="2")) is Standing.GOOD]

    assert good[0] == 30


# Holds and freezes


@pytest.fixture
def held(scene: Scene) -> Scene:
    """An alert at 12:05 about a deployment at noon waits: there is not enough evidence."""
    scene.make.live(scene.store, "2", minutes=0)
    scene.monitoring.evidence = 0.0
    scene.probes.live = {"app1": "2"}
    scene.decide(5)
    return scene


def tell(scene: Scene, holds: Holds, minutes: float) -> list[str]:
    scene.clock.at = NOON + timedelta(minutes=minutes)
    holds.tell()
    return scene.texts


def test_a_hold_is_told_after_a_while_and_once(held: Scene) -> None:
    holds = Holds(held.store, held.clock, lambda: held.policy)

    assert tell(held, holds, 6.9) == []
    [text] = tell(held, holds, 7)
    assert text.startswith("On hold: Anything of shop (production) since")
    assert "nothing is rolled back: too little has happened" in text
    assert tell(held, holds, 8) == [text]
    assert [e.kind for e in held.store.ledger(0, 1000)][-1] is LedgerKind.HOLD_TOLD


def test_what_no_longer_waits_is_not_told(held: Scene) -> None:
    held.monitoring.evidence = 1.0
    held.decide(6)

    assert tell(held, Holds(held.store, held.clock, lambda: held.policy), 8) == []


def test_many_alerts_that_wait_for_one_reason_are_one_message(held: Scene) -> None:
    holds = Holds(held.store, held.clock, lambda: held.policy)
    for number in (2, 3):
        held.decide(5, fingerprint=f"f{number}", labels={"alertname": f"Other{number}"})

    assert len(held.store.untold_holds(held.clock.now(), held.clock.now())) == 3
    told = tell(held, holds, 8)
    held.decide(9, fingerprint="f4", labels={"alertname": "Other4"})

    assert len(told) == 1
    assert len(held.store.untold_holds(held.clock.now(), held.clock.now())) == 1
    assert tell(held, holds, 12) == told
    assert held.store.untold_holds(held.clock.now(), held.clock.now()) == []


def test_another_reason_is_another_message(held: Scene) -> None:
    holds = Holds(held.store, held.clock, lambda: held.policy)
    tell(held, holds, 8)
    held.monitoring.evidence = None
    held.decide(9, fingerprint="f2", labels={"alertname": "Other"})

    assert len(tell(held, holds, 12)) == 2


def test_a_freeze_ends_in_time(scene: Scene) -> None:
    until = NOON + timedelta(minutes=10)
    freeze = Freeze(id=0, service="", env="production", reason="x", by="anna", since=NOON, until=until)
    scene.store.freeze(freeze)
    holds = Holds(scene.store, scene.clock, lambda: scene.policy)

    holds.thaw()
    assert len(scene.store.freezes("production")) == 1
    scene.clock.at = until
    holds.thaw()

    assert scene.store.freezes("production") == []


# The round


class Broken:
    def __init__(self, error: Exception) -> None:
        self.error, self.attended = error, 0

    def attend(self, state: ServiceState, look: Look) -> None:
        self.attended += 1
        raise self.error


class Noting:
    def __init__(self) -> None:
        self.attended: list[str] = []

    def attend(self, state: ServiceState, look: Look) -> None:
        self.attended.append(state.service)


def caretaker(scene: Scene, errand: Any, *duties: Any) -> Caretaker:
    parts = (scene.store, scene.clock, scene.monitoring, scene.probes, lambda: scene.policy)
    return Caretaker(*parts, common={"first": errand}, duties=duties)


@pytest.mark.parametrize("error", [Blind(), StoreUnavailable(), ZeroDivisionError()])
def test_a_duty_that_fails_stops_no_other_and_no_other_service(scene: Scene, error: Exception) -> None:
    scene.make.live(scene.store, "1", 0, service="cart")
    broken, noting = Broken(error), Noting()

    def errand() -> None:
        raise error

    care = caretaker(scene, errand, broken, noting)
    more = [care.work() for _ in range(3)]

    assert more == [True, True, False]
    assert (broken.attended, noting.attended) == (2, ["cart", "shop"])


def test_a_duty_that_goes_on_failing_is_said_once(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    care = caretaker(scene, lambda: None, Broken(ZeroDivisionError("twice")))

    for _ in range(6):
        care.work()

    assert capsys.readouterr().out.count("not_looked_after") == 1


def test_a_service_whose_record_cannot_be_read_hides_no_other(scene: Scene, tmp_path: Path) -> None:
    scene.make.live(scene.store, "1", 0, service="cart")
    with sqlite3.connect(tmp_path / "rollback.db") as other:
        other.execute("UPDATE deployments SET hosts = '{' WHERE service = 'cart'")
    noting = Noting()
    care = caretaker(scene, lambda: None, noting)

    for _ in range(3):
        care.work()

    assert noting.attended == ["shop"]
    assert care.failing() == ["Noting cart"]


def test_what_others_do_not_answer_is_no_failure_of_ours(scene: Scene) -> None:
    care = caretaker(scene, lambda: None, Broken(Blind()))

    for _ in range(2):
        care.work()

    assert care.failing() == []


def test_services_of_another_environment_are_left_alone(scene: Scene) -> None:
    noting = Noting()
    scene.make.live(scene.store, "1", 0, service="cart", env="staging")

    care = caretaker(scene, lambda: None, noting)
    care.work()
    care.work()

    assert noting.attended == ["shop"]


@pytest.mark.parametrize(("minutes", "expected"), [(0, False), (4.9, False), (5, True), (-1, True)])
def test_a_duty_is_due_when_its_time_has_passed_or_the_clock_was_set_back(
    minutes: float, expected: bool
) -> None:
    assert due(NOON, NOON + timedelta(minutes=minutes), timedelta(minutes=5)) is expected
    assert due(None, NOON, timedelta(minutes=5))


# Proposals


def proposed(scene: Scene) -> OpenProposals:
    """2 is live since noon, and an alert about it is proposed."""
    scene.make.live(scene.store, "2", minutes=0)
    scene.decide(5, labels={"rollback": "propose"})
    return OpenProposals(scene.store)


def over(scene: Scene) -> None:
    scene.monitoring.believes, scene.monitoring.actives = False, []


def test_a_proposal_is_withdrawn_when_its_trouble_has_been_over_for_a_while(scene: Scene) -> None:
    duty = proposed(scene)
    over(scene)

    assert scene.attend(duty, 6).proposal is not None
    assert scene.attend(duty, 15.9).proposal is not None
    assert scene.attend(duty, 16).proposal is None

    assert scene.store.proposal(1).state is ProposalState.WITHDRAWN
    assert scene.texts[-1] == (
        "Proposal 1 to roll back shop (production) 2 to 1 is withdrawn: no alert about it has been active "
        "for a while. It is proposed again when an alert asks for it."
    )


def test_the_next_trouble_is_proposed_anew_and_told(scene: Scene) -> None:
    duty = proposed(scene)
    over(scene)
    scene.attend(duty, 6)
    scene.attend(duty, 16)

    scene.decide(20, fingerprint="f2", starts_at=NOON + timedelta(minutes=19), labels={"rollback": "propose"})

    assert scene.store.service_state(*KEY).proposal is not None
    assert sum("proposed, not done" in text for text in scene.texts) == 2


def test_a_clock_that_is_set_back_keeps_no_proposal_open_for_longer(scene: Scene) -> None:
    duty = proposed(scene)
    over(scene)
    assert scene.attend(duty, 6).proposal is not None
    scene.clock.set(-60)

    withdrawn = [m for m in range(6, 20) if scene.attend(duty, m - 60).proposal is None]

    assert withdrawn[0] == 16


def test_a_proposal_waits_while_an_alert_of_the_service_is_active_or_nobody_knows(scene: Scene) -> None:
    duty = proposed(scene)
    [alert] = scene.monitoring.actives
    over(scene)
    scene.attend(duty, 6)

    scene.monitoring.actives = [Active(labels=alert.labels, firing=False, since=NOON)]
    scene.attend(duty, 15)
    over(scene)
    scene.attend(duty, 17)
    scene.monitoring.blind = True
    with pytest.raises(Blind):
        scene.attend(duty, 40)

    assert scene.store.proposal(1).state is ProposalState.OPEN


def test_an_alert_of_another_service_keeps_no_proposal_open(scene: Scene) -> None:
    duty = proposed(scene)
    [alert] = scene.monitoring.actives
    over(scene)
    other = {**alert.labels, "service": "till"}
    scene.monitoring.actives = [Active(labels=other, firing=True, since=NOON)]

    scene.attend(duty, 6)

    assert scene.attend(duty, 16).proposal is None
