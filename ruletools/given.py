"""The rule files and unit tests that somebody gave, wherever they lie, read together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ruletools.documents import Document, documents
from ruletools.errors import RulesError
from ruletools.expressions import tree_of
from ruletools.rulefile import read_rule_file
from ruletools.ruleset import RuleFile, located
from ruletools.suites import Suite
from ruletools.testfile import read_test_file
from ruletools.unreadable import Problem


@dataclass(frozen=True)
class Given:
    """What could be read, and what is wrong with the rest."""

    files: tuple[RuleFile, ...]
    suites: tuple[Suite, ...]
    problems: tuple[Problem, ...]

    @property
    def opaque(self) -> list[str]:
        """The labels of the rules whose expression the parser does not know."""
        return [each.label for each in located(self.files) if tree_of(each.rule["expr"]) is None]


def gather(rules: Sequence[Path], tests: Sequence[Path]) -> Given:
    """All that the paths hold; RulesError where they hold no rule, or no test although tests were named."""
    problems: list[Problem] = []
    shelf = _Shelf(problems)
    for document in documents(rules, problems):
        if document.has_rules:
            shelf.add(document)
        elif document.named and not document.is_test:
            problems.append(Problem(document.path, "expected rules below `groups`, found none"))
    if not any(file.rules for file in shelf.files.values()):
        raise RulesError(_nothing("rules", rules, "files with `groups:` of rules", problems))
    found = [each for each in documents(tests, problems) if _is_test(each, problems)]
    suites = [read_test_file(each, shelf.resolve, problems) for each in found]
    if tests and not found:
        raise RulesError(_nothing("tests", tests, "files with `tests:` of promtool", problems))
    known = tuple(suite for suite in suites if suite is not None and suite.rule_files)
    return Given(tuple(shelf.files.values()), known, tuple(dict.fromkeys(problems)))


def _is_test(document: Document, problems: list[Problem]) -> bool:
    if document.named and not document.is_test:
        problems.append(Problem(document.path, "expected tests below `tests`, found none"))
    return document.is_test


def _nothing(option: str, paths: Sequence[Path], wanted: str, problems: Sequence[Problem]) -> str:
    where = ", ".join(map(str, paths))
    said = "".join(f"\n  {problem}" for problem in problems)
    return f"--{option}: expected {wanted} in {where}, found none that can be read; is the path right?{said}"


class _Shelf:
    """The rule files by where they lie; tests add those that they load besides."""

    def __init__(self, problems: list[Problem]) -> None:
        self.files: dict[Path, RuleFile] = {}
        self._problems = problems

    def add(self, document: Document, *, context: bool = False) -> RuleFile:
        file = read_rule_file(document, self._problems, context=context)
        return self.files.setdefault(document.path.resolve(), file)

    def resolve(self, test: Document, path: str) -> str | None:
        """The name of the rule file that a test loads.

        One that is not where the test says is looked for by its file name among those that were given.
        """
        wanted = Path(path)
        if wanted.resolve() in self.files:
            return self.files[wanted.resolve()].name
        if wanted.is_file():
            found = [each for each in documents([wanted], self._problems) if each.has_rules]
            return self.add(found[0], context=True).name if found else None
        named = [file for place, file in self.files.items() if place.name == wanted.name]
        if len(named) == 1:
            return named[0].name
        self._problems.append(
            Problem(
                test.path, f"expected the rule file {path}, found none; its rules are left out: mend the path"
            )
        )
        return None
