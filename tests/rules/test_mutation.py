"""Mutation testing counts as killed only what a unit test noticed, and says what it could not decide."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ruletools.errors import RulesError
from ruletools.house.loading import load_files, load_suites
from ruletools.mutation import report as mutation_report
from ruletools.mutation.mutants import Mutant
from ruletools.mutation.run import Equivalent, Result, mutate
from ruletools.suites import Group
from ruletools.trials import Trial, Verdict, judge, read_verdict

FILES, SUITES = load_files(), load_suites()
GROUP = Group(
    "made-up",
    60_000,
    {
        "name": "sum",
        "interval": "1m",
        "input_series": [{"series": 'x{a="1"}', "values": "1x5"}, {"series": 'x{a="2"}', "values": "1x5"}],
        "promql_expr_test": [{"expr": "s", "eval_time": "2m", "exp_samples": [{"labels": "s", "value": 2}]}],
    },
)
MUTANT = Mutant("QueueDepthHigh", "> becomes >=", {"alert": "QueueDepthHigh", "expr": "x"})


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        ("sum(x)", Verdict.PASSED),
        ("max(x)", Verdict.FAILED),
        ("sum(x * on (b) x)", Verdict.FAILED),  # not an answer, and a test says so
        ("sum(x[5m])", Verdict.INVALID),  # no Prometheus would load it
    ],
)
def test_only_a_unit_test_kills(expression: str, verdict: Verdict) -> None:
    rules: list[dict[str, Any]] = [{"record": "s", "expr": each} for each in (expression, "sum(x)")]

    assert judge([Trial(0, rules[:1], GROUP), Trial(1, rules[1:], GROUP)]) == [verdict, Verdict.PASSED]


@pytest.mark.parametrize(
    ("words", "died", "verdict"),
    [
        ("  SUCCESS\n\n", False, Verdict.PASSED),
        ("\n\n  FAILED:\n    expr: s, time: 2m, \n", False, Verdict.FAILED),
        ("\n\n  FAILED:\n    expr: s, ti", True, Verdict.UNREACHED),
        ("\n\n  FAILED:\n/tmp/x/1.rules.yml: 1:5: group a: could not parse\n", False, Verdict.INVALID),
        ("panic: runtime error", True, Verdict.UNREACHED),
        ("", False, Verdict.UNREACHED),
    ],
)
def test_what_promtool_did_not_come_to_is_no_verdict(words: str, died: bool, verdict: Verdict) -> None:
    assert read_verdict(words, died=died) is verdict


def test_a_group_that_fails_anyway_kills_nothing() -> None:
    queue = next(suite for suite in SUITES if suite.name == "queue")
    broken = [replace(group, data={**group.data, "input_series": []}) for group in queue.groups]

    with pytest.raises(RulesError, match=r"unit tests of the rule as it is to pass, queue: QueueDepth"):
        mutate(FILES, (replace(queue, groups=tuple(broken)),), only={"QueueDepthHigh"}, equivalents=())


def test_an_entry_that_excuses_too_much_or_nothing_is_an_error() -> None:
    wide, idle = Equivalent("Queue.*", ".*", "because"), Equivalent("Nothing", ".*", "because")
    alive = replace(MUTANT, fault="no difference")

    some = Result(killed=(MUTANT,), alive=(alive,), equivalents=(wide, idle))
    everything = replace(some, of_everything=True)

    assert (some.survived, some.score, some.ok) == ((), 100.0, False)
    assert ["also covers a mutant that was killed" in each for each in some.complaints] == [True]
    assert ["covers no mutant that lives" in each for each in everything.complaints] == [False, True]


def test_invalid_mutants_are_shown_and_not_counted() -> None:
    result = Result(killed=(MUTANT,), invalid=(replace(MUTANT, fault="nonsense"),))

    assert (result.score, result.ok) == (100.0, True)
    assert "invalid: QueueDepthHigh: nonsense" in mutation_report.as_text(result, FILES)


def test_a_score_under_the_target_says_what_to_do_in_every_format() -> None:
    [queue] = [file for file in FILES if file.name == "queue.rules.yml"]
    rule = next(each for each in queue.rules if each.get("alert") == "QueueDepthHigh")
    mutant = replace(MUTANT, mutated=dict(rule) | {"for": "1s"})
    result = Result(killed=(MUTANT,), alive=(mutant,))

    text = mutation_report.as_text(result, FILES)

    assert text.startswith("monitoring/rules/queue.rules.yml:")
    assert "+for: 1s" in text
    assert "1 killed, 1 survived, 0 equivalent: 50.0 %" in text
    assert "48.0 points under the target of 98 %: 1 more have to be noticed." in text
    assert json.loads(mutation_report.as_json(result, FILES))["survived"][0]["fault"] == "> becomes >="
    assert mutation_report.as_junit(result, FILES).count("<failure") == 1


def test_an_interrupted_run_keeps_what_it_knows() -> None:
    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    result = mutate(FILES, SUITES, only={"HostHighCpu", "HostDown"}, equivalents=(), progress=stop)

    assert result.killed
    assert result.pending
    assert not result.ok
    assert f"interrupted: {result.pending} mutants" in mutation_report.as_text(result, FILES)
