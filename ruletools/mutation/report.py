"""What a mutation run found, as text, JSON and JUnit, and its progress while it runs."""

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ruletools.mutation.mutants import Mutant
from ruletools.mutation.run import Result, difference
from ruletools.places import shown
from ruletools.ruleset import Located, RuleFile, by_label

EVERY_S = 15


def as_text(result: Result, files: Sequence[RuleFile]) -> str:
    """The survivors with file, line and difference, what is wrong with the excuses, then the score."""
    rules = by_label(files)
    untested = result.untested if result.of_everything else frozenset[str]()
    listed = [each for each in result.survived if each.rule not in untested]
    silent = [rules[each] for each in rules if each in untested]
    lines = [f"{_place(each)}: no unit test asks about {each.label}" for each in silent]
    for mutant in listed:
        lines += [f"{_at(mutant, rules)}: survived: {mutant.rule}: {mutant.fault}"]
        lines += [difference(rules[mutant.rule].rule, mutant), ""]
    lines += [f"{_at(each, rules)}: invalid: {each.rule}: {each.fault}" for each in result.invalid]
    return "\n".join([*lines, *result.complaints, *_sum_up(result)])


def _sum_up(result: Result) -> list[str]:
    counts = f"{len(result.killed)} killed, {len(result.survived)} survived, {len(result.excused)} equivalent"
    counts += f", {len(result.invalid)} invalid" if result.invalid else ""
    said = [f"{counts}: {result.score:.1f} %", *_of_tested(result)]
    if result.pending:
        said.append(f"interrupted: {result.pending} mutants were not decided")
    if result.score < result.target:
        total = len(result.killed) + len(result.survived)
        more = math.ceil(total * result.target / 100) - len(result.killed)
        said.append(
            f"{result.target - result.score:.1f} points under the target of {result.target:g} %: "
            f"{more} more have to be noticed. Add the stimulus on which such a rule differs to the unit "
            f"tests; where there can be none, list the mutant in {result.list_name} with the reason"
        )
    return said


def _of_tested(result: Result) -> list[str]:
    """What the score is without the rules that no unit test asks about."""
    left = sum(each.rule not in result.untested for each in result.survived)
    if not result.untested or not result.killed:
        return []
    score = 100 * len(result.killed) / (len(result.killed) + left)
    return [
        f"no unit test asks about {len(result.untested)} of the rules: without their "
        f"{len(result.survived) - left} mutants it is {score:.1f} %"
    ]


def _at(mutant: Mutant, rules: Mapping[str, Located]) -> str:
    """`file:line` of the rule."""
    return _place(rules[mutant.rule])


def _place(found: Located) -> str:
    return f"{shown(found.file.path, Path.cwd())}:{found.file.line(found.index)}"


def as_json(result: Result, files: Sequence[RuleFile]) -> str:
    """The counts, the score and every mutant that was not killed."""
    rules = by_label(files)

    def listed(mutants: Sequence[Mutant]) -> list[dict[str, str]]:
        return [
            {
                "rule": each.rule,
                "fault": each.fault,
                "at": _at(each, rules),
                "diff": difference(rules[each.rule].rule, each),
            }
            for each in mutants
        ]

    document = {
        "score": round(result.score, 2),
        "target": result.target,
        "ok": result.ok,
        "killed": len(result.killed),
        "pending": result.pending,
        "untested": sorted(result.untested),
        "survived": listed(result.survived),
        "equivalent": listed(result.excused),
        "invalid": listed(result.invalid),
        "complaints": result.complaints,
    }
    return json.dumps(document, indent=2)


def as_junit(result: Result, files: Sequence[RuleFile]) -> str:
    """A test case per mutant. A survivor is a failure when the score is under the target, else skipped."""
    suite = ElementTree.Element("testsuite", name="mutants")
    for mutant in result.killed:
        _case(suite, mutant.rule, mutant.fault)
    for mutant in result.survived:
        kind = "skipped" if result.score >= result.target else "failure"
        _case(suite, mutant.rule, mutant.fault, kind, "no unit test notices this mutant of a rule")
    for mutant in result.excused:
        _case(suite, mutant.rule, mutant.fault, "skipped", f"mutants listed in {result.list_name}")
    for mutant in result.invalid:
        _case(suite, mutant.rule, mutant.fault, "skipped", "promtool refuses this mutant")
    for complaint in result.complaints:
        _case(suite, "equivalents", complaint, "failure", complaint)
    suite.set("tests", str(len(suite)))
    return ElementTree.tostring(suite, encoding="unicode")


def _case(suite: ElementTree.Element, rule: str, fault: str, kind: str = "", message: str = "") -> None:
    case = ElementTree.SubElement(suite, "testcase", classname=rule, name=fault)
    if kind:
        ElementTree.SubElement(case, kind, message=message)


FORMATS = {"text": as_text, "json": as_json, "junit": as_junit}


@contextmanager
def progress(console: Console) -> Iterator[Callable[[int, int, int], None]]:
    """A bar with rate and time left on a terminal; elsewhere a line every quarter of a minute."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    words = TextColumn("{task.fields[words]}")
    with Progress(
        "mutants", BarColumn(), MofNCompleteColumn(), words, TimeRemainingColumn(), console=console
    ) as bar:
        task, begun = bar.add_task("mutants", total=None, words=""), time.monotonic()

        def update(done: int, total: int, alive: int) -> None:
            rate = done / max(time.monotonic() - begun, 0.1)
            bar.update(task, completed=done, total=total, words=f"{alive} alive, {rate:.0f}/s")

        yield update


class _Lines:
    def __init__(self, console: Console) -> None:
        self.console, self.begun, self.said = console, time.monotonic(), time.monotonic()

    def __call__(self, done: int, total: int, alive: int) -> None:
        now = time.monotonic()
        if now - self.said < EVERY_S or done == total:
            return
        self.said = now
        rate = done / (now - self.begun)
        left = (total - done) / rate
        self.console.print(
            f"mutants: {done} of {total}, {alive} alive, {rate:.0f}/s, about {left:.0f} s left"
        )
