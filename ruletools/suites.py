"""The unit tests of the rules as data: native promtool files, one or more beside each rule file.

A test group is named after its alert; `Alert: what is special` where one alert needs several. Groups of
recorded series have a name that is no alert's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from monitoring.durations import parse_duration
from monitoring.yaml_text import read_yaml

SUFFIX = ".test.yml"


@dataclass(frozen=True)
class Group:
    """One test group: its series, and what is expected when."""

    suite: str
    interval_ms: int
    data: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.data["name"])

    @property
    def alert(self) -> str:
        """The alert it tests, or its whole name where it tests recorded series."""
        return self.name.split(":")[0]

    @property
    def checks(self) -> list[dict[str, Any]]:
        """What is expected of the alert, in the order of the file."""
        return list(self.data.get("alert_rule_test", []))

    @property
    def expressions(self) -> list[dict[str, Any]]:
        """What is expected of expressions."""
        return list(self.data.get("promql_expr_test", []))

    @property
    def questions(self) -> list[dict[str, Any]]:
        return [*self.checks, *self.expressions]

    @cached_property
    def cost(self) -> int:
        """How many samples are read until the last question, more or less: what the group costs to run."""
        last = max(parse_duration(each["eval_time"]) for each in self.questions)
        return (last // self.interval_ms + 1) * (10 + len(self.data["input_series"]))

    def narrowed(self, wanted: Callable[[Mapping[str, Any]], bool]) -> "Group":
        """The group with only those questions; its series stay."""
        return replace(
            self,
            data={
                **self.data,
                "alert_rule_test": [each for each in self.checks if wanted(each)],
                "promql_expr_test": [each for each in self.expressions if wanted(each)],
            },
        )


@dataclass(frozen=True)
class Suite:
    """One test file, the names of the rule files it loads, and in which order it evaluates their groups."""

    name: str
    path: Path
    rule_files: tuple[str, ...]
    interval_ms: int
    groups: tuple[Group, ...]
    order: tuple[str, ...] = ()


def read_suite(path: Path, text: str) -> Suite:
    """The test file of that path, out of a text that may be older than the file."""
    document = _document(text)
    name, interval = path.name.removesuffix(SUFFIX), parse_duration(document["evaluation_interval"])
    groups = tuple(Group(name, interval, data) for data in document["tests"])
    files = tuple(Path(file).name for file in document["rule_files"])
    return Suite(name, path, files, interval, groups, tuple(document.get("group_eval_order", ())))


@lru_cache(maxsize=100)
def _document(text: str) -> Any:
    """A file that is read again, as it was or as a copy, is parsed once; nobody changes what is in it."""
    return read_yaml(text)


def groups_of(alert: str, suites: tuple[Suite, ...]) -> list[Group]:
    """The test groups of one alert, in all files."""
    return [group for suite in suites for group in suite.groups if group.alert == alert]
