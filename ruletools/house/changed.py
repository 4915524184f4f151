"""Which rules differ from a revision, in themselves or in what judges them: only those need new mutants.

What counts is the work tree: also what is not committed, and files that git does not know yet.
"""

import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from monitoring.yaml_text import read_yaml
from ruletools.errors import RulesError
from ruletools.house.files import REPO
from ruletools.house.loading import load_files, load_suites
from ruletools.ruleset import RuleFile, name_of
from ruletools.suites import SUFFIX, Group, Suite, read_suite

RULES, TESTS = "monitoring/rules", "tests/rules"
UPSTREAM = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


def changed_since(revision: str, repo: Path = REPO) -> set[str]:
    """Names of the rules that are new or different or read such a series, or whose tests or excuses are."""
    if _git(repo, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}") is None:
        raise RulesError(f"expected a git revision that this clone has, found {revision!r}")
    past = _Past(repo, revision)
    before = [rule for path in past.paths(RULES) for rule in _rules_in(past.yaml(path))]
    groups, patterns = _changed_groups(past), _changed_excuses(past)
    return {
        name
        for file in load_files(repo / RULES)
        for name in (*_rules(before, file), *_judged(groups, file), *_named(patterns, file))
    }


def base(repo: Path = REPO) -> str | None:
    """The commit that the work here began from; None where the history does not say (no git, or shallow).

    That is where this branch left the one it goes to; on that branch itself it is the parent.
    """
    head = _git(repo, "rev-parse", "--verify", "--quiet", "HEAD")
    meeting = (_git(repo, "merge-base", "HEAD", branch) for branch in UPSTREAM)
    found = next((commit for commit in meeting if commit), None)
    if found == head:
        found = _git(repo, "rev-parse", "--verify", "--quiet", "HEAD^")
    return found and found.strip()


def _rules(before: Sequence[Any], file: RuleFile) -> Iterator[str]:
    for rule in file.rules:
        if dict(rule) not in before:
            yield from file.touched(name_of(rule))


def _rules_in(document: Any) -> list[Any]:
    return [rule for group in (document or {}).get("groups", []) for rule in group["rules"]]


def _judged(groups: Mapping[str, Sequence[Group]], file: RuleFile) -> Iterator[str]:
    for group in groups.get(file.name, ()):
        yield from (name_of(rule) for rule in file.for_group(group))


def _changed_groups(past: "_Past") -> dict[str, list[Group]]:
    """The groups that were added, changed (as they were and as they are) or removed, by rule file."""
    paths = [path for path in past.paths(TESTS) if path.endswith(SUFFIX)]
    then = _by_rule_file(read_suite(past.repo / path, past.text(path)) for path in paths)
    now = _by_rule_file(load_suites(past.repo / TESTS))
    return {file: _unlike(then.get(file, []), now.get(file, [])) for file in {*then, *now}}


def _by_rule_file(suites: Iterable[Suite]) -> dict[str, list[Group]]:
    found = defaultdict[str, list[Group]](list)
    for suite in suites:
        for file in suite.rule_files:
            found[file] += suite.groups
    return found


def _named(patterns: Sequence[str], file: RuleFile) -> Iterator[str]:
    names = map(name_of, file.rules)
    return (name for name in names if any(re.fullmatch(pattern, name) for pattern in patterns))


def _changed_excuses(past: "_Past") -> list[str]:
    """What the entries name that were added, changed or removed, as regular expressions."""
    then, now = past.both(f"{TESTS}/equivalents.yml")
    patterns = [str(entry["rule"]) for entry in _unlike(then or [], now or [])]
    then, now = past.both(f"{TESTS}/exemptions.yml")
    excused = _unlike(list((then or {}).items()), list((now or {}).items()))
    return patterns + [re.escape(alert) for alert, _ in excused]


def _unlike(then: list[Any], now: list[Any]) -> list[Any]:
    """What is in one of the lists only."""
    return [each for each in then if each not in now] + [each for each in now if each not in then]


class _Past:
    """The files of a revision, beside those of the work tree."""

    def __init__(self, repo: Path, revision: str) -> None:
        self.repo, self.revision = repo, revision
        listed = _git(repo, "ls-tree", "-r", "--name-only", revision, "--", RULES, TESTS) or ""
        self._texts: dict[str, str | None] = dict.fromkeys(listed.splitlines())

    def paths(self, folder: str) -> list[str]:
        return [path for path in self._texts if path.startswith(f"{folder}/") and path.endswith(".yml")]

    def text(self, path: str) -> str:
        """The text of a file in the revision; empty where it was not there."""
        if path in self._texts and self._texts[path] is None:
            self._texts[path] = _git(self.repo, "show", f"{self.revision}:{path}")
        return self._texts.get(path) or ""

    def yaml(self, path: str) -> Any:
        return read_yaml(self.text(path))

    def both(self, path: str) -> tuple[Any, Any]:
        """The structure of a file in the revision and now."""
        here = self.repo / path
        return self.yaml(path), read_yaml(here.read_text(encoding="utf-8")) if here.exists() else None


def _git(repo: Path, *arguments: str) -> str | None:
    """What git says, None where it refuses."""
    argv = ["git", "-C", str(repo), *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None
