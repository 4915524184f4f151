"""Rules are read into records, and overrides change exactly what they name or fail with what is possible."""

from pathlib import Path
from typing import Any

import pytest

from monitoring.catalog import CatalogError, detection_bounds, load, render_alertmanager, render_rules
from monitoring.detection import window
from monitoring.yaml_text import read_yaml

RULES = """\
groups:
  - name: g  # a comment that a copy keeps
    rules:
      - record: ratio
        expr: rate(bad[2m]) / rate(all[2m])
      - record: p95
        expr: histogram_quantile(0.95, rate(seconds_bucket[2m]))
      - alert: TooMany
        expr: ratio > 0.2
        for: 2m
        labels: {severity: critical, component: backend}
        annotations:
          description: "{{ $threshold := 0.2 }}limit {{ $threshold }}"
          verify: ratio{service="{{ $labels.service }}"} <= bool 0.2
      - alert: Slow
        expr: p95 > 1
        for: 2m
      - alert: Silent
        expr: increase(done[10m]) == 0
        for: 5m
      - alert: Gauge
        expr: depth > 500
        for: 20s
      - alert: Relative
        expr: a > b
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "g.rules.yml").write_text(RULES)
    return tmp_path


def changed(directory: Path, overrides: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The rules of the rendered file by their names."""
    document = read_yaml(render_rules(directory, overrides=overrides)["g.rules.yml"])
    return {rule.get("alert") or rule["record"]: rule for rule in document["groups"][0]["rules"]}


def test_an_alert_is_a_record_with_its_file_and_group(rules: Path) -> None:
    alert = load(rules)[0]
    assert (alert.name, alert.file, alert.group, alert.for_ms) == ("TooMany", "g.rules.yml", "g", 120_000)
    assert (alert.severity, alert.rollback_trigger) == ("critical", None)


def test_without_changes_the_text_is_the_same(rules: Path) -> None:
    assert render_rules(rules) == {"g.rules.yml": RULES}
    assert render_rules(rules, overrides={"TooMany": {"threshold": 0.2, "for": "2m"}}) == {
        "g.rules.yml": RULES
    }


def test_a_threshold_changes_wherever_it_is_stated(rules: Path) -> None:
    rule = changed(rules, {"TooMany": {"threshold": 0.3}})["TooMany"]
    assert rule["expr"] == "ratio > 0.3"
    assert rule["annotations"]["description"] == "{{ $threshold := 0.3 }}limit {{ $threshold }}"
    assert rule["annotations"]["verify"] == 'ratio{service="{{ $labels.service }}"} <= bool 0.3'


def test_every_other_field(rules: Path) -> None:
    change = {"for": "1m", "keep_firing_for": "30s", "severity": "error", "labels": {"team": "x"}}
    rule = changed(rules, {"TooMany": change})["TooMany"]
    assert (rule["for"], rule["keep_firing_for"]) == ("1m", "30s")
    assert rule["labels"] == {"severity": "error", "component": "backend", "team": "x"}
    assert "Slow" in changed(rules, {"TooMany": change})
    assert "TooMany" not in changed(rules, {"TooMany": {"enabled": False}})
    assert "TooMany" in changed(rules, {"TooMany": {"enabled": True, "for": "1m"}})


def test_overrides_come_before_the_time_scale(rules: Path) -> None:
    text = render_rules(rules, overrides={"TooMany": {"for": "1m"}}, time_scale=15)["g.rules.yml"]
    assert read_yaml(text)["groups"][0]["rules"][2]["for"] == "4s"


def test_a_file_without_rules_left_is_still_a_rule_file(rules: Path) -> None:
    (rules / "one.rules.yml").write_text("groups: [{name: one, rules: [{alert: One, expr: vector(1)}]}]")
    text = render_rules(rules, overrides={"One": {"enabled": False}})["one.rules.yml"]
    assert read_yaml(text) == {"groups": []}


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"Nope": {}}, r"override Nope: expected one of Gauge, Relative, Silent, Slow, TooMany"),
        ({"ratio": {"for": "1m"}}, r"override ratio: expected one of Gauge"),
        ({"Slow": {"expr": "x"}}, r"override Slow: expected fields threshold, for, .*, found 'expr'"),
        ({"Slow": 3}, r"override Slow: expected a mapping of threshold, for"),
        ({"Slow": {"threshold": "1"}}, r"override Slow.threshold: expected a number, found '1'"),
        (
            {"Relative": {"threshold": 1}},
            r"Relative.threshold: expected an alert with a single number .* possible here: for, keep",
        ),
        ({"Slow": {"for": "soon"}}, r"override Slow.for: expected a duration"),
        ({"Slow": {"severity": "loud"}}, r"override Slow.severity: expected one of critical, error, warning"),
        ({"Slow": {"labels": {"a": 1}}}, r"override Slow.labels: expected a mapping of names to texts"),
        ({"Slow": {"labels": {"alertname": "b"}}}, r"labels other than 'alertname': the name joins"),
        ({"Slow": {"labels": {"severity": "b"}}}, r"labels other than 'severity': it is a field of its own"),
        ({"Slow": {"labels": {"2x": "b"}}}, r"labels other than '2x': a label's name has letters"),
        ({"Slow": {"threshold": float("nan")}}, r"override Slow.threshold: expected a number, found nan"),
        ({"Slaw": {}}, r"override Slaw \(is Slow meant\?\): expected one of Gauge"),
        ({"Slow": {"enabled": "no"}}, r"override Slow.enabled: expected true or false, found 'no'"),
        ([], r"expected overrides as a mapping of alert names, found \[\]"),
    ],
)
def test_an_impossible_override_says_what_is_possible(rules: Path, overrides: Any, says: str) -> None:
    with pytest.raises(CatalogError, match=says):
        render_rules(rules, overrides=overrides)


def test_an_alert_occurs_once(rules: Path) -> None:
    (rules / "h.rules.yml").write_text("groups: [{name: h, rules: [{alert: Slow, expr: vector(1)}]}]")
    with pytest.raises(
        CatalogError, match=r"h.rules.yml: expected each alert once, found Slow also in g.rules"
    ):
        load(rules)


def test_a_directory_without_rules_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="found none"):
        load(tmp_path)


def test_configuration_overrides_are_a_mapping() -> None:
    with pytest.raises(CatalogError, match="expected alertmanager_overrides as a mapping"):
        render_alertmanager("route: {}", said={"alertmanager_overrides": [1]}, whole=False)


@pytest.mark.parametrize(
    ("name", "breach", "scale", "seconds"),
    [
        ("TooMany", 1.0, 1, (144, 159, 174)),  # 2m * 0.2 + 2m
        ("TooMany", 0.3, 1, (200, 215, 230)),  # 2m * 0.2 / 0.3 + 2m
        ("TooMany", 1.0, 15, (9.6, 10.6, 11.6)),
        ("Slow", 0.5, 1, (132, 147, 162)),  # 2m * 0.05 / 0.5 + 2m
        ("Silent", 1.0, 1, (900, 915, 930)),  # a whole window must be empty
        ("Gauge", 1.0, 1, (30, 45, 60)),  # `for` rounds up to an evaluation
    ],
)
def test_detection_follows_the_rule(
    rules: Path, name: str, breach: float, scale: float, seconds: tuple[float, ...]
) -> None:
    alert = next(alert for alert in load(rules) if alert.name == name)
    share = 1000 if name == "Gauge" else breach
    assert detection_bounds(alert, breach_share=share, time_scale=scale) == pytest.approx(seconds)


def test_a_breach_below_the_threshold_is_never_detected(rules: Path) -> None:
    with pytest.raises(
        CatalogError, match=r"TooMany: expected a breach above 0.2, found 0.1; that never fires"
    ):
        detection_bounds(load(rules)[0], breach_share=0.1)


def test_a_series_that_remembers_itself_is_looked_into_once(tmp_path: Path) -> None:
    (tmp_path / "usual.rules.yml").write_text(
        """\
groups:
  - name: g
    rules:
      - record: usual
        expr: last_over_time(usual[1h]) and on () ALERTS{alertname="Lost"} or quantile_over_time(0.5, now[2h])
      - alert: Lost
        expr: usual < 3
"""
    )
    [alert] = load(tmp_path)

    assert window(alert) == 2 * 3600 * 1000
