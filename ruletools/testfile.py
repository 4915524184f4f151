"""One file of promtool's unit tests, read with its faults and with what promtool takes for granted."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from monitoring.durations import format_duration, parse_duration
from monitoring.errors import CatalogError
from ruletools.documents import Document
from ruletools.errors import RulesError
from ruletools.places import shown
from ruletools.suites import Group, Suite
from ruletools.unreadable import Problem

DEFAULT_INTERVAL = "1m"
QUESTIONS = {"alert_rule_test": ("alertname", "exp_alerts"), "promql_expr_test": ("expr", "exp_samples")}
Resolve = Callable[[Document, str], str | None]


def read_test_file(document: Document, resolve: Resolve, problems: list[Problem]) -> Suite | None:
    """The unit tests of a file; *resolve* gives the name of the rule file behind a path, None without one."""
    part = next(each for each in document.parts if isinstance(each, dict) and "tests" in each)
    name = shown(document.path.absolute(), Path.cwd())
    try:
        interval = parse_duration(part.get("evaluation_interval") or DEFAULT_INTERVAL)
        files, order = part.get("rule_files") or [], part.get("group_eval_order") or []
        for field, value in (
            ("tests", part["tests"] or []),
            ("rule_files", files),
            ("group_eval_order", order),
        ):
            if not isinstance(value, list):
                raise RulesError(f"expected a list `{field}`, found {value!r}; mend it")
    except CatalogError as error:
        problems.append(Problem(document.path, str(error)))
        return None
    resolved = [resolve(document, str(path)) for pattern in files for path in _expand(document, str(pattern))]
    groups = tuple(_readable(document, name, interval, part["tests"] or [], problems))
    named = tuple(dict.fromkeys(each for each in resolved if each is not None))
    return Suite(name, document.path, named, interval, groups, tuple(map(str, order)))


def _expand(document: Document, pattern: str) -> list[str]:
    """The paths that a pattern means, from the directory of the test; itself where it means none."""
    base = Path(document.path.parent / pattern)
    found = Path(base.anchor or ".").glob(str(base.relative_to(base.anchor)))
    return sorted(map(str, found)) or [str(base)]


def _readable(
    document: Document, name: str, interval: int, tests: list[Any], problems: list[Problem]
) -> Iterator[Group]:
    for number, test in enumerate(tests, 1):
        try:
            yield Group(name, interval, _test(test, number, interval))
        except CatalogError as error:
            problems.append(Problem(document.path, f"test {number}: {error}; it is left out"))


def _test(test: Any, number: int, interval: int) -> dict[str, Any]:
    """One test with its defaults written out."""
    if not isinstance(test, dict):
        raise RulesError(f"expected a mapping, found {test!r}")
    known = {**test, "name": str(test.get("name") or f"test {number}")}
    known["interval"] = test.get("interval") or format_duration(interval)
    parse_duration(known["interval"])
    series = known["input_series"] = test.get("input_series") or []
    if not isinstance(series, list) or not all(
        isinstance(each, dict) and "series" in each for each in series
    ):
        raise RulesError("expected a list `input_series` of series and values")
    for kind, (subject, expected) in QUESTIONS.items():
        questions = test.get(kind) or []
        if not isinstance(questions, list):
            raise RulesError(f"expected a list `{kind}`, found {questions!r}")
        known[kind] = [_question(each, subject, expected) for each in questions]
    return known


def _question(given: Any, subject: str, expected: str) -> dict[str, Any]:
    if not isinstance(given, dict) or not given.get(subject):
        raise RulesError(f"expected `{subject}` in each question, found {given!r}")
    answers = given.get(expected) or []
    if not isinstance(answers, list) or not all(isinstance(each, dict | None) for each in answers):
        raise RulesError(f"expected a list `{expected}` of mappings, found {answers!r}")
    at = given.get("eval_time", 0)
    parse_duration(at)
    if subject == "alertname":
        answers = [_alert(each or {}) for each in answers]
    return {**given, "eval_time": at, subject: str(given[subject]), expected: answers}


def _alert(given: dict[str, Any]) -> dict[str, Any]:
    fields = ("exp_labels", "exp_annotations")
    return {**given, **{field: given.get(field) or {} for field in fields}}
