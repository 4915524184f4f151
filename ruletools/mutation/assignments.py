"""Who judges which mutants: of every rule the test groups that can notice a change, cheap ones first."""

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

from ruletools.errors import RulesError
from ruletools.mutation.mutants import Mutant, mutants
from ruletools.ruleset import Located, Rule, RuleFile, asked_by, located, name_of, together
from ruletools.suites import Group, Suite
from ruletools.trials import BATCH, Trial, Verdict, judge

Verdicts = dict[tuple[str, str], Verdict]
UNCHANGED = "unchanged"
Failing = Callable[[Group, str], None]


@dataclass(frozen=True)
class Assignment:
    """Some mutants of one rule, and the groups with the rules that each group needs."""

    label: str
    rule: Rule
    mutants: Sequence[Mutant]
    stages: Sequence[tuple[Group, Sequence[Rule]]]

    @property
    def cost(self) -> int:
        return len(self.mutants) * sum(group.cost for group, _ in self.stages)


def assignments(files: Sequence[RuleFile], suites: tuple[Suite, ...], only: set[str]) -> list[Assignment]:
    """The work for the named rules, for all where none is named."""
    work = []
    for each in located(files):
        if not only or only & {name_of(each.rule), each.label}:
            stages, wrong = _stages(files, each, suites), mutants(dict(each.rule), each.label)
            batches = [wrong[start : start + BATCH] for start in range(0, len(wrong), BATCH)]
            work += [Assignment(each.label, each.rule, batch, stages) for batch in batches]
    return work


def _stages(
    files: Sequence[RuleFile], of: Located, suites: tuple[Suite, ...]
) -> list[tuple[Group, Sequence[Rule]]]:
    """Of each group only the questions whose answer can change with the rule, and the rules behind them."""
    judges = []
    for suite in suites:
        if of.file.name in suite.rule_files:
            loaded = together(files, suite.rule_files, suite.order)
            touched = loaded.touched(name_of(of.rule))
            groups = [_narrowed(group, touched) for group in suite.groups]
            judges += [(group, loaded.for_group(group)) for group in groups if group.questions]
    return sorted(judges, key=lambda judge: _order(judge[0]))


def _order(group: Group) -> tuple[bool, int]:
    """Cheap groups first, but last those that expect nothing: they notice little."""
    expected = (each.get("exp_alerts") or each.get("exp_samples") for each in group.questions)
    return not any(expected), group.cost


def _narrowed(group: Group, names: set[str]) -> Group:
    return group.narrowed(lambda question: bool(asked_by(question, group.alert) & names))


def run_all(work: Sequence[Assignment], progress: Callable[[Verdicts], None], failing: Failing) -> Verdicts:
    """The verdict on each mutant, on fewer of them after Ctrl-C. FAILED means that a unit test noticed it.

    Every rule is also judged as it is: a group that fails anyway notices nothing, and *failing* hears of it.
    """
    stop, known = threading.Event(), Verdicts()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        try:
            # The costly ones first: the cores end together.
            ordered = sorted(work, key=lambda each: each.cost, reverse=True)
            for future in as_completed([pool.submit(_decide, each, stop, failing) for each in ordered]):
                known |= future.result()
                progress(known)
        except KeyboardInterrupt:
            pass
        finally:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
    return known


def _decide(work: Assignment, stop: threading.Event, failing: Failing) -> Verdicts:
    """Each group judges what the groups before it let pass; nothing is known of those when it has to stop."""
    healthy = Mutant(work.label, UNCHANGED, dict(work.rule))
    alive, verdicts = [healthy, *work.mutants], Verdicts()
    for group, rules in work.stages:
        if stop.is_set():
            return verdicts
        trials = [Trial(mutant, _with(rules, work.rule, mutant), group) for mutant in alive]
        found = {trial.key.key: verdict for trial, verdict in zip(trials, judge(trials), strict=True)}
        if found.pop(healthy.key) is not Verdict.PASSED:
            failing(group, work.label)
            continue
        verdicts |= {key: verdict for key, verdict in found.items() if verdict is not Verdict.PASSED}
        alive = [mutant for mutant in alive if mutant.key not in verdicts]
        if alive == [healthy]:
            return verdicts
    return verdicts | {mutant.key: Verdict.PASSED for mutant in alive if mutant is not healthy}


def refuse(group: Group, label: str) -> None:
    """A group that fails with the rules as they are ends the run."""
    raise RulesError(
        f"expected the unit tests of the rule as it is to pass, {group.suite}: {group.name} does not "
        f"for {label}; run promtool on that file"
    )


def _with(rules: Sequence[Rule], rule: Rule, mutant: Mutant) -> list[Mapping[str, object]]:
    return [mutant.mutated if each is rule else each for each in rules]
