"""The recipes of CONTRIBUTING.md hold: each adds a dummy in a copy of the tree, by its places alone.

The checks of a recipe name the places that are still missing until none is, and are green with all of them.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from devtools.paths import REPO

pytestmark = pytest.mark.slow
Add = Callable[[Path], None]
TEXT = (REPO / "CONTRIBUTING.md").read_text()


@dataclass(frozen=True)
class Place:
    """One step of a recipe: the file that CONTRIBUTING.md names, and what a check says without it."""

    file: str
    add: Add
    complaint: str = ""


def append(file: str, text: str) -> Add:
    """A step that ends a file with more text."""
    return lambda tree: (tree / file).write_text((tree / file).read_text().rstrip("\n") + "\n" + text)


def replace(file: str, old: str, new: str) -> Add:
    """A step that changes one text of a file; it must be there."""

    def change(tree: Path) -> None:
        text = (tree / file).read_text()
        assert old in text, (file, old)
        (tree / file).write_text(text.replace(old, new, 1))

    return change


def copied(source: str, file: str, *changes: tuple[str, str]) -> Add:
    """A step that makes a file like another one."""

    def change(tree: Path) -> None:
        text = (tree / source).read_text()
        for old, new in changes:
            text = text.replace(old, new)
        (tree / file).write_text(text)

    return change


def repeated(file: str, begin: str, end: str, *changes: tuple[str, str]) -> Add:
    """A step that ends a file with a changed copy of a part of it."""

    def change(tree: Path) -> None:
        text = (tree / file).read_text()
        start = text.index(begin)
        part = text[start : text.index(end, start + len(begin))].rstrip("\n")
        for old, new in changes:
            part = part.replace(old, new)
        append(file, f"\n{part}\n")(tree)

    return change


RULE = (("RedisEvictions", "RedisDummyHigh"), ("redis_evictions", "redis_dummy_high"))
GUARD = "\n\ndef dummy(facts: Facts) -> Answer:\n    return _answer('dummy', facts.now.minute != 59, Reason.DUMMY)\n\n\n"
RECIPES: dict[str, tuple[list[Place], list[str]]] = {
    "An alert": (
        [
            Place(
                "monitoring/rules/",
                repeated(
                    "monitoring/rules/redis.rules.yml",
                    "      - alert: RedisEvictions",
                    "      - alert:",
                    *RULE,
                ),
            ),
            Place(
                "tests/rules/",
                repeated(
                    "tests/rules/redis.test.yml", "  - name: RedisEvictions", "  - name: RedisRejected", *RULE
                ),
                r"RedisDummyHigh.*MISSING",
            ),
            Place(
                "docs/runbooks/",
                copied("docs/runbooks/RedisEvictions.md", "docs/runbooks/RedisDummyHigh.md", *RULE),
                r"docs/runbooks.*RedisDummyHigh",
            ),
            Place(
                "harness/faults/catalog.yml",
                append(
                    "harness/faults/catalog.yml",
                    "RedisDummyHigh: {real: Redis is given dummies until it is full.}\n",
                ),
                r"faults/catalog\.yml.*RedisDummyHigh",
            ),
        ],
        ["tests/consistency/test_faults.py", "tests/consistency/test_runbooks.py", "coverage"],
    ),
    "An exporter": (
        [
            Place(
                "roles/exporter/vars/",
                copied(
                    "roles/exporter/vars/node.yml",
                    "roles/exporter/vars/dummy.yml",
                    (
                        "node: {groups: [monitoring, application, postgresql, redis]",
                        "dummy: {groups: [dummies]",
                    ),
                    ("9100", "9999"),
                    ("node", "dummy"),
                ),
            ),
            Place(
                "monitoring/prometheus.yml",
                append(
                    "monitoring/prometheus.yml",
                    "  - job_name: dummy\n    file_sd_configs:\n      - files: [targets/dummy.yml]\n",
                ),
                r"a job_name dummy .* in monitoring/prometheus\.yml",
            ),
            *(
                Place(
                    f"inventories/{site}/hosts.yml",
                    replace(
                        f"inventories/{site}/hosts.yml",
                        "    redis:\n",
                        "    dummies:\n      hosts: {}\n    redis:\n",
                    ),
                    rf"the groups \['dummies'\] in inventories/{site}/hosts\.yml",
                )
                for site in ("lab", "production")
            ),
            Place(
                "tests/rules/exposed_metrics.yml",
                append("tests/rules/exposed_metrics.yml", "dummy:\n  labels: [env]\n  metrics: {}\n"),
                r"expected dummy in tests/rules/exposed_metrics\.yml",
            ),
        ],
        ["tests/consistency/test_exporters.py"],
    ),
    "A fault": (
        [
            Place(
                "harness/application/faults/",
                copied(
                    "harness/application/faults/hang.py",
                    "harness/application/faults/dummy.py",
                    ("Hang", "Dummy"),
                    ("hang", "dummy"),
                ),
            ),
            Place(
                "tests/unit/lab_application/test_target_faults.py",
                replace(
                    "tests/unit/lab_application/test_target_faults.py",
                    '    "hang": {},\n',
                    '    "hang": {},\n    "dummy": {},\n',
                ),
                r"expected \{'dummy'\} among the SPECS of .*test_target_faults\.py",
            ),
        ],
        ["tests/unit/lab_application/test_target_faults.py"],
    ),
    "A guard": (
        [
            Place(
                "rollback/domain/guards.py",
                lambda tree: (
                    replace(
                        "rollback/domain/guards.py", "\n\ndef known_trigger", GUARD + "def known_trigger"
                    )(tree),
                    replace("rollback/domain/guards.py", "    *FIRST,\n", "    *FIRST,\n    dummy,\n")(tree),
                )[0],
            ),
            Place(
                "rollback/domain/reasons.py",
                lambda tree: (
                    replace(
                        "rollback/domain/reasons.py",
                        '    FROZEN = "frozen"\n',
                        '    FROZEN = "frozen"\n    DUMMY = "dummy"\n',
                    )(tree),
                    replace(
                        "rollback/domain/reasons.py",
                        "    Reason.UNKNOWN_TRIGGER: Meaning",
                        '    Reason.DUMMY: Meaning(_IGNORE, True, "it is the last minute of an hour"),\n    Reason.UNKNOWN_TRIGGER: Meaning',
                    )(tree),
                )[0],
                r"Reason.* has no attribute 'DUMMY'",
            ),
            Place(
                "tests/unit/rollback/test_guards.py",
                replace(
                    "tests/unit/rollback/test_guards.py",
                    '    "firing": (',
                    '    "not the last minute": (guards.dummy, lambda m: {}, True, None),\n'
                    '    "the last minute": (guards.dummy, lambda m: {"now": at(59)}, False, Reason.DUMMY),\n    "firing": (',
                ),
                r"test_guards\.py for \['dummy'\]",
            ),
        ],
        ["tests/unit/rollback/test_guards.py", "tests/unit/rollback/test_decision.py"],
    ),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of every file that the repository has or would have."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=REPO, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (REPO / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPO / name, tmp_path / name)
    return tmp_path


def complaints(tree: Path, checks: list[str]) -> str:
    """What the checks of a recipe say in that tree; empty when they are green."""
    tests = [check for check in checks if check.startswith("tests/")]
    commands = [["-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", *tests]]
    commands += [["-m", "harness.cli", "rules", check] for check in checks if check not in tests]
    runs = [
        subprocess.run([sys.executable, *command], cwd=tree, capture_output=True, text=True, check=False)
        for command in commands
    ]
    return "".join(run.stdout + run.stderr for run in runs if run.returncode)


@pytest.mark.parametrize("name", RECIPES)
def test_the_page_names_the_places_of_the_recipe(name: str) -> None:
    places, checks = RECIPES[name]
    section = TEXT.partition(f"\n### {name}\n")[2].partition("\n### ")[0].partition("\n## ")[0]

    assert [place.file for place in places] == re.findall(r"^\d\. `([^`]+)`", section, flags=re.M)
    assert len(places) <= 6
    assert all(check in section for check in checks)


@pytest.mark.parametrize("name", RECIPES)
def test_the_checks_name_the_places_that_are_missing(name: str, tree: Path) -> None:
    (first, *missing), checks = RECIPES[name]
    first.add(tree)
    while said := complaints(tree, checks):
        named = [place for place in missing if re.search(place.complaint, said)]
        assert named, f"expected one of {[place.file for place in missing]} to be named, found {said[-3000:]}"
        for place in named:
            place.add(tree)
            missing.remove(place)
    assert not missing, f"nothing misses {[place.file for place in missing]}"
