"""Dividing time changes durations only, keeps a scrape possible, and changes nothing at factor 1."""

import pytest

from monitoring.catalog import render_alertmanager, render_prometheus
from monitoring.errors import CatalogError
from monitoring.timescale import scale_expression, scale_rule_file
from monitoring.yaml_text import read_yaml


@pytest.mark.parametrize(
    ("production", "scaled"),
    [
        ("rate(a[5m]) > 0.2", "rate(a[20s]) > 0.2"),
        ("a < 0.3 * (a offset 1h)", "a < 0.3 * (a offset 4m)"),
        ("a offset -1m", "a offset -4s"),
        ("rate(a[10s])", "rate(a[667ms])"),
        ("max_over_time(a[15m:1m])", "max_over_time(a[1m:4s])"),
        ("predict_linear(a[6h], 86400) < 0", "predict_linear(a[24m], 5760) < 0"),
        ("time() - started > 600", "time() - started > 40"),
        ("time() - started > 600 and busy == 1", "time() - started > 40 and busy == 1"),
        ("time() - started > 2 * 300", "time() - started > (2 * 300) / 15"),
        (
            "max by (a) (pg_stat_activity_max_tx_duration) > 300",
            "max by (a) (pg_stat_activity_max_tx_duration) > 20",
        ),
        (
            "max by (a) (pg_replication_lag_seconds or pg_replication_lag) > 30",
            "max by (a) (pg_replication_lag_seconds or pg_replication_lag) > 2",
        ),
        ("hour() >= 6 < 20", "floor(vector(time()) % 5760 / 240) >= 6 < 20"),
        ("hour(a) > 6", "hour(a) > 6"),
        ("increase(a[5m]) >= bool 20", "increase(a[20s]) >= bool 20"),
        ("expiry - time() < 21 * 86400", "expiry - time() < 21 * 86400"),
        ("probe_duration_seconds > 2", "probe_duration_seconds > 2"),
    ],
)
def test_it_divides_durations_and_ages_only(production: str, scaled: str) -> None:
    assert scale_expression(production, 15) == scaled


@pytest.mark.parametrize(
    ("production", "scaled"),
    [
        ("increase(a[5m]) > 30", "increase(a[20s]) > 2"),
        ("sum(increase(a[5m]) >= 0) > 40", "sum(increase(a[20s]) >= 0) > 2.667"),
        ("increase(a[5m]) > 5", "increase(a[20s]) > 1"),
        ("increase(a[5m]) > 0", "increase(a[20s]) > 0"),
        ("changes(a[15m]) > 30 unless b", "changes(a[1m]) > 2 unless b"),
        ("record > 30", "record > 2"),
        ("resets(a[5m]) > 30", "resets(a[20s]) > 30"),
        ("rate(a[5m]) > 30", "rate(a[20s]) > 30"),
        ("increase(a[5m]) / increase(b[5m]) > 30", "increase(a[20s]) / increase(b[20s]) > 30"),
        ("rate(a[5m]) > 1 and increase(a[5m]) > 30", "rate(a[20s]) > 1 and increase(a[20s]) > 30"),
    ],
)
def test_a_count_that_an_alert_is_compared_with_keeps_its_pace(production: str, scaled: str) -> None:
    record = {"record": "record", "expr": "changes(a[15m]) - b or changes(a[15m])"}
    said = {"description": "{{ $threshold := 30.0 }}", "verify": "x <= bool 30"}
    rules = [record, {"alert": "A", "expr": production, "annotations": said}]

    [group] = scale_rule_file({"groups": [{"name": "g", "rules": rules}]}, 15)["groups"]

    assert group["rules"][1]["expr"] == scaled
    if scaled.startswith("record"):
        assert group["rules"][1]["annotations"] == {
            "description": "{{ $threshold := 2.0 }}",
            "verify": "x <= bool 2",
        }


def test_a_recording_keeps_its_floor() -> None:
    rule = {"record": "r", "expr": "increase(a[5m]) > 30"}
    [group] = scale_rule_file({"groups": [{"name": "g", "rules": [rule]}]}, 15)["groups"]
    assert group["rules"][0]["expr"] == "increase(a[20s]) > 30"


def test_a_rule_file_is_scaled_in_every_place() -> None:
    rule = {"alert": "A", "expr": "rate(a[2m]) > 1", "for": "2m", "keep_firing_for": "30s"}
    document = {"groups": [{"name": "g", "interval": "1m", "rules": [rule]}]}
    scaled = {"alert": "A", "expr": "rate(a[8s]) > 1", "for": "8s", "keep_firing_for": "2s"}
    assert scale_rule_file(document, 15) == {"groups": [{"name": "g", "interval": "4s", "rules": [scaled]}]}
    assert rule["for"] == "2m"


def test_a_scrape_keeps_a_second_where_its_interval_allows() -> None:
    text = "global: {scrape_interval: 15s, scrape_timeout: 10s, evaluation_interval: 15s}\n"
    scaled = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    assert read_yaml(render_prometheus(text, time_scale=15)) == {"global": scaled}
    tighter = read_yaml(render_prometheus(text, time_scale=30))["global"]
    assert tighter == {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}


def test_routes_are_scaled_at_every_depth_and_no_wait_stays_no_wait() -> None:
    text = "route: {group_wait: 30s, routes: [{group_wait: 0s, group_interval: 15s, repeat_interval: 4m}]}\n"
    child = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "16s"}
    assert read_yaml(render_alertmanager(text, time_scale=15)) == {
        "route": {"group_wait": "2s", "routes": [child]}
    }


@pytest.mark.parametrize("factor", [0, 0.5, -1, "15", True, None, float("nan")])
def test_it_refuses_a_factor_that_does_not_divide(factor: float) -> None:
    with pytest.raises(CatalogError, match="expected a time scale of 1"):
        render_prometheus("global: {}", time_scale=factor)
