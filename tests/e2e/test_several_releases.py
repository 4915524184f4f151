"""More than one bad release, and people beside the daemon: which one is gone back to, and who decides."""

import pytest

from harness.faults import FAULTS, error_ratio
from harness.stack import Stack

pytestmark = pytest.mark.lab
FAULT = FAULTS["error"]


@pytest.mark.incident
def test_a_second_bad_release_is_rolled_back_too_and_the_third_is_a_persons(stack: Stack) -> None:
    with stack.load():
        stack.deploy("3.0.0", fault=FAULT)
        stack.rollbacks.until_phase("succeeded")
        stack.deploy("3.1.0", fault=FAULT)
        stack.rollbacks.until_count(2, "succeeded")
        assert stack.live_version == "1.0.0"
        assert stack.breaker()["cause"] == "repeated"

        stack.deploy("3.2.0", fault=FAULT)
        stack.decisions.until("CriticalErrorRate", "breaker_open")

    assert stack.rollbacks.count() == 2
    assert stack.live_version == "3.2.0"
    [proposal] = stack.proposals(state="open")
    approved = stack.approve(proposal["id"])
    stack.rollbacks.until_id(approved["rollback_id"], "succeeded", "unverified")
    assert stack.live_version == "1.0.0"


@pytest.mark.incident
def test_an_earlier_release_that_is_as_bad_is_never_gone_back_to_again(stack: Stack) -> None:
    with stack.silence():  # its alert must not fire before the later release is there
        stack.deploy("3.0.0", fault=FAULT)
        stack.mark_good("3.0.0")
        stack.deploy("3.1.0", fault=FAULT)
    with stack.load():
        ended = stack.rollbacks.until_phase("unverified")
        assert (ended["to_version"], ended["verification"]["verdict"]) == ("3.0.0", "not_fixed")
        assert stack.breaker()["cause"] == "fruitless"
        stack.deploy("1.1.0")
    stack.alerts.until_quiet()

    with stack.load(error_ratio=0.5):
        stack.alerts.until_firing("CriticalErrorRate")
        stack.until_decided()

    assert stack.rollbacks.count() == 1
    assert stack.live_version == "1.1.0"
    assert all(p["to_version"] != "3.0.0" for p in stack.proposals(state="open"))


@pytest.mark.incident
def test_a_deployment_that_was_killed_and_repeated_is_one(stack: Stack) -> None:
    with stack.load():
        with stack.deploying("3.0.0", FAULT) as deploy:
            stack.until("the first host to run it", lambda: stack.version_on("app1") == "3.0.0")
            deploy.kill()
        stack.deploy("3.0.0", fault=FAULT)
        stack.rollbacks.until_phase("succeeded")

    assert stack.rollbacks.count() == 1
    assert stack.live_version == "1.0.0"
    [deployment] = stack.deployments("3.0.0")
    assert deployment["version"] == "3.0.0"


@pytest.mark.incident
def test_rollback_by_hand_after_an_automatic_one_moves_nothing_and_says_why(stack: Stack) -> None:
    stack.deploy("1.1.0")
    stack.mark_good("1.1.0")
    with stack.load():
        stack.deploy("3.0.0", fault=FAULT)
        stack.rollbacks.until_phase("succeeded")
        words = stack.play("playbooks/rollback.yml")

    assert "restored" in words
    assert stack.live_version == "1.1.0"
    assert stack.rollbacks.count() == 1


@pytest.mark.incident
def test_a_person_goes_back_through_the_daemon(stack: Stack) -> None:
    stack.deploy("1.1.0")

    words = stack.play("playbooks/rollback.yml")

    assert "1.1.0" in words
    assert "1.0.0" in words
    rollback = stack.rollbacks.only()
    assert rollback["by"]
    assert stack.live_version == "1.0.0"


@pytest.mark.incident
def test_a_release_that_failed_a_fifth_of_requests_is_not_where_one_goes_back_to(stack: Stack) -> None:
    with stack.load():
        stack.deploy("2.9.0", fault=error_ratio(0.15))
        stack.alerts.until_firing("HighErrorRate")
        stack.until_good_would_have_come()
        stack.deploy("3.0.0", fault=FAULT)
        rollback = stack.rollbacks.until_phase("succeeded")

    assert rollback["to_version"] == "1.0.0"
    assert stack.live_version == "1.0.0"


@pytest.mark.incident
def test_no_request_is_lost_by_deployments_and_rollbacks(stack: Stack) -> None:
    with stack.load(lossless=True):
        for version in ("1.1.0", "1.2.0", "1.1.0", "1.0.0"):
            stack.deploy(version)

    # Four restarts of a host within a minute, a quarter of an hour in the lab, are flapping and may be told.
    assert [page for page in stack.receivers.paged() if "EndpointFlapping" not in page] == []
