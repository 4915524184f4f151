"""The unit tests with promtool 3, whose ranges are open on the left: a window no longer holds both its ends.

A boundary may therefore move by one evaluation, and an alert may begin or end one evaluation earlier or later
than the tests say for promtool 2. More is a finding. What is compared is whether an alert fires: texts and
recorded values state numbers, and a window with one sample less gives others.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from monitoring.durations import format_duration, parse_duration
from monitoring.yaml_text import read_yaml
from ruletools.house.files import RULES
from ruletools.programs import promtool_tests
from ruletools.suites import Suite

PROGRAM = "promtool-3"
SHIFTS = (0, -1, 1)
LONGEST_S = 600
_FAILED = re.compile(r'expr: "((?:[^"\\]|\\.)*)", time: (\w+)')

Question = tuple[str, str, int]


@dataclass(frozen=True)
class Compared:
    """How many questions were asked, how many were met one evaluation away, and which were not met."""

    asked: int
    moved: int
    differing: tuple[Question, ...]


def compare(suites: Sequence[Suite]) -> Compared:
    """Every suite's alerts as promtool 3 has them."""
    asked, moved = 0, 0
    differing: list[Question] = []
    for suite in suites:
        questions = {
            (group.name, expr, at): count
            for group in suite.groups
            for expr, at, count in _firing(group.checks)
        }
        asked += len(questions)
        left = set(questions)
        for shift in SHIFTS:
            if left:
                met = left - _unmet(
                    suite, {each: questions[each] for each in left}, shift * suite.interval_ms
                )
                moved += len(met) if shift else 0
                left -= met
        differing += sorted(left)
    return Compared(asked, moved, tuple(differing))


def _firing(checks: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int, int]]:
    """(expression, time, how many) of each question about an alert."""
    for check in checks:
        series = f'ALERTS{{alertname="{check["alertname"]}",alertstate="firing"}}'
        yield f"count({series}) or vector(0)", parse_duration(check["eval_time"]), len(check["exp_alerts"])


def _unmet(suite: Suite, questions: Mapping[Question, int], shift: int) -> set[Question]:
    """The questions whose answer is another at their time moved by that much."""
    document = read_yaml(suite.path.read_text(encoding="utf-8"))
    tests = []
    for group in suite.groups:
        mine = [(each, count) for each, count in questions.items() if each[0] == group.name]
        if mine:
            asked = [
                {
                    "expr": expr,
                    "eval_time": format_duration(max(0, at + shift)),
                    "exp_samples": [{"labels": "{}", "value": count}],
                }
                for (_, expr, at), count in mine
            ]
            tests.append({**group.data, "alert_rule_test": [], "promql_expr_test": asked})
    rules = [str(RULES / name) for name in suite.rule_files]
    unmet: set[Question] = set()
    for test in tests:
        said = _run({**document, "rule_files": rules, "tests": [test]})
        wrong = {(expr.replace('\\"', '"'), parse_duration(at)) for expr, at in _FAILED.findall(said)}
        unmet |= {
            each
            for each in questions
            if each[0] == test["name"] and (each[1], max(0, each[2] + shift)) in wrong
        }
    return unmet


def _run(document: Mapping[str, Any]) -> str:
    with tempfile.TemporaryDirectory(prefix="newer-") as directory:
        path = Path(directory) / "newer.test.yml"
        path.write_text(yaml.safe_dump(dict(document), sort_keys=False), encoding="utf-8")
        return promtool_tests([path], timeout_s=LONGEST_S, program=PROGRAM).stdout


def as_text(found: Compared) -> str:
    """For a person: the verdict, then each alert that differs by more than one evaluation."""
    alike = found.asked - found.moved - len(found.differing)
    lines = [
        f"{found.asked} questions whether an alert fires: promtool 3 answers {alike} alike, {found.moved} "
        f"one evaluation earlier or later, {len(found.differing)} otherwise"
    ]
    lines += [f"  {group}: {expr} at {format_duration(at)}" for group, expr, at in found.differing]
    return "\n".join(lines)
