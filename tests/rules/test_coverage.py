"""The table of cases is not fooled by stimuli and questions that show nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from monitoring.catalog import Alert
from ruletools.house.coverage import cover
from ruletools.suites import Group, Suite

FIRES = {"exp_labels": {"service": "fires"}, "exp_annotations": {}}
ALERT = Alert(name="A", expr="rate(e[5m]) / rate(r[5m]) > 0.1", file="a.rules.yml", group="a", for_ms=60_000)


def _check(at: str, *alerts: Any, alertname: str = "A") -> dict[str, Any]:
    return {"eval_time": at, "alertname": alertname, "exp_alerts": list(alerts)}


def _firing(value: int = 1, alertname: str = "A") -> dict[str, Any]:
    samples = [{"labels": "{}", "value": value}] if value else []
    expression = f'count(ALERTS{{alertname="{alertname}",alertstate="firing"}})'
    return {"expr": expression, "eval_time": "4m", "exp_samples": samples}


def _series(*names: str, metric: str = "e") -> list[dict[str, str]]:
    return [{"series": f'{metric}{{service="{name}"}}', "values": "1x9"} for name in names]


GOOD = {
    "name": "A",
    "input_series": _series("fires", "below", "short", "idle", "reset"),
    "alert_rule_test": [_check("2m"), _check("3m", FIRES), _check("5m")],
    "promql_expr_test": [_firing()],
}
EMPTY = {"name": "without any series", "input_series": [], "alert_rule_test": [_check("9m")]}


def _missing(*groups: dict[str, Any], alert: Alert = ALERT) -> set[str]:
    suite = Suite(
        "a", Path("a"), ("a.rules.yml",), 60_000, tuple(Group("a", 60_000, each) for each in groups)
    )
    [row] = cover([alert], (suite,), {})
    return set(row.missing)


def test_good_groups_show_every_case() -> None:
    assert _missing(GOOD, EMPTY) == set()


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"alert_rule_test": [_check("1m"), _check("3m", FIRES), _check("5m")]}, {"fires"}),
        ({"alert_rule_test": [_check("2m", alertname="B"), *GOOD["alert_rule_test"][1:]]}, {"fires"}),
        ({"promql_expr_test": [_firing(0)]}, {"resolves"}),
        ({"promql_expr_test": [_firing(alertname="B")]}, {"resolves"}),
        ({"alert_rule_test": [_check("2m"), _check("3m", FIRES), _check("6m")]}, {"resolves"}),
        ({"input_series": _series("fires", "short", "idle", "reset")}, {"below"}),
        (
            {"input_series": _series("fires", "short", "idle", "reset") + _series("below", metric="other")},
            {"below"},
        ),
        (
            {
                "alert_rule_test": [
                    _check("2m"),
                    _check("3m", FIRES, {"exp_labels": {"service": "short"}}),
                    _check("5m"),
                ]
            },
            {"short"},
        ),
        ({"input_series": _series("fires", "below", "short")}, {"quiet", "reset"}),
    ],
)
def test_what_shows_nothing_does_not_count(change: dict[str, Any], missing: set[str]) -> None:
    assert _missing({**GOOD, **change}, EMPTY) == missing


def test_a_group_of_a_case_counts_only_if_it_asks_and_nothing_fires() -> None:
    bare = {**GOOD, "input_series": _series("fires", "short", "idle", "reset")}
    silent = {"name": "A: below", "input_series": _series("x"), "alert_rule_test": [_check("9m")]}

    assert _missing(bare, EMPTY, silent) == set()
    assert _missing(bare, EMPTY, {**silent, "alert_rule_test": [_check("9m", FIRES)]}) == {"below"}
    assert _missing(bare, EMPTY, {**silent, "alert_rule_test": []}) == {"below"}


def test_series_that_are_not_there_are_a_case_of_their_own() -> None:
    assert _missing(GOOD) == {"missing"}
    assert _missing(GOOD, alert=replace(ALERT, expr="absent(e)")) == set()


@pytest.mark.parametrize(
    ("expression", "missing"),
    [
        ("e > 1", set()),
        ("rate(e[5m]) > 1", {"reset"}),
        ("e / r > 1", set()),
        ("e / rate(r[5m]) > 1", {"quiet", "reset"}),
        ("e unless e offset 5m", {"first"}),
    ],
)
def test_a_case_is_asked_for_where_it_matters(expression: str, missing: set[str]) -> None:
    plain = {**GOOD, "input_series": _series("fires", "below", "short")}

    assert _missing(plain, EMPTY, alert=replace(ALERT, expr=expression)) == missing
