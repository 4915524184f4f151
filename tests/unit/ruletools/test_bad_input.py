"""What `ruletools` says of files that it cannot use: one sentence each, and the rest is judged."""

import os
from pathlib import Path

import pytest

from ruletools import cli

from .conftest import Run

RULES, TESTS = "rules/bad.yml", "tests/bad.yml"
TEST = "rule_files: [../rules/web.yaml]\ntests: "
ENDLESS = "\n".join(
    ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]" for n in range(1, 9)), "groups: *a8"]
)
"""A few lines that are 86 million words."""


def rule(text: str) -> str:
    return f"groups: [{{name: g, rules: [{text}]}}]"


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (RULES, "groups: [", "rules/bad.yml: expected YAML, found: while parsing"),
        (RULES, "groups: {a: b}", "rules/bad.yml: expected a list `groups`, found dict"),
        (RULES, "groups: [7]", "expected a group as a mapping with a list `rules`, found str '7'"),
        (
            RULES,
            f"groups: {'[' * 9000}{']' * 9000}",
            "expected a group as a mapping with a list `rules`, found list",
        ),
        (RULES, ENDLESS, "expected a group as a mapping with a list `rules`, found list"),
        (RULES, rule("7"), "group 'g', rule 1: expected a mapping with `alert` or `record`, found str '7'"),
        (RULES, rule("{expr: up}"), "expected either `alert` or `record`, found neither, but expr"),
        (RULES, rule("{alert: A, record: b, expr: up}"), "found alert and record; name the rule"),
        (RULES, rule("{alert: A B}"), "alert A B: expected an expression `expr`, found nothing; add it"),
        (RULES, rule("{alert: A, expr: up, for: 5x}"), "alert A: `for`: expected a duration such as 90s"),
        (RULES, rule("{alert: A, expr: up, labels: [x]}"), "expected `labels` as texts by name, found ['x']"),
        (
            RULES,
            "groups: []\n---\ngroups: []",
            "expected one YAML document, found more: Prometheus reads",
        ),
        (TESTS, f"{TEST}7", "tests/bad.yml: expected a list `tests`, found 7; mend it"),
        (TESTS, f"{TEST}[7]", "tests/bad.yml: test 1: expected a mapping, found 7; it is left out"),
        (TESTS, f"{TEST}[{{alert_rule_test: [{{eval_time: 1m}}]}}]", "expected `alertname` in each question"),
        (TESTS, f"{TEST}[{{alert_rule_test: [{{alertname: A, eval_time: 5}}]}}]", "duration such as 90s"),
        (TESTS, "rule_files: [no.yml]\ntests: []", "expected the rule file "),
        (TESTS, "evaluation_interval: soon\ntests: []", "tests/bad.yml: expected a duration such as 90s"),
    ],
)
def test_one_bad_file_or_rule_is_told_and_the_rest_is_judged(
    ruletools: Run, foreign: Path, file: str, text: str, said: str
) -> None:
    (foreign / file).write_text(text)

    answer = ruletools("coverage")

    assert said in answer.err
    assert "Traceback" not in answer.err
    assert "Too Many Errors  x" in answer.out
    assert answer.status == 2


def test_a_pipe_is_not_waited_for(ruletools: Run, foreign: Path) -> None:
    os.mkfifo(foreign / RULES)

    answer = ruletools("coverage")

    assert "rules/bad.yml: expected a file that can be read, found: it is no regular file" in answer.err
    assert answer.status == 2


def test_what_is_no_rule_file_is_passed_over_below_a_directory(ruletools: Run, foreign: Path) -> None:
    (foreign / "rules" / "values.yaml").write_text("replicas: 3\n")

    assert ruletools("lint").err == ""
    named = ruletools("lint", "--rules", "rules/values.yaml", "--rules", "rules")
    assert named.err == "ruletools: rules/values.yaml: expected rules below `groups`, found none\n"
    assert named.status == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ("--rules", "nowhere", "--tests", "tests"),
            "--rules: expected files with `groups:` of rules in",
        ),
        (
            ("--rules", "rules", "--tests", "empty"),
            "--tests: expected files with `tests:` of promtool in",
        ),
        (
            ("--rules", "empty", "--tests", "tests"),
            "expected files named *.yml, *.yaml, *.rules below it",
        ),
        (
            ("--cases", "fires,often"),
            "--cases: expected some of fires, silent, moment, resolves, missing",
        ),
        (("--exempt", "rules"), "expected a file that can be read, found rules"),
        (("--exempt", "list.yml"), "list.yml: expected a mapping, found list"),
        (("--exempt", "unknown.yml"), "expected exemptions of alerts that exist, found Gone"),
    ],
)
def test_nothing_to_judge_or_a_wrong_option_is_one_sentence(
    ruletools: Run, foreign: Path, options: tuple[str, ...], said: str
) -> None:
    (foreign / "empty").mkdir()
    (foreign / "list.yml").write_text("[a]")
    (foreign / "unknown.yml").write_text("Gone: {fires: it is gone}")

    answer = ruletools("coverage", *options)

    assert said in answer.err
    assert (answer.status, answer.out) == (2, "")


def test_an_unknown_name_is_answered_with_the_nearest(ruletools: Run) -> None:
    for command in ("show", "mutate"):
        answer = ruletools(command, "TooManyErrors")
        assert "did you mean Too Many Errors" in answer.err
        assert answer.status == 2


def test_a_test_that_fails_anyway_is_told_and_notices_nothing(ruletools: Run, foreign: Path) -> None:
    tests = foreign / "tests" / "web.yml"
    tests.write_text(tests.read_text().replace("job: a, team: web", "job: b"))

    answer = ruletools("mutate", "Too Many Errors")

    assert "tests/web.yml: test 1 (asked about Too Many Errors) fails with the rules as" in answer.out
    assert "0 killed" in answer.out
    assert answer.status == 1


def test_an_expression_that_the_parser_does_not_know_is_a_text(ruletools: Run, foreign: Path) -> None:
    (foreign / RULES).write_text(rule("{alert: New, expr: 'newest(up[5m]) > 2', for: 1m}"))

    answer = ruletools("mutate", "New")

    assert "note: New: its expression is no PromQL, or newer than the parser here" in answer.err
    assert "survived: New: for becomes 2m" in answer.out


def test_without_promtool_only_what_needs_it_fails(ruletools: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("PROMTOOL")

    assert ruletools("coverage").status == 1
    answer = ruletools("lint")
    assert "expected the program promtool, found none on PATH; install it" in answer.err
    assert answer.status == 2
    named = ruletools("lint", "--promtool", "x")
    assert "--promtool: expected a program that can be run, found 'x'" in named.err


def test_a_report_that_cannot_be_written_is_told_before_the_run(ruletools: Run) -> None:
    answer = ruletools("mutate", "--junit", "/proc/nowhere/junit.xml")

    assert "--junit: expected a file that can be written" in answer.err
    assert (answer.status, answer.out) == (2, "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_told(ruletools: Run, foreign: Path) -> None:
    (foreign / RULES).write_text(rule("{alert: A, expr: up}"))
    (foreign / RULES).chmod(0)

    assert "expected a file that can be read, found: Permission denied" in ruletools("lint").err


def test_usage_is_an_error_of_its_own() -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["coverage"])
