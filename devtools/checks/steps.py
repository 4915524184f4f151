"""Which checks there are. A step whose subject does not exist is left out and said so."""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from devtools.paths import REPO, REPORTS_DIR, VENV

NOT_HARD = ("-m", "not hard and not long")
"""Leaves out what takes minutes."""
IN_MEMORY = {"unit", "consistency", "rules"}
WHOLE_SITES = {"test_addresses", "test_other_exporters", "test_pair", "test_without_daemon"}
"""Tests of roles that install everything several times over, or servers of others: that takes minutes."""
QUICK = ("-m", "not slow and not hard and not long")
"""Leaves out what takes seconds, too."""
MINUTES = (
    "roles-deploy",
    "contract-rollback",
    "unit",
    "rules-scenes",
    "roles-rollback_role",
    "rules",
    "roles-monitoring_lifecycle",
    "contract",
    "roles-grafana",
    "consistency",
    "roles-monitoring_access",
)
"""The tests that take minutes, the longest first: they begin first, and what is short fills the end."""
POLITELY = ("nice", "-n", "19")
"""Makes room for what measures time beside it."""


@dataclass(frozen=True)
class Step:
    """One program whose exit status says whether something is right; some also write a JUnit report."""

    name: str
    argv: tuple[str, ...]
    report: Path | None = None
    tells: bool = False  # its last line is worth reading also where all is right
    in_memory: bool = (
        False  # its temporary files need no disk: a database that is written safely is slow there
    )


def lint() -> list[Step]:
    """Style, structure and types, the slow ones first so that two cores end together."""
    return [
        _program("ansible-lint", "--offline", "-q", "--nocolor"),
        _program("mypy"),
        _program("yamllint", "--strict", *_top_level()),
        _program("amlint", "check", "--strict", "monitoring/alertmanager.yml"),
        _program("lint-imports"),
        _program("ruff", "check", "."),
        Step("ruff format", (str(VENV / "bin" / "ruff"), "format", "--check", ".")),
    ]


def quick() -> list[Step]:
    """What a person runs between two edits: under a minute on two cores that have nothing else to do."""
    units = sorted(path for path in (REPO / "tests" / "unit").iterdir() if _has_tests(path))
    others = [path for path in units if path.name != "rollback"]
    rules = [REPO / "tests" / "rules" / f"test_{name}.py" for name in ("rules", "coverage")]
    slow_linters = ("ansible-lint", "yamllint")
    return [
        _pytest("unit-rollback", [REPO / "tests" / "unit" / "rollback"], *QUICK),
        _pytest("unit", others, *QUICK),
        _pytest("rules", rules, *QUICK),
        _pytest("consistency", [REPO / "tests" / "consistency"], *QUICK),
        *(step for step in lint() if step.name not in slow_linters),
    ]


def without_lab(*, every: bool) -> list[Step]:
    """All that needs no lab host and no engine. Siblings of scenes only with *every*."""
    return [
        *parts("contract", *NOT_HARD),
        *rules(every=every),
        *whole("drawing"),
        *whole("unit", *NOT_HARD),
        *whole("consistency"),
        *lint(),
    ]


def longest_first(wanted: Iterable[Step]) -> list[Step]:
    """In the order in which lanes of work end together."""
    whole_sites = sorted(f"roles-{name.removeprefix('test_')}" for name in WHOLE_SITES)
    names = [f"tests/{name}" for name in (*whole_sites, *MINUTES)]
    return sorted(wanted, key=lambda step: names.index(step.name) if step.name in names else len(names))


def mutants(*, every: bool) -> Step:
    """The mutants of the rules that changed since this branch began or since the last commit, or of all."""
    report = REPORTS_DIR / "mutants.xml"
    which = () if every else ("--changed",)
    argv = (str(VENV / "bin" / "harness"), "rules", "mutate", *which, f"--junit={report}")
    return Step("mutants" if every else "mutants of changed rules", argv, report, tells=True)


def newer_prometheus() -> Step:
    """The unit tests of the rules with promtool 3."""
    return Step("rules with promtool 3", (str(VENV / "bin" / "harness"), "rules", "newer"))


def nights() -> Step:
    """A hundred nights through the rules and the daemon's decisions, the same ones every time."""
    argv = (sys.executable, "-m", "benchmarks.nights", "--nights=100", "--seed=1")
    return Step("a hundred nights", argv, tells=True)


def chaos() -> Step:
    """A few rounds of random disturbances on the lab, the same ones every time."""
    argv = (str(VENV / "bin" / "harness"), "chaos", "--rounds=4", "--seed=1")
    return Step("chaos", argv)


def on_scratch_hosts(*, every: bool) -> list[Step]:
    """The tests of roles: each file has a host of its own, so they run side by side.

    Those of WHOLE_SITES, and the stack in containers, come only with *every*.
    """
    files = sorted((REPO / "tests" / "roles").glob("test_*.py"))
    files = [path for path in files if every or path.stem not in WHOLE_SITES]
    which = () if every else ("-m", "not long")
    found = [_pytest(f"roles-{path.stem.removeprefix('test_')}", [path], *which) for path in files]
    return [*found, *(whole("containers") if every else [])]


def on_lab(*, every: bool) -> list[Step]:
    """What needs the lab hosts, one after the other: they share them. Most incidents only with *every*."""
    return [*whole("e2e", *(() if every else ("-m", "not incident"))), *([chaos()] if every else [])]


def hard(*, every: bool) -> list[Step]:
    """Kills, faults and load against real daemons, which need the machine for themselves, and beside them the
    long walk through states, which only computes and gives way; the longest only with *every*."""
    which = ("-m", "hard or long" if every else "hard")
    walk = _pytest("hard-walk", [REPO / "tests" / "unit"], *which)
    return [
        _pytest("hard", [REPO / "tests" / "contract"], *which),
        replace(walk, argv=(*POLITELY, *walk.argv)),
    ]


def rules(*, every: bool) -> list[Step]:
    """The tests of the rules in two steps of like length: the scenes and nights, and all others."""
    which = ("-m", "not hard") if every else NOT_HARD
    paths = sorted((REPO / "tests" / "rules").glob("test_*.py"))
    long = [path for path in paths if re.search("scenes|few_requests|nights", path.name)]
    return [
        _pytest("rules-scenes", long, *which),
        _pytest("rules", [path for path in paths if path not in long], *which),
    ]


def whole(folder: str, *options: str) -> list[Step]:
    """The tests of a folder as one step; none where it has no tests."""
    path = REPO / "tests" / folder
    return [_pytest(folder, [path], *options)] if _has_tests(path) else []


def parts(folder: str, *options: str) -> list[Step]:
    """The tests of a folder, each of its sub-folders a step of its own, so that they run side by side."""
    path = REPO / "tests" / folder
    inner = [
        _pytest(f"{folder}-{sub.name}", [sub], *options) for sub in sorted(path.iterdir()) if _has_tests(sub)
    ]
    loose = sorted(path.glob("test_*.py"))
    return inner + ([_pytest(folder, loose, *options)] if loose else [])


def _top_level() -> list[str]:
    """What is linted: yamllint would walk through .venv only to ignore it, which takes seconds."""
    folders = (path.name for path in REPO.iterdir() if path.is_dir())
    return [*sorted(name for name in folders if name[0] != "."), "site.yml"]


def _has_tests(path: Path) -> bool:
    return path.is_dir() and any(path.rglob("test_*.py"))


def _pytest(name: str, paths: list[Path], *options: str) -> Step:
    """The tests of these paths. Only what is about a disk, or about hosts, writes to one."""
    report = REPORTS_DIR / f"{name}.xml"
    argv = (sys.executable, "-m", "pytest", "--quiet", f"--junitxml={report}", *options)
    in_memory = all(IN_MEMORY & {*path.relative_to(REPO).parts} for path in paths)
    whole = (*argv, *(str(path.relative_to(REPO)) for path in paths))
    return Step(f"tests/{name}", whole, report, in_memory=in_memory)


def _program(name: str, *arguments: str) -> Step:
    return Step(name, (str(VENV / "bin" / name), *arguments))
