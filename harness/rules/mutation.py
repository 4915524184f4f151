"""Mutation testing: which faults in a rule would its unit tests not notice?"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from harness.errors import HarnessError
from harness.rules.laboratory import Trial, run_trials
from harness.rules.mutants import Mutant, mutants
from harness.rules.ruleset import Rule, RuleFile, name_of
from harness.rules.suites import TESTS, Group, Suite, groups_beside, groups_of

EQUIVALENTS = TESTS / "equivalents.yml"
TARGET_PERCENT = 95.0


@dataclass(frozen=True)
class Result:
    """What became of the mutants: `excused` are those that a person listed as equivalent, with a reason."""

    killed: tuple[Mutant, ...]
    survived: tuple[Mutant, ...]
    excused: tuple[Mutant, ...]

    @property
    def score(self) -> float:
        """Percent of the mutants that are not excused; nothing to kill is a full score."""
        counted = len(self.killed) + len(self.survived)
        return 100 * len(self.killed) / counted if counted else 100.0


@dataclass(frozen=True)
class Equivalent:
    """Mutants that no test can tell from the rule: `rule` and `fault` are regular expressions."""

    rule: str
    fault: str
    reason: str

    def covers(self, mutant: Mutant) -> bool:
        return bool(re.fullmatch(self.rule, mutant.rule) and re.fullmatch(self.fault, mutant.fault))


def load_equivalents(path: Path = EQUIVALENTS) -> tuple[Equivalent, ...]:
    """The hand-made list; each entry has a reason."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    for entry in entries:
        if set(entry) != {"rule", "fault", "reason"} or not entry["reason"]:
            raise HarnessError(f"{path}: expected entries of rule, fault and a reason, found {entry}")
    return tuple(Equivalent(**entry) for entry in entries)


def trials(files: Sequence[RuleFile], suites: tuple[Suite, ...], only: set[str]) -> Iterator[list[Trial]]:
    """The trials of each mutant of the named rules (of all where none is named), the cheap one first.

    A recorded series is first judged by the groups that test recorded series, which notice most faults; only
    what they let pass goes on to the groups of the alerts that read it.
    """
    for file in files:
        for rule in file.rules:
            if only and name_of(rule) not in only:
                continue
            stages = _stages(file, rule, suites)
            for mutant in mutants(dict(rule)):
                yield [_trial(file, rule, mutant, groups) for groups in stages]


def _stages(file: RuleFile, rule: Rule, suites: tuple[Suite, ...]) -> list[list[Group]]:
    if "alert" in rule:
        return [groups_of(rule["alert"], suites)]
    groups = [group for group in groups_beside(file.name, suites) if file.depends(group, rule["record"])]
    groups.sort(key=lambda group: group.evaluations)
    direct = [group for group in groups if not group.checks]
    others = [group for group in groups if group.checks]
    return [stage for stage in (direct, others) if stage] or [[]]


def _trial(file: RuleFile, rule: Rule, mutant: Mutant, groups: list[Group]) -> Trial:
    rules = [mutant.mutated if each is rule else each for each in file.for_groups(groups)]
    return Trial(mutant, rules, groups)


def mutate(
    files: Sequence[RuleFile],
    suites: tuple[Suite, ...],
    *,
    only: set[str],
    equivalents: Sequence[Equivalent],
    progress: Callable[[int, int], None],
) -> Result:
    """Run every mutant; `progress` hears how many of how many are decided."""
    unknown = only - {name_of(rule) for file in files for rule in file.rules}
    if unknown:
        raise HarnessError(f"expected names of alerts or recorded series, found {', '.join(sorted(unknown))}")
    todo = list(trials(files, suites, only))
    passed: dict[int, bool] = {}
    stage = [stages[0] for stages in todo]
    later = {id(stages[0].key): stages[1:] for stages in todo}
    while stage:
        following = []
        for mutant, unnoticed in run_trials(stage):
            if unnoticed and later[id(mutant)]:
                following.append(later[id(mutant)].pop(0))
                continue
            passed[id(mutant)] = unnoticed
            progress(len(passed), len(todo))
        stage = following
    return _sort([stages[0].key for stages in todo], passed, equivalents)


def _sort(all_: list[Mutant], passed: Mapping[int, bool], equivalents: Sequence[Equivalent]) -> Result:
    alive = [mutant for mutant in all_ if passed[id(mutant)]]
    excused = [mutant for mutant in alive if any(each.covers(mutant) for each in equivalents)]
    return Result(
        killed=tuple(mutant for mutant in all_ if not passed[id(mutant)]),
        survived=tuple(mutant for mutant in alive if mutant not in excused),
        excused=tuple(excused),
    )


def difference(original: Rule, mutant: Mutant) -> str:
    """A unified diff from the rule to the mutant."""
    before, after = (
        yaml.safe_dump(dict(rule), sort_keys=False, width=110).splitlines()
        for rule in (original, mutant.mutated)
    )
    return "\n".join(list(difflib.unified_diff(before, after, lineterm="", n=1))[2:])
