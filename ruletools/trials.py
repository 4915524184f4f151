"""Runs unit tests against changed rules: only the rules and the test group in question, many a process."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from monitoring.durations import format_duration
from ruletools.programs import promtool_tests
from ruletools.suites import Group

BATCH = 16
LONGEST_S = 300  # a batch takes seconds; whoever takes this long will not end
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_ANSWER = re.compile(r"^Unit Testing:\s+(?P<file>[^\n]+)\n(?P<words>.*?)(?=^Unit Testing:|\Z)", re.S | re.M)

_BEGINS = re.compile(r"^  (?:SUCCESS|FAILED:)$", re.M)


class Verdict(StrEnum):
    """What promtool says of rules and a test group."""

    PASSED = "passed"
    FAILED = "failed"
    INVALID = "invalid"  # the rules were refused, or promtool died of them: no test has judged them
    UNREACHED = "unreached"  # promtool ended before it came to them


@dataclass(frozen=True)
class Trial:
    """Rules and the test group that they must pass; `key` is the caller's."""

    key: Any
    rules: Sequence[Mapping[str, Any]]
    group: Group


def run_trials(trials: Sequence[Trial]) -> Iterator[tuple[Any, bool]]:
    """(key, passed) of each trial, in their order."""
    batches = [trials[start : start + BATCH] for start in range(0, len(trials), BATCH)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for batch, verdicts in zip(batches, pool.map(judge, batches), strict=True):
            passed = [verdict is Verdict.PASSED for verdict in verdicts]
            yield from zip((trial.key for trial in batch), passed, strict=True)


def judge(trials: Sequence[Trial]) -> list[Verdict]:
    """The verdict on each trial. One that promtool did not come to is run again alone."""
    verdicts = run_together(trials)
    for index, verdict in enumerate(verdicts):
        if verdict is Verdict.UNREACHED:
            [alone] = run_together([trials[index]])
            verdicts[index] = Verdict.INVALID if alone is Verdict.UNREACHED else alone
    return verdicts


def run_together(trials: Sequence[Trial]) -> list[Verdict]:
    """The verdict on each trial out of one promtool process."""
    with tempfile.TemporaryDirectory(prefix="rules-") as directory:
        place = Path(directory)
        files = [_write(place, index, trial) for index, trial in enumerate(trials)]
        try:
            answer = promtool_tests(files, timeout_s=LONGEST_S)
        except subprocess.TimeoutExpired:
            return [Verdict.UNREACHED] * len(trials)
        said = words_on(files, answer.stdout)
        died = answer.returncode not in (0, 1)
        return [read_verdict(words, died=died) for words in said]


def words_on(files: Sequence[Path], said: str) -> list[str]:
    """promtool's words on each file. promtool 2 names the file before them, promtool 3 keeps the order."""
    named = {match["file"]: match["words"] for match in _ANSWER.finditer(said)}
    if named:
        return [named.get(str(file), "") for file in files]
    starts = [match.start() for match in _BEGINS.finditer(said)]
    parts = [said[start:end] for start, end in zip(starts, [*starts[1:], len(said)], strict=True)]
    return [*parts[: len(files)], *[""] * (len(files) - len(parts))]


def read_verdict(words: str, *, died: bool) -> Verdict:
    """What promtool's words on one test file mean; where it died, the last of them may be cut off."""
    if "  SUCCESS" in words:
        return Verdict.PASSED
    if died or "  FAILED:" not in words:
        return Verdict.UNREACHED
    # A test names, indented, what it asked or the rule that could not be evaluated.
    refused = re.search(r"^\S*\.rules\.yml: ", words, re.M)
    return Verdict.INVALID if refused else Verdict.FAILED


def _write(place: Path, index: int, trial: Trial) -> Path:
    """The test file, beside its rule file."""
    rules, path = place / f"{index}.rules.yml", place / f"{index}.test.yml"
    _dump(rules, {"groups": [{"name": "trial", "rules": [dict(rule) for rule in trial.rules]}]})
    interval = format_duration(trial.group.interval_ms)
    head = {"rule_files": [rules.name], "evaluation_interval": interval}
    _dump(path, {**head, "tests": [dict(trial.group.data)]})
    return path


def _dump(path: Path, document: Any) -> None:
    path.write_text(yaml.dump(document, Dumper=_Dumper, sort_keys=False), encoding="utf-8")
