"""What one test shows of an alert, told by what it expects and when."""

from typing import Any

import pytest

from ruletools.coverage import shown_by
from ruletools.suites import Group

READ = frozenset({"up"})
SERIES = [{"series": 'up{job="a"}', "values": "0x10"}]


def check(at: str, *alerts: dict[str, Any], alertname: str = "A") -> dict[str, Any]:
    return {"alertname": alertname, "eval_time": at, "exp_alerts": list(alerts)}


@pytest.mark.parametrize(
    ("checks", "series", "shown"),
    [
        ([check("5m", {})], SERIES, {"fires"}),
        ([check("4m"), check("5m", {})], SERIES, {"fires", "silent", "moment"}),
        ([check("3m"), check("5m", {})], SERIES, {"fires", "silent"}),
        ([check("5m", {}), check("9m")], SERIES, {"fires", "resolves"}),
        ([check("9m")], SERIES, {"silent"}),
        ([check("9m")], [], {"missing"}),
        ([check("9m")], [{"series": "other", "values": "1x9"}], {"missing"}),
        ([check("4m", alertname="B"), check("5m", {})], SERIES, {"fires"}),
        ([check("5m", {}, alertname="B")], SERIES, set()),
    ],
)
def test_a_case_is_shown_by_what_is_expected_and_when(
    checks: list[dict[str, Any]], series: list[dict[str, str]], shown: set[str]
) -> None:
    group = Group("a", 60_000, {"name": "test 1", "input_series": series, "alert_rule_test": checks})

    assert shown_by(group, "A", READ) == shown
