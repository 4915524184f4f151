"""The checks that make sense for any rules: what promtool refuses is an error, most else is an opinion."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from ruletools.documents import as_texts
from ruletools.lint.content import Content
from ruletools.lint.findings import Finding, Level
from ruletools.lint.floors import without_floor
from ruletools.lint.inhibitions import unequal
from ruletools.lint.moments import two_moments
from ruletools.lint.recorded import unrecorded
from ruletools.lint.refused import Complaint, refused
from ruletools.lint.twice import twice
from ruletools.places import line_of_name, lines_of
from ruletools.ruleset import RuleFile

CHECKS = (twice, unrecorded, two_moments, without_floor, unequal)
KEPT = ("name", "interval", "rules")  # of a group: each of its rules has the labels by now
THANOS = "partial_response_strategy"


def lint(content: Content) -> list[Finding]:
    """Every finding about the rules that are judged, sorted by place."""
    found = [finding for file in content.judged for finding in _refused(content, file)]
    return sorted({*found, *(finding for check in CHECKS for finding in check(content))})


def _refused(content: Content, file: RuleFile) -> Iterator[Finding]:
    """What promtool says of a file; of a copy where the file is not all that Prometheus would read."""
    if _is_native(file):
        yield from (_finding(content, file, one) for one in refused([file.path]))
        return
    with tempfile.TemporaryDirectory(prefix="lint-") as directory:
        copy = Path(directory) / "rules.yml"
        groups = [{key: value for key, value in each.items() if key in KEPT} for each in file.groups]
        copy.write_text(yaml.safe_dump({"groups": groups}, sort_keys=False), encoding="utf-8")
        yield from (_finding(content, file, one, in_copy=True) for one in refused([copy]))


def _is_native(file: RuleFile) -> bool:
    """Whether promtool can read the file: no part is left out, and none is for Kubernetes or Thanos."""
    [first, *_] = as_texts(file.path)
    whole = len(file.rules) == len(lines_of(file.path))
    return whole and first.get("kind") is None and not any(THANOS in group for group in file.groups)


def _finding(content: Content, file: RuleFile, one: Complaint, *, in_copy: bool = False) -> Finding:
    line = 0 if in_copy else one.line
    if not line:
        line = line_of_name(file.path, one.rule) if one.rule else 1
    level = content.opinion if one.lint else Level.ERROR
    return content.at(file.path, line, one.what, "mend what promtool names", level)
