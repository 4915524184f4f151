"""The annotation `query`: written into rule files, and kept true by overrides and the time scale."""

from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO
from monitoring.catalog import render_rules
from monitoring.promql_parse import parse
from monitoring.queries import query_of, with_queries
from monitoring.rule_files import rule_files
from monitoring.yaml_text import read_yaml

RULES = """\
groups:
  - name: g
    rules:
      # A comment that stays.
      - alert: Ratio
        expr: |
          ratio{path!~"/a|it's"}
            > 0.2
        for: 2m
        annotations:
          summary: s
          dashboard_url: https://example.org/d/x
          verify: ratio <= bool 0.2

      - record: a
        expr: b
"""


def rule(text: str) -> dict[str, Any]:
    found: dict[str, Any] = read_yaml(text)["groups"][0]["rules"][0]
    return found


def test_it_is_the_expression_on_one_line_and_the_rest_stays() -> None:
    written = with_queries(RULES)

    assert rule(written)["annotations"]["query"] == """ratio{path!~"/a|it's"} > 0.2"""
    assert [line for line in written.splitlines() if "query:" not in line] == RULES.splitlines()


@pytest.mark.parametrize("more", ["", " or " + " or ".join(f"metric_number_{n}" for n in range(20))])
def test_writing_again_changes_nothing_and_an_old_one_goes(more: str) -> None:
    text = RULES.replace("> 0.2\n", f"> 0.2{more}\n")
    written = with_queries(text)

    assert with_queries(written) == written
    assert with_queries(written.replace("> 0.2", "> 0.4")).count("query:") == 1
    assert rule(written)["annotations"]["query"] == query_of(rule(text)["expr"])


def test_braces_of_templates_are_escaped() -> None:
    assert query_of('a{b="{{"}') == 'a{b="{{ "{{" }}"}'


def test_overrides_and_the_time_scale_change_it_too(tmp_path: Path) -> None:
    (tmp_path / "x.rules.yml").write_text(
        with_queries(RULES.replace("ratio{", "rate(ratio{").replace('"}', '"}[2m])'))
    )

    [text] = render_rules(tmp_path, overrides={"Ratio": {"threshold": 0.3}}, time_scale=2).values()

    assert rule(text)["annotations"]["query"] == """rate(ratio{path!~"/a|it's"}[1m]) > 0.3"""


def test_every_expression_means_the_same_on_one_line() -> None:
    for path in rule_files(REPO / "monitoring" / "rules"):
        for group in read_yaml(path.read_text("utf-8"))["groups"]:
            for each in group["rules"]:
                assert parse(query_of(each["expr"])) == parse(each["expr"])
