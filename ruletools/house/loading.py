"""This repository's rule files and unit tests, read."""

from pathlib import Path

from monitoring.rule_files import read, rule_files
from ruletools.errors import RulesError
from ruletools.house.files import RULES, TESTS
from ruletools.ruleset import RuleFile
from ruletools.suites import SUFFIX, Suite, read_suite


def load_files(directory: Path = RULES) -> tuple[RuleFile, ...]:
    """Every rule file of a directory."""
    return tuple(_rule_file(path) for path in rule_files(directory))


def _rule_file(path: Path) -> RuleFile:
    groups = tuple(read(path)["groups"])
    return RuleFile(path.name, tuple(rule for group in groups for rule in group["rules"]), path, groups)


def load_suites(directory: Path = TESTS) -> tuple[Suite, ...]:
    """Every test file of a directory."""
    paths = sorted(directory.glob(f"*{SUFFIX}"))
    if not paths:
        raise RulesError(f"expected files named *{SUFFIX} in {directory}, found none; is the path right?")
    return tuple(read_suite(path, path.read_text(encoding="utf-8")) for path in paths)
