"""What is said of alerts that promtool 3 has otherwise; the program itself runs in `make test-full`."""

from typing import Any

from ruletools.house import newer
from ruletools.house.loading import load_suites

ALERT = 'count(ALERTS{alertname="HostDown",alertstate="firing"}) or vector(0)'


def test_every_check_of_an_alert_is_asked_as_a_number() -> None:
    checks: list[dict[str, Any]] = [
        {"alertname": "HostDown", "eval_time": "2m", "exp_alerts": [{"exp_labels": {}}]},
        {"alertname": "HostDown", "eval_time": "3m", "exp_alerts": []},
    ]

    assert list(newer._firing(checks)) == [(ALERT, 120_000, 1), (ALERT, 180_000, 0)]


def test_what_differs_is_named() -> None:
    said = newer.as_text(newer.Compared(5, 1, (("HostDown", ALERT, 120_000),)))

    assert "answers 3 alike, 1 one evaluation earlier or later, 1 otherwise" in said
    assert said.endswith(f"HostDown: {ALERT} at 2m")


def test_every_suite_asks_something() -> None:
    assert all(
        list(newer._firing(group.checks)) or group.expressions for s in load_suites() for group in s.groups
    )
