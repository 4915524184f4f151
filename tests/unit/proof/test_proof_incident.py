"""Time limits are computed from rules, routing and settings; nothing is written down twice."""

import pytest

from harness.proof.incident import INCIDENTS, patience, routing
from monitoring.catalog import detection_bounds
from monitoring.durations import parse_duration

POLICY = {"cooldown": 40.0, "verification_timeout": 6.0}


@pytest.mark.parametrize("name", INCIDENTS)
def test_incident_finds_the_one_alert_that_may_roll_it_back(name: str) -> None:
    incident = INCIDENTS[name]

    assert incident.alert.labels["rollback"] == "auto"
    assert incident.alert.severity == "critical"
    assert incident.measured in incident.alert.expr
    assert incident.threshold > 0


def test_time_limits_follow_the_rule_and_the_scale() -> None:
    incident = INCIDENTS["error"]
    slow, fast = (
        patience(incident.alert, breach_share=0.35, scale=scale, policy=POLICY) for scale in (1, 15)
    )

    assert slow.firing == detection_bounds(incident.alert, breach_share=0.35)
    assert slow.firing[1] == pytest.approx(15 * fast.firing[1], rel=0.01)
    assert slow.whole > fast.whole > fast.firing[2]
    interval = parse_duration(routing()["route"]["group_interval"]) / 1000
    assert slow.over - fast.over == pytest.approx(interval - interval / 15)
