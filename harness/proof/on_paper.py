"""What is known of an alert before any fault is played: lint, its unit tests, and what they notice.

What was found is kept under a digest of all that it depends on: the rule, what it reads, its tests and the
list of equivalents. An alert of which nothing has changed is not asked again.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from devtools.paths import CACHE, REPO
from devtools.tools import tool
from harness.incident.patience import routing
from harness.notify.table import page, rows
from harness.notify.why import Config, labels_of
from harness.proof.marks import Mark, Rung, Step
from monitoring.catalog import Alert, load
from monitoring.routing import receivers_of as routed
from ruletools import programs
from ruletools.coverage import Coverage
from ruletools.house import coverage
from ruletools.house.files import EQUIVALENTS, RULES, RUNBOOKS
from ruletools.house.lint.run import lint
from ruletools.house.loading import load_files, load_suites
from ruletools.lint.findings import Finding, Level
from ruletools.mutation.assignments import Failing, assignments
from ruletools.mutation.run import load_equivalents, mutate
from ruletools.places import shown
from ruletools.ruleset import Rule, RuleFile, located, name_of
from ruletools.suites import Group, Suite
from ruletools.trials import Trial, run_trials

KEPT = CACHE / "on-paper"
TOLD = REPO / "docs" / "who-is-told.md"
JUDGES = (
    *(REPO / "ruletools").rglob("*.py"),
    *(REPO / "monitoring").glob("promql*.py"),
    *(REPO / "monitoring" / name for name in ("durations.py", "rule_files.py", "catalog.py")),
)
"""Whoever reads rules, changes them and asks promtool: another version of these may say otherwise."""
Stages = Sequence[tuple[Group, Sequence[Rule]]]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Paper:
    """The steps of each alert, and what lint found that is no single alert's."""

    steps: Mapping[str, tuple[Step, ...]]
    elsewhere: tuple[str, ...] = ()


def on_paper(alerts: Sequence[str], *, mutants: bool, say: Say) -> Paper:
    """Lint, unit tests and, where they are wanted or known from before, mutants of these alerts."""
    programs.find_with(tool)
    files, suites = load_files(), load_suites()
    found, elsewhere = linted(alerts, lint(), files)
    found |= misled(load(RULES), routing(), TOLD.read_text("utf-8"))
    known = _Known.of(alerts, files, suites)
    known.test(say)
    if mutants:
        known.mutate(files, suites, say)
    missing = {one.alert: one.missing for one in _covered(suites)}
    steps = {
        name: (found[name], tested(known.results[name], missing[name]), mutated(known.results[name]))
        for name in alerts
    }
    return Paper(steps, elsewhere)


def linted(
    alerts: Iterable[str], findings: Iterable[Finding], files: Sequence[RuleFile]
) -> tuple[dict[str, Step], tuple[str, ...]]:
    """What lint found of each alert, and of nobody's in particular."""
    spans = _spans(files)
    errors = [one for one in findings if one.level is Level.ERROR]
    whose: dict[str, list[str]] = {}
    for error in errors:
        whose.setdefault(_owner(error, spans), []).append(str(error))
    steps = {
        name: Step(
            rung=Rung.LINTED, mark=Mark.NO if name in whose else Mark.YES, why="; ".join(whose.get(name, ()))
        )
        for name in alerts
    }
    known = {name_of(each.rule) for each in located(files) if "alert" in each.rule}
    return steps, tuple(one for owner, ones in whose.items() if owner not in known for one in ones)


def misled(alerts: Sequence[Alert], config: Config, told: str) -> dict[str, Step]:
    """The alerts that the routes lead elsewhere than the page *told* says, on which people have agreed.

    All alerts are to be given: which labels a line is about is told from all of them.
    """
    known = {receiver["name"] for receiver in config["receivers"]}
    lost = {
        alert.name: f"to {name}, a receiver that there is not"
        for alert in alerts
        for name, _ in routed(config, labels_of(alert, {}))
        if name not in known
    }
    agreed = _by_alert(told)
    led = lost | _by_alert(page([*rows(config, [alert for alert in alerts if alert.name not in lost])]))
    found = dict[str, Step]()
    for name, line in led.items():
        if line != (was := agreed.get(name, "which has none")):
            why = f"expected its line of {shown(TOLD, REPO)}, {was}; found that the routes lead it so: {line}"
            found[name] = Step(rung=Rung.LINTED, mark=Mark.NO, why=why)
    return found


def _by_alert(told: str) -> dict[str, str]:
    """The lines of a page of who is told, by the alert that they are about."""
    found: dict[str, list[str]] = {}
    for line in told.splitlines():
        if line.startswith("| ") and not line.startswith(("| alert ", "| --- ")):
            found.setdefault(line.split()[1], []).append(line)
    return {name: " ".join(lines) for name, lines in found.items()}


def _spans(files: Iterable[RuleFile]) -> dict[tuple[str, int], str]:
    """{(file, first line of a rule): its name}."""
    rules = [(each.file, each.index, name_of(each.rule)) for each in located(files)]
    return {(shown(file.path, REPO), file.line(index)): name for file, index, name in rules}


def _owner(finding: Finding, spans: Mapping[tuple[str, int], str]) -> str:
    """The alert or series that a finding is about; nothing where it is the whole configuration."""
    path = Path(finding.file)
    if (REPO / path).parent == RUNBOOKS:
        return path.stem
    before = [line for file, line in spans if file == finding.file and line <= finding.line]
    return spans[finding.file, max(before)] if before else ""


def tested(result: Mapping[str, Any], missing: Sequence[str]) -> Step:
    """Whether the unit tests of an alert pass and show every case."""
    if not result["groups"]:
        return Step(rung=Rung.TESTED, mark=Mark.NO, why="no unit test asks about it")
    if result["failing"]:
        return Step(rung=Rung.TESTED, mark=Mark.NO, why=f"failed: {', '.join(result['failing'])}")
    if missing:
        return Step(rung=Rung.TESTED, mark=Mark.NO, why=f"no unit test shows: {', '.join(missing)}")
    return Step(rung=Rung.TESTED, mark=Mark.YES, why=f"{result['groups']} groups of unit tests")


def mutated(result: Mapping[str, Any]) -> Step:
    """Whether the unit tests of an alert notice the faults that were put into its rule."""
    if "killed" not in result:
        return Step(rung=Rung.MUTATED, mark=Mark.UNASKED, why="`harness proof --mutants` asks")
    if result["survived"]:
        why = f"no unit test notices: {'; '.join(result['survived'])}"
        return Step(rung=Rung.MUTATED, mark=Mark.NO, why=why)
    if not result["killed"]:
        return Step(
            rung=Rung.MUTATED, mark=Mark.NO, why="no fault was put into the rule that a test could notice"
        )
    excused = f", {result['excused']} change nothing" if result["excused"] else ""
    return Step(rung=Rung.MUTATED, mark=Mark.YES, why=f"{result['killed']} faults are noticed{excused}")


def _covered(suites: tuple[Suite, ...]) -> list[Coverage]:
    return coverage.cover(load(RULES), suites, coverage.load_exemptions())


class _Known:
    """What the files say of each alert, as far as it is known from before."""

    def __init__(self, stages: Mapping[str, Stages]) -> None:
        self._stages = stages
        judges = "".join(path.read_text("utf-8") for path in sorted(JUDGES))
        common = EQUIVALENTS.read_text("utf-8") + judges + _version()
        self._paths = {name: KEPT / f"{_digest(name, each, common)}.json" for name, each in stages.items()}
        self.results: dict[str, dict[str, Any]] = {name: _kept(path) for name, path in self._paths.items()}

    @classmethod
    def of(cls, alerts: Sequence[str], files: Sequence[RuleFile], suites: tuple[Suite, ...]) -> "_Known":
        work = {name: assignments(files, suites, {name}) for name in alerts}
        return cls(
            {name: [stage for each in works[:1] for stage in each.stages] for name, works in work.items()}
        )

    def test(self, say: Say) -> None:
        """Run the unit tests of the alerts of which nothing is known."""
        unknown = [name for name, result in self.results.items() if "failing" not in result]
        trials = [
            Trial((name, group.name), rules, group) for name in unknown for group, rules in self._stages[name]
        ]
        if trials:
            say(f"unit tests: {len(trials)} groups of {len(unknown)} alerts")
        failing: dict[str, list[str]] = {}
        for (name, group), passed in run_trials(trials):
            if not passed:
                failing.setdefault(name, []).append(group)
        for name in unknown:
            self._keep(name, groups=len(self._stages[name]), failing=failing.get(name, []))

    def mutate(self, files: Sequence[RuleFile], suites: tuple[Suite, ...], say: Say) -> None:
        """Put every fault into the rules of the alerts whose faults are not known."""
        unknown = {name for name, result in self.results.items() if "killed" not in result}
        if not unknown:
            return
        say(f"mutants of {len(unknown)} alerts")
        ignored: Failing = lambda *_: None  # noqa: E731 - the rung before says it
        result = mutate(
            files, suites, only=unknown, equivalents=load_equivalents(EQUIVALENTS), failing=ignored
        )
        for name in unknown:
            self._keep(
                name,
                killed=_count(result.killed, name),
                excused=_count(result.excused, name),
                survived=[each.fault for each in result.survived if _is_of(each.rule, name)],
            )

    def _keep(self, name: str, **found: Any) -> None:
        """What failed is not kept: it may have been the machine, and whoever asks again wants to know."""
        self.results[name] = {**self.results[name], **found}
        if not self.results[name]["failing"]:
            _write_down(self._paths[name], self.results[name])


def _kept(path: Path) -> dict[str, Any]:
    """What is known from before; nothing where the file is torn or of another shape."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    tests = isinstance(found, dict) and isinstance(found.get("groups"), int) and found.get("failing") == []
    mutants = tests and ("killed" not in found or {"excused", "survived"} <= found.keys())
    return found if mutants else {}


def _write_down(path: Path, result: Mapping[str, Any]) -> None:
    """Whole or not at all, as two runs may do it at once; where nothing can be kept it is asked again."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump(result, file)
        Path(file.name).replace(path)


def _version() -> str:
    """Which promtool judges."""
    return programs.promtool("--version").stdout


def _digest(name: str, stages: Stages, common: str) -> str:
    text = json.dumps([name, [[group.data, list(rules)] for group, rules in stages], common], default=str)
    return sha256(text.encode()).hexdigest()


def _is_of(label: str, name: str) -> bool:
    return label.partition(" #")[0] == name


def _count(mutants: Iterable[Any], name: str) -> int:
    return sum(_is_of(each.rule, name) for each in mutants)
