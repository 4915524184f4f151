"""What holds for every override and every time scale, tried with many."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devtools.paths import REPO
from monitoring.catalog import load, render_rules
from monitoring.durations import parse_duration
from monitoring.promql import Selector, Subquery, walk
from monitoring.promql_parse import parse
from monitoring.thresholds import has_limit
from monitoring.timescale import scale_rule_file
from monitoring.yaml_text import read_yaml
from ruletools.programs import promtool

pytestmark = pytest.mark.slow

RULES = REPO / "monitoring" / "rules"
ALERTS = load(RULES)
NUMBERED = [alert.name for alert in ALERTS if has_limit(alert.tree)]

durations = st.integers(min_value=1, max_value=10_000).map(lambda seconds: f"{seconds}s")
scales = st.floats(min_value=1, max_value=1000)
numbers = st.floats(min_value=-(10**6), max_value=10**6).map(lambda value: round(value, 4))
changes = st.fixed_dictionaries(
    {},
    optional={
        "threshold": numbers,
        "for": durations,
        "keep_firing_for": durations,
        "severity": st.sampled_from(["critical", "error", "warning"]),
        "labels": st.dictionaries(st.sampled_from(["team", "tier"]), st.text(max_size=5), max_size=2),
        "enabled": st.booleans(),
    },
)
overrides = st.dictionaries(st.sampled_from(NUMBERED), changes, max_size=4)


def rules(files: dict[str, str]) -> list[dict[str, Any]]:
    return [rule for text in files.values() for group in read_yaml(text)["groups"] for rule in group["rules"]]


def test_no_change_gives_the_files_byte_for_byte() -> None:
    assert render_rules(RULES, overrides={}, time_scale=1) == {
        path.name: path.read_text() for path in RULES.glob("*.rules.yml")
    }


@settings(max_examples=10, deadline=None)
@given(overrides, scales)
def test_scaling_after_overriding_is_scaling_what_was_overridden(
    change: dict[str, Any], scale: float
) -> None:
    at_once = rules(render_rules(RULES, overrides=change, time_scale=scale))
    documents = [read_yaml(text) for text in render_rules(RULES, overrides=change).values()]
    one_by_one = [scale_rule_file(document, scale) for document in documents] if scale != 1 else documents
    assert at_once == [
        rule for document in one_by_one for group in document["groups"] for rule in group["rules"]
    ]


@settings(max_examples=10, deadline=None)
@given(overrides, scales)
def test_no_duration_becomes_zero(change: dict[str, Any], scale: float) -> None:
    for rule in rules(render_rules(RULES, overrides=change, time_scale=scale)):
        windows = [n.range for n in walk(parse(rule["expr"])) if isinstance(n, Selector | Subquery)]
        assert all(window is None or window > 0 for window in windows)
        assert "for" not in rule or parse_duration(rule["for"]) > 0


@settings(max_examples=3, deadline=None)
@given(change=overrides, scale=scales)
def test_promtool_accepts_every_result(tmp_path_factory: Any, change: dict[str, Any], scale: float) -> None:
    place: Path = tmp_path_factory.mktemp("rules")
    for name, text in render_rules(RULES, overrides=change, time_scale=scale).items():
        (place / name).write_text(text)
    answer = promtool("check", "rules", *sorted(place.iterdir()))
    assert answer.returncode == 0, answer.stdout + answer.stderr
