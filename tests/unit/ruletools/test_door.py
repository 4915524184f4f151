"""`ruletools` over files of somebody else: each command, its formats and its exit status."""

import json
from pathlib import Path

import pytest

from .conftest import Run

ROUTES = """\
route:
  receiver: nobody
  routes: [{match: {severity: page}, receiver: pager, group_by: [job]}]
receivers: [{name: nobody}, {name: pager}]
inhibit_rules:
  - {source_match: {alertname: Burn}, target_match: {severity: page}, equal: [host]}
"""


def test_coverage_tells_which_cases_the_tests_show(ruletools: Run) -> None:
    said = ruletools("coverage", "--format", "json")

    rows = {row["alert"]: row for row in json.loads(said.out)}
    assert rows["Too Many Errors"]["shown"] == ["fires", "silent"]
    assert rows["Too Many Errors"]["missing"] == ["moment", "resolves", "missing"]
    assert rows["Burn"]["shown"] == ["silent"], "what it reads is recorded from a series of the test"
    assert said.status == 1


def test_coverage_asks_for_the_wanted_cases_and_takes_excuses(ruletools: Run, foreign: Path) -> None:
    (foreign / "exempt.yml").write_text("Burn: {fires: budgets are burnt elsewhere}\n")

    said = ruletools("coverage", "--cases", "fires", "--exempt", "exempt.yml")

    assert said.status == 0
    assert "1 of 2 alerts are expected to fire by a test (50 %); 1 of 1 cases are shown" in said.out


def test_mutants_of_rules_of_one_name_are_told_apart(ruletools: Run) -> None:
    said = ruletools("mutate", "Burn", "--format", "json")

    survived = {(each["rule"], each["at"]) for each in json.loads(said.out)["survived"]}
    assert survived == {("Burn", "rules/web.yaml:12"), ("Burn #2", "rules/web.yaml:15")}
    assert said.status == 1


def test_mutants_that_a_test_notices_are_killed(ruletools: Run, foreign: Path) -> None:
    said = ruletools("mutate", "Too Many Errors", "--target", "10", "--junit", "deep/junit.xml")

    assert "survived: Too Many Errors: for becomes 4m" in said.out
    assert "survived: Too Many Errors: > becomes <" not in said.out
    assert (foreign / "deep" / "junit.xml").read_text().startswith('<testsuite name="mutants" tests=')
    assert said.status == 0


def test_a_rule_that_no_test_asks_about_is_one_line(ruletools: Run, foreign: Path) -> None:
    tests = foreign / "tests" / "web.yml"
    tests.write_text(tests.read_text().replace("      - {alertname: Burn, eval_time: 10m}\n", ""))

    said = ruletools("mutate")

    assert "rules/web.yaml:12: no unit test asks about Burn\n" in said.out
    assert "survived: Burn" not in said.out
    assert "no unit test asks about 2 of the rules: without their" in said.out


def test_a_listed_equivalent_is_excused_and_checked(ruletools: Run, foreign: Path) -> None:
    (foreign / "same.yml").write_text("- {rule: Burn.*, fault: '[^<]*', reason: nobody tests it}\n")

    said = ruletools("mutate", "Burn", "--equivalents", "same.yml")

    assert "2 killed, 0 survived, 12 equivalent: 100.0 %" in said.out
    assert said.status == 0


def test_lint_takes_what_thanos_knows_and_names_what_promtool_refuses(ruletools: Run, foreign: Path) -> None:
    assert ruletools("lint").out == "nothing found\n"
    rules = foreign / "rules" / "web.yaml"
    rules.write_text(rules.read_text().replace("sum by (job) (", "sum by (job) (("))

    said = ruletools("lint")

    assert said.out.startswith("rules/web.yaml:6: error: ")
    assert "could not parse expression" in said.out
    assert said.status == 1


def test_lint_of_opinions_is_a_warning_and_passes(ruletools: Run, foreign: Path) -> None:
    rules = foreign / "rules" / "web.yaml"
    rules.write_text(
        rules.read_text().replace("expr: job:errors:rate5m > 50", "expr: job:errors:rate9m > 50")
    )

    said = ruletools("lint", "--format", "json")

    [finding] = json.loads(said.out)
    assert (finding["line"], finding["level"]) == (16, "warning")
    assert finding["what"] == "Burn: reads job:errors:rate9m, which no rule here records"
    assert said.status == 0


def test_lint_reads_inhibitions_of_the_old_form(ruletools: Run, foreign: Path) -> None:
    (foreign / "alertmanager.yml").write_text(ROUTES)

    said = ruletools("lint", "--alertmanager", "alertmanager.yml")

    assert "Too Many Errors: fires without host, which an inhibition compares" in said.out


def test_show_says_what_a_rule_reads_who_tests_it_and_where_it_goes(ruletools: Run, foreign: Path) -> None:
    (foreign / "alertmanager.yml").write_text(ROUTES)

    said = ruletools("show", "Too Many Errors", "--alertmanager", "alertmanager.yml")

    assert said.out.startswith("Too Many Errors in rules/web.yaml:8\n")
    assert "  job:errors:rate5m, recorded at rules/web.yaml:6\n" in said.out
    assert "  tests/web.yml: test 1: 1 fire at 10m, silent at 0m\n" in said.out
    assert "  pager, grouped by job\n" in said.out
    assert "  Burn (same host)\n" in said.out


@pytest.mark.parametrize("command", ["coverage", "lint", "mutate"])
def test_rules_of_kubernetes_are_read(ruletools: Run, foreign: Path, command: str) -> None:
    rules = foreign / "rules" / "web.yaml"
    lines = [line for line in rules.read_text().splitlines() if "partial_response" not in line]
    inner = "".join(f"  {line}\n" for line in lines)
    rules.write_text(f"kind: ConfigMap\n---\nkind: PrometheusRule\nspec:\n{inner}")

    said = ruletools(command, *(("--target", "1") if command == "mutate" else ()))

    assert said.status == (1 if command == "coverage" else 0), said.out + said.err


def test_rules_that_only_a_test_loads_are_not_judged(ruletools: Run, foreign: Path) -> None:
    (foreign / "rules" / "more.yaml").write_text("groups: [{name: m, rules: [{alert: More, expr: up == 0}]}]")
    tests = foreign / "tests" / "web.yml"
    tests.write_text(tests.read_text().replace("we*", "*"))

    said = ruletools("coverage", "--rules", "rules/web.yaml", "--tests", "tests", "--format", "json")

    assert {row["alert"] for row in json.loads(said.out)} == {"Too Many Errors", "Burn"}
