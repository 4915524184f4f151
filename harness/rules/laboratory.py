"""Runs unit tests against changed rules: only the rules and test groups in question, many in one process."""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.rules.programs import promtool
from harness.rules.suites import Group
from monitoring.durations import format_duration

BATCH = 16
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_VERDICT = re.compile(r"^Unit Testing:\s+(?P<file>\S+)\n(?P<words>.*?)(?=^Unit Testing:|\Z)", re.S | re.M)


@dataclass(frozen=True)
class Trial:
    """Rules and the test groups that they must pass; `key` is the caller's."""

    key: Any
    rules: Sequence[Mapping[str, Any]]
    groups: Sequence[Group]


def run_trials(trials: Sequence[Trial]) -> Iterator[tuple[Any, bool]]:
    """(key, passed) of each trial, as they end; passed means that the unit tests noticed nothing."""
    batches = [trials[start : start + BATCH] for start in range(0, len(trials), BATCH)]
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for verdicts in pool.map(_run_batch, batches):
            yield from verdicts


def _run_batch(trials: Sequence[Trial]) -> list[tuple[Any, bool]]:
    with tempfile.TemporaryDirectory(prefix="rules-") as directory:
        place = Path(directory)
        files = {path: trial for index, trial in enumerate(trials) for path in _write(place, index, trial)}
        failed = _failed(promtool("test", "rules", *files))
        bad = {id(files[path]) for path in files if str(path) in failed}
    return [(trial.key, id(trial) not in bad) for trial in trials]


def _write(place: Path, index: int, trial: Trial) -> list[Path]:
    """A rule file, and a test file for each evaluation interval in use."""
    rules = place / f"{index}.rules.yml"
    _dump(rules, {"groups": [{"name": "trial", "rules": [dict(rule) for rule in trial.rules]}]})
    paths = []
    for interval in sorted({group.interval_ms for group in trial.groups}):
        groups = [dict(group.data) for group in trial.groups if group.interval_ms == interval]
        path = place / f"{index}-{interval}.test.yml"
        head = {"rule_files": [rules.name], "evaluation_interval": format_duration(interval)}
        _dump(path, {**head, "tests": groups})
        paths.append(path)
    return paths


def _dump(path: Path, document: Any) -> None:
    path.write_text(yaml.dump(document, Dumper=_Dumper, sort_keys=False), encoding="utf-8")


def _failed(answer: Any) -> set[str]:
    """The test files that promtool did not pass. A file it never came to counts as failed."""
    passed = {
        match["file"]
        for match in _VERDICT.finditer(answer.stdout + answer.stderr)
        if "SUCCESS" in match["words"]
    }
    asked = set(answer.args[3:])
    return asked - passed
