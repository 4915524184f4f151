"""`fixed` means that the service is well, and time is counted from the first answer."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.alert import Source
from rollback.domain.errors import ShuttingDown
from rollback.domain.policy import Policy
from rollback.domain.ports import Active
from rollback.domain.rollback import (
    HostState,
    Kind,
    Measure,
    Rollback,
    Sample,
    Verification,
    VerificationVerdict,
)
from rollback.domain.verification import Measuring, well
from rollback.service.deciding import Decider
from rollback.service.intake import Intake
from rollback.service.verifying import Verifier

FIXED, NOT_FIXED = VerificationVerdict.FIXED, VerificationVerdict.NOT_FIXED
WORSE, BLIND = VerificationVerdict.WORSE, VerificationVerdict.BLIND


@dataclass
class Scene:
    store: SqliteStore
    clock: Any
    monitoring: Any
    probes: Any
    make: Any
    policy: Policy

    def __post_init__(self) -> None:
        """Rollback 1 was begun by the alert `Anything`; another trigger is called `Slow`."""
        self.make.live(self.store, "1", minutes=-60, good=True)
        self.make.live(self.store, "2", minutes=0)
        self.clock.move(minutes=5)
        self.probes.live = {"app1": "2"}
        self.decide()
        self.probes.live = {"app1": "1"}
        self.monitoring.known_rules = {"Slow": self.make.rule("Slow")}
        self.verifier = Verifier(self.store, self.clock, self.monitoring, self.probes, lambda: self.policy)

    def decide(self, **alert: Any) -> None:
        intake = Intake(self.store, self.clock, lambda: self.policy)
        intake.receive(Source.WEBHOOK, (self.make.alert(**alert),)).result()
        Decider(self.store, self.clock, self.monitoring, self.probes, lambda: self.policy).work()

    def verify(self, **changes: Any) -> Verification:
        return self.verifier.verify(self.rollback(**changes), self.clock.pause)

    def rollback(self, **changes: Any) -> Rollback:
        return replace(self.store.rollback(1), **changes)

    def fired(self) -> None:
        """`Slow` was decided about while the rollback ran."""
        self.decide(fingerprint="f2", labels={"alertname": "Slow"})


@pytest.fixture
def scene(store: SqliteStore, clock: Any, monitoring: Any, probes: Any, make: Any) -> Scene:
    return Scene(store, clock, monitoring, probes, make, make.policy())


def measures(found: Verification) -> dict[str, tuple[bool | None, float | None]]:
    return {m.alertname: (m.healthy, m.value) for m in found.samples[-1].measures}


def test_the_rules_own_expression_is_asked_for_the_target_and_its_number_is_kept(scene: Scene) -> None:
    scene.monitoring.numbers = {"healthy": 0.25}

    found = scene.verify()

    assert found.verdict is FIXED
    assert "measure healthy == bool 1 1" in scene.monitoring.asked
    assert measures(found) == {"Anything": (True, 0.25)}


def test_a_trigger_that_did_not_fire_and_has_nothing_to_be_judged_by_is_left_out(scene: Scene) -> None:
    scene.monitoring.health = {"health of Slow": False}

    assert "Slow" not in measures(scene.verify())


def test_a_trigger_that_never_fired_is_measured_where_there_is_enough_evidence(scene: Scene) -> None:
    scene.monitoring.numbers = {"enough of Slow": 1.0, "number of Slow": 7.0}
    scene.monitoring.health = {"health of Slow": False}

    found = scene.verify()

    assert found.verdict is NOT_FIXED
    assert measures(found) == {"Anything": (True, None), "Slow": (False, 7.0)}


def test_one_without_a_sample_that_never_fired_says_nothing(scene: Scene) -> None:
    scene.monitoring.numbers = {"enough of Slow": 1.0}
    scene.monitoring.health = {"health of Slow": None}

    found = scene.verify()

    assert (found.verdict, "Slow" in measures(found)) == (FIXED, False)


def test_one_that_fired_since_the_deployment_is_measured_without_evidence(scene: Scene) -> None:
    scene.fired()
    scene.monitoring.health = {"health of Slow": False}

    found = scene.verify()

    assert (found.verdict, measures(found)["Slow"][0]) == (NOT_FIXED, False)


def test_one_that_fired_before_the_deployment_is_not(scene: Scene) -> None:
    scene.clock.move(minutes=-20)
    scene.fired()
    scene.clock.move(minutes=20)
    scene.monitoring.health = {"health of Slow": False}

    assert scene.verify().verdict is FIXED


@pytest.mark.parametrize(("knows", "fired"), [(True, {"Anything"}), (False, set())])
def test_one_that_prometheus_never_knew_has_not_fired(
    store: SqliteStore, clock: Any, monitoring: Any, probes: Any, make: Any, knows: bool, fired: set[str]
) -> None:
    monitoring.believes = knows
    Scene(store, clock, monitoring, probes, make, make.policy())

    assert store.fired_since("shop", "production", make.deployment().started_at) == fired
    assert store.fired_since("shop", "staging", make.deployment().started_at) == set()


@pytest.mark.parametrize(
    ("labels", "verdict"),
    [
        ({"service": "shop"}, NOT_FIXED),
        ({"service": "shop", "env": "production"}, NOT_FIXED),
        ({"service": "shop", "env": "staging"}, FIXED),
        ({"service": "other"}, FIXED),
    ],
)
def test_one_that_fires_now_for_the_service_is_measured(
    scene: Scene, labels: dict[str, str], verdict: VerificationVerdict
) -> None:
    at = scene.clock.at
    scene.monitoring.actives = [Active(labels={"alertname": "Slow", **labels}, firing=True, since=at)]
    scene.monitoring.health = {"health of Slow": False}

    assert scene.verify().verdict is verdict


def test_an_alert_about_a_host_without_power_does_not_make_the_others_look_bad(scene: Scene) -> None:
    """It only proposes; the hosts that were restored are asked themselves."""
    down = scene.make.rule("HostAway")
    scene.monitoring.known_rules = {"HostAway": replace(down, labels={**down.labels, "rollback": "propose"})}
    labels = {"alertname": "HostAway", "service": "shop"}
    scene.monitoring.actives = [Active(labels=labels, firing=True, since=scene.clock.at)]
    scene.monitoring.health = {"health of HostAway": False}

    found = scene.verify()

    assert (found.verdict, set(measures(found))) == (FIXED, {"Anything"})


def test_what_fires_now_and_cannot_be_judged_is_no_cure(scene: Scene) -> None:
    labels = {"alertname": "Slow", "service": "shop"}
    scene.monitoring.actives = [Active(labels=labels, firing=True, since=scene.clock.at)]
    scene.monitoring.health = {"health of Slow": None}

    found = scene.verify()

    assert found.verdict is BLIND
    assert "no sample to judge Slow by" in found.samples[-1].detail


def test_what_fired_in_between_and_has_no_sample_any_more_is_not_waited_for(scene: Scene) -> None:
    scene.fired()
    scene.monitoring.health = {"health of Slow": None}

    found = scene.verify()

    assert found.verdict is FIXED
    assert measures(found)["Slow"] == (None, None)


def test_an_alert_that_no_rule_knows_any_more_cannot_be_judged(scene: Scene) -> None:
    scene.monitoring.rules = lambda service, env: {"Slow": scene.make.rule("Slow")}

    found = scene.verify()

    assert found.verdict is BLIND
    assert measures(found)["Anything"] == (None, None)


def test_a_blind_moment_does_not_end_the_measuring(scene: Scene) -> None:
    scene.monitoring.measured = [None, True, None, True, True]

    assert scene.verify().verdict is FIXED


def test_measuring_ends_at_the_time_out_after_the_first_answer(scene: Scene) -> None:
    scene.monitoring.measured = [False]
    began = scene.clock.at

    assert scene.verify().verdict is NOT_FIXED
    assert scene.clock.at - began == scene.policy.verification_interval + scene.policy.verification_timeout


def test_the_time_begins_when_prometheus_answers(scene: Scene) -> None:
    began, pause = scene.clock.at, scene.clock.pause

    def booting(seconds: float) -> bool:
        scene.monitoring.blind = scene.clock.at - began < timedelta(minutes=2.5)
        return bool(pause(seconds))

    found = scene.verifier.verify(scene.rollback(), booting)

    assert found.verdict is FIXED


def test_prometheus_that_never_answers_ends_it_blind_after_its_own_limit(scene: Scene) -> None:
    scene.monitoring.blind, began = True, scene.clock.at

    found = scene.verify()

    assert (found.verdict, found.samples[-1].detail) == (BLIND, "nobody answers")
    assert scene.clock.at - began == scene.policy.verification_blind_timeout


@pytest.mark.parametrize("jump", [-60.0, 60.0])
def test_a_clock_that_is_set_meanwhile_changes_no_limit(scene: Scene, jump: float) -> None:
    scene.monitoring.measured = [False]
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        scene.clock.move(minutes=jump if len(pauses) == 2 else seconds / 60)
        return False

    assert scene.verifier.verify(scene.rollback(), pause).verdict is NOT_FIXED
    assert len(pauses) == 7


def test_a_host_that_waits_to_be_restored_is_not_expected_to_run_the_target(scene: Scene) -> None:
    scene.probes.live = {"app1": "1", "app2": None, "app3": "2"}
    results = (scene.make.result(), scene.make.result("app2", HostState.UNREACHABLE))

    found = scene.verify(results=results)

    assert (found.verdict, found.samples[-1].unready_hosts) == (WORSE, ("app3",))


def test_a_repair_is_measured_by_what_began_the_rollback(scene: Scene) -> None:
    scene.monitoring.measured = [False]

    assert scene.verify(kind=Kind.REPAIR, only=("app2",)).verdict is NOT_FIXED


def test_a_stop_of_the_daemon_ends_it_without_a_verdict(scene: Scene) -> None:
    scene.clock.stop_after = 2

    with pytest.raises(ShuttingDown):
        scene.verify()


@pytest.mark.parametrize(
    ("said", "needed", "expected"),
    [
        ({"a": True}, {"a"}, True),
        ({"a": True, "b": None}, {"a"}, True),
        ({"a": True, "b": None}, {"a", "b"}, None),
        ({"a": None, "b": True}, {"a"}, None),
        ({"a": None, "b": False}, {"a"}, False),
        ({"a": True, "b": False}, {"a"}, False),
        ({"a": True}, set(), True),
        ({}, set(), None),
    ],
)
def test_well_is_what_nothing_denies_and_everything_that_is_needed_says(
    said: dict[str, bool | None], needed: set[str], expected: bool | None
) -> None:
    assert well([Measure(alertname=name, healthy=h) for name, h in said.items()], needed) is expected


def test_once_prometheus_has_answered_its_later_silence_is_no_new_beginning(make: Any) -> None:
    sample, measuring = Sample(at=make.alert().starts_at, healthy=None), Measuring()
    for answered in (False, False, True, False, True):
        measuring = measuring.add(sample, answered=answered)

    assert (measuring.silent, measuring.answered) == (2, True)
