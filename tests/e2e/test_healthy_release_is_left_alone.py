"""What looks like a bad release and is none: a dependency, a quiet night, an old alert, a person's work."""

import pytest

from devtools.playbook import PlaybookError
from harness.stack import Stack

pytestmark = pytest.mark.lab
ERRORS = 0.5


@pytest.mark.incident
def test_redis_that_stops_after_a_healthy_release_leads_to_a_question_at_most(stack: Stack) -> None:
    with stack.load():
        stack.deploy("1.1.0")
        stack.stop(stack.redis)
        stack.alerts.until_firing("RedisConnectionFailure")
        decision = stack.decisions.until("RedisConnectionFailure", "dependency_down", "already_proposed")
        stack.until_decided()

    assert decision["verdict"] in ("propose", "ignore")
    assert stack.rollbacks.count() == 0
    assert stack.live_version == "1.1.0"
    proposals = stack.proposals()
    assert [p["state"] for p in proposals] == ["open"]
    assert len(stack.receivers.from_daemon("rollbackctl approve")) == 1
    assert any("RedisDown" in str(answer) for answer in decision["guards"])


@pytest.mark.incident
def test_postgresql_that_is_down_when_a_release_comes_is_not_the_release(stack: Stack) -> None:
    """The release cannot get ready without its database; both hosts stay on what they had."""
    with stack.load():
        stack.stop(stack.postgresql)
        with pytest.raises(PlaybookError, match="ready"):
            stack.deploy("1.1.0")
        stack.alerts.until_firing("CriticalErrorRate")
        stack.until_decided()

    assert stack.rollbacks.count() == 0
    assert stack.live_version == "1.0.0"


@pytest.mark.incident
def test_nobody_who_registers_at_night_is_no_evidence(stack: Stack) -> None:
    """The window of production, and not one request after the deployment."""
    with stack.deployment_window("30m"), stack.silence():
        stack.deploy("1.1.0")
        stack.alerts.until_firing("UserRegistrationDown")
        decision = stack.decisions.until(
            "UserRegistrationDown", "not_enough_evidence", "evidence_unknown", "alert_before_deployment"
        )

    assert decision["verdict"] != "roll_back"
    assert stack.rollbacks.count() == 0
    assert stack.live_version == "1.1.0"


@pytest.mark.incident
def test_an_old_alert_stays_old_when_prometheus_restarts(stack: Stack) -> None:
    stack.until_window_is_over()

    with stack.load(error_ratio=ERRORS):
        stack.alerts.until_firing("CriticalErrorRate")
        stack.deploy("1.1.0")
        stack.prometheus.stop()
        stack.prometheus.start()
        stack.alerts.until_firing("CriticalErrorRate")
        stack.until_decided()

    assert stack.rollbacks.count() == 0
    assert stack.live_version == "1.1.0"


@pytest.mark.incident
def test_a_deployment_made_by_hand_is_noticed_and_not_rolled_back(stack: Stack) -> None:
    """Somebody deploys past the daemon; the version that it knows of is not what hosts run."""
    stack.deploy("1.1.0")
    stack.build("1.2.0")
    past = "app_version=1.2.0 app_without_daemon=true application_daemon_url=http://127.0.0.1:9"

    assert "failed=0" in stack.play("playbooks/deploy.yml", "-e", past)
    with stack.load(error_ratio=ERRORS):
        stack.alerts.until_firing("CriticalErrorRate")
        stack.until_decided()

    assert stack.rollbacks.count() == 0
    assert stack.live_version == "1.2.0"
    assert stack.ledger("live_observed")[-1]["version"] == "1.2.0"
