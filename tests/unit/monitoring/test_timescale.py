"""Dividing time changes durations only, keeps a scrape possible, and changes nothing at factor 1."""

import pytest
import yaml

from monitoring.catalog import render_alertmanager, render_prometheus
from monitoring.errors import CatalogError
from monitoring.timescale import scale_expression, scale_rule_file


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
        ("expiry - time() < 21 * 86400", "expiry - time() < 21 * 86400"),
        ("probe_duration_seconds > 2", "probe_duration_seconds > 2"),
    ],
)
def test_it_divides_durations_and_ages_only(production: str, scaled: str) -> None:
    assert scale_expression(production, 15) == scaled


def test_a_rule_file_is_scaled_in_every_place() -> None:
    rule = {"alert": "A", "expr": "rate(a[2m]) > 1", "for": "2m", "keep_firing_for": "30s"}
    document = {"groups": [{"name": "g", "interval": "1m", "rules": [rule]}]}
    scaled = {"alert": "A", "expr": "rate(a[8s]) > 1", "for": "8s", "keep_firing_for": "2s"}
    assert scale_rule_file(document, 15) == {"groups": [{"name": "g", "interval": "4s", "rules": [scaled]}]}
    assert rule["for"] == "2m"


def test_a_scrape_keeps_a_second_where_its_interval_allows() -> None:
    text = "global: {scrape_interval: 15s, scrape_timeout: 10s, evaluation_interval: 15s}\n"
    scaled = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    assert yaml.safe_load(render_prometheus(text, time_scale=15)) == {"global": scaled}
    tighter = yaml.safe_load(render_prometheus(text, time_scale=30))["global"]
    assert tighter == {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}


def test_routes_are_scaled_at_every_depth_and_no_wait_stays_no_wait() -> None:
    text = "route: {group_wait: 30s, routes: [{group_wait: 0s, group_interval: 15s, repeat_interval: 4m}]}\n"
    child = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "16s"}
    assert yaml.safe_load(render_alertmanager(text, time_scale=15)) == {
        "route": {"group_wait": "2s", "routes": [child]}
    }


@pytest.mark.parametrize("factor", [0, 0.5, -1, "15", True, None, float("nan")])
def test_it_refuses_a_factor_that_does_not_divide(factor: float) -> None:
    with pytest.raises(CatalogError, match="expected a time scale of 1"):
        render_prometheus("global: {}", time_scale=factor)
