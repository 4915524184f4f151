"""What a bad release does wrong is said once: the builder, the alert and the limits follow from it."""

import pytest

from application import faults as application
from devtools.errors import UserError
from harness.faults import FAULTS, added_latency, error_ratio
from harness.faults.bad_release import trigger_with
from harness.faults.fault import faults


@pytest.mark.parametrize("name", FAULTS)
def test_fault_finds_the_one_alert_that_may_roll_it_back(name: str) -> None:
    fault = FAULTS[name]

    assert fault.alert.labels["rollback"] == "auto"
    assert fault.alert.severity == "critical"
    assert fault.measured in fault.alert.expr
    assert fault.threshold > 0


@pytest.mark.parametrize("name", FAULTS)
def test_the_catalogue_deploys_the_fault(name: str) -> None:
    fault = FAULTS[name]

    assert fault.spec in [one.deploys for one in faults().values()]


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_strong_enough_for_its_alert_and_what_the_builder_knows(name: str) -> None:
    fault = FAULTS[name]

    assert application.parse(fault.spec) == fault.behaviour
    assert 0.3 < fault.share < 1


def test_share_of_slow_answers_follows_from_the_distribution_and_the_alerts_limit() -> None:
    assert added_latency(1.5).slow_over == 1.0
    assert added_latency(1.5).share == pytest.approx(0.715, abs=0.001)
    assert error_ratio(0.35).slow_over is None


def test_symptom_without_a_rollback_alert_is_an_error() -> None:
    with pytest.raises(UserError, match="expected one rollback alert with symptom boredom, found 0"):
        trigger_with("boredom")
