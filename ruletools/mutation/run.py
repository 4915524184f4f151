"""Mutation testing: which faults in a rule would its unit tests not notice?"""

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from ruletools.errors import RulesError
from ruletools.expressions import tree_of
from ruletools.listed import read_listed
from ruletools.mutation.assignments import Failing, Verdicts, assignments, refuse, run_all
from ruletools.mutation.mutants import Mutant
from ruletools.names import near
from ruletools.ruleset import Rule, RuleFile, located, name_of
from ruletools.suites import Suite
from ruletools.trials import Verdict

TARGET_PERCENT = 98.0


@dataclass(frozen=True)
class Equivalent:
    """Mutants that no test can tell from the rule: `rule` and `fault` are regular expressions."""

    rule: str
    fault: str
    reason: str

    def covers(self, mutant: Mutant) -> bool:
        return bool(re.fullmatch(self.rule, mutant.rule) and re.fullmatch(self.fault, mutant.fault))


@dataclass(frozen=True)
class Result:
    """What became of the mutants: `pending` were not decided, because the run was interrupted."""

    killed: tuple[Mutant, ...] = ()
    alive: tuple[Mutant, ...] = ()
    invalid: tuple[Mutant, ...] = ()
    pending: int = 0
    failing: tuple[str, ...] = ()  # test groups that fail with the rules as they are
    equivalents: tuple[Equivalent, ...] = ()
    of_everything: bool = False
    untested: frozenset[str] = frozenset()  # rules that no unit test asks about
    target: float = TARGET_PERCENT
    list_name: str = "the list of equivalents"

    @cached_property
    def excused(self) -> tuple[Mutant, ...]:
        """Those that live, and that a person listed as equivalent with a reason."""
        return tuple(each for each in self.alive if any(entry.covers(each) for entry in self.equivalents))

    @cached_property
    def survived(self) -> tuple[Mutant, ...]:
        return tuple(each for each in self.alive if each not in self.excused)

    @property
    def score(self) -> float:
        """Percent killed of those that are neither excused nor invalid; nothing to kill is a full score."""
        counted = len(self.killed) + len(self.survived)
        return 100 * len(self.killed) / counted if counted else 100.0

    @cached_property
    def complaints(self) -> list[str]:
        """What is wrong with the list of equivalents, as far as this run can tell."""
        wrong = [f"{each} fails with the rules as they are: it notices nothing" for each in self.failing]
        wrong += [
            f"{self._words(entry)} also covers a mutant that was killed, so a test can tell: {killed}; "
            "narrow it"
            for entry in self.equivalents
            if (killed := _first(entry, self.killed))
        ]
        if self.of_everything and not self.pending:
            idle = [entry for entry in self.equivalents if not _first(entry, self.alive)]
            wrong += [f"{self._words(entry)} covers no mutant that lives; remove it" for entry in idle]
        return wrong

    def _words(self, entry: Equivalent) -> str:
        return f"{self.list_name}: the entry {entry.rule!r}, {entry.fault!r}"

    @property
    def ok(self) -> bool:
        return self.score >= self.target and not self.complaints and not self.pending


def _first(entry: Equivalent, mutants: Iterable[Mutant]) -> str:
    return next((f"{each.rule}: {each.fault}" for each in mutants if entry.covers(each)), "")


def load_equivalents(path: Path) -> tuple[Equivalent, ...]:
    """The hand-made list; each entry has a reason and regular expressions that can be read."""
    entries = read_listed(path, list)
    for entry in entries:
        if not isinstance(entry, dict) or set(entry) != {"rule", "fault", "reason"} or not entry["reason"]:
            raise RulesError(f"{path}: expected entries of rule, fault and a reason, found {entry}")
        for field in ("rule", "fault"):
            try:
                re.compile(str(entry[field]))
            except re.error as error:
                raise RulesError(
                    f"{path}: expected a regular expression as {field}, found {entry[field]!r}: {error}"
                ) from None
    return tuple(Equivalent(**{key: str(value) for key, value in entry.items()}) for entry in entries)


def mutate(
    files: Sequence[RuleFile],
    suites: tuple[Suite, ...],
    *,
    only: set[str],
    equivalents: Sequence[Equivalent],
    progress: Callable[[int, int, int], None] = lambda *_: None,
    failing: Failing = refuse,
) -> Result:
    """Run every mutant of the named rules, of all rules where none is named.

    `progress` hears how many of how many are decided, and how many live. `failing` hears of a test group that
    fails with the rules as they are, and may end the run. Ctrl-C ends it too: what it knows by then is the
    result.
    """
    check_names(only, files)
    todo = assignments(files, suites, only)
    everyone = [mutant for each in todo for mutant in each.mutants]

    def tell(known: Verdicts) -> None:
        progress(len(known), len(everyone), _living(known.values()))

    verdicts = run_all(todo, tell, failing)
    by = {verdict: tuple(m for m in everyone if verdicts.get(m.key) is verdict) for verdict in Verdict}
    return Result(
        killed=by[Verdict.FAILED],
        alive=by[Verdict.PASSED],
        invalid=by[Verdict.INVALID],
        pending=len(everyone) - len(verdicts),
        equivalents=tuple(equivalents),
        of_everything=not only,
        untested=frozenset(each.label for each in todo if not each.stages),
    )


def check_names(names: set[str], files: Sequence[RuleFile]) -> None:
    """RulesError unless each name is an alert's or a recorded series'."""
    known = {name for each in located(files) for name in (each.label, name_of(each.rule))}
    unknown = [f"{name!r} ({near(name, sorted(known))})" for name in sorted(names - known)]
    if unknown:
        raise RulesError(f"expected names of alerts or recorded series, found {', '.join(unknown)}")


def _living(verdicts: Iterable[Verdict]) -> int:
    return sum(verdict is Verdict.PASSED for verdict in verdicts)


def difference(original: Rule, mutant: Mutant) -> str:
    """A unified diff from the rule to the mutant, the expression folded alike on both sides."""
    before, after = (
        yaml.safe_dump(dict(rule) | {"expr": _folded(rule["expr"])}, sort_keys=False, width=110)
        for rule in (original, mutant.mutated)
    )
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
    return "\n".join(list(lines)[2:])


def _folded(expression: str) -> str:
    tree = tree_of(expression)
    return expression if tree is None else str(tree)
