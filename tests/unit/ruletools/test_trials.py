"""Verdicts are the same with promtool 2, which names each file, and with promtool 3, which does not."""

from pathlib import Path

import pytest

from devtools.tools import tool
from ruletools import programs
from ruletools.suites import Group
from ruletools.trials import Trial, Verdict, judge, words_on

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
FILES = [Path("a"), Path("b"), Path("c")]


@pytest.mark.parametrize("program", ["promtool", pytest.param("promtool-3", marks=pytest.mark.long)])
def test_each_trial_has_its_own_verdict(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = tool(program)
    monkeypatch.setattr(programs, "_finders", [lambda _: found])
    rules = [{"record": "s", "expr": each} for each in ("max(x)", "sum(x)", "sum(", "sum(x)")]

    verdicts = judge([Trial(index, [rule], GROUP) for index, rule in enumerate(rules)])

    assert verdicts == [Verdict.FAILED, Verdict.PASSED, Verdict.INVALID, Verdict.PASSED]


def test_words_without_names_are_told_apart_by_their_order() -> None:
    said = "  SUCCESS\n\n  FAILED:\n    name: x\n"

    assert words_on(FILES, said) == ["  SUCCESS\n\n", "  FAILED:\n    name: x\n", ""]


def test_words_with_names_are_those_of_their_file() -> None:
    said = "Unit Testing:  b\n  SUCCESS\n\nUnit Testing:  a\n  FAILED:\n"

    assert words_on(FILES, said) == ["  FAILED:\n", "  SUCCESS\n\n", ""]
