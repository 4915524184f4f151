"""Time limits are computed from rules, routing and settings; nothing is written down twice."""

import pytest

from harness.faults import FAULTS
from harness.incident.patience import patience, routing
from monitoring.catalog import detection_bounds
from monitoring.durations import parse_duration

POLICY = {"cooldown": 40.0, "verification_timeout": 6.0}


def test_time_limits_follow_the_rule_and_the_scale() -> None:
    alert = FAULTS["error"].alert
    slow, fast = (patience(alert, breach_share=0.35, scale=scale, policy=POLICY) for scale in (1, 15))

    assert slow.firing == detection_bounds(alert, breach_share=0.35)
    assert slow.firing[1] == pytest.approx(15 * fast.firing[1], rel=0.01)
    assert slow.whole > fast.whole > fast.firing[2]
    interval = parse_duration(routing()["route"]["group_interval"]) / 1000
    assert slow.over - fast.over == pytest.approx(interval - interval / 15)
