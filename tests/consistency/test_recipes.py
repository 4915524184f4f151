"""The recipes of CONTRIBUTING.md hold: each adds a dummy in a copy of the tree, by its places alone.

The checks of a recipe name the places that are still missing until none is, and are green with all of them.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO
from monitoring.yaml_text import read_yaml

RECIPES = read_yaml(Path(__file__).with_name("recipes.yml").read_text())
PAGE = (REPO / "CONTRIBUTING.md").read_text()
MOST_PLACES = 6
Edit = dict[str, Any]


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


@pytest.mark.parametrize("name", RECIPES)
def test_the_page_lists_the_places_of_the_recipe(name: str) -> None:
    section = PAGE.partition(f"\n### {name}\n")[2].partition("\n### ")[0]
    places = [place["file"] for place in RECIPES[name]["places"]]

    assert re.findall(r"^\d\. `([^`]+)`", section, flags=re.M) == places
    assert len(places) <= MOST_PLACES
    assert all(check in section for check in RECIPES[name]["checks"])


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_the_checks_name_the_places_that_are_missing(name: str, tree: Path) -> None:
    first, *missing = RECIPES[name]["places"]
    add(tree, first)
    while said := complaints(tree, RECIPES[name]["checks"]):
        named = [place for place in missing if re.search(place["complaint"], said)]
        assert named, (
            f"expected one of {[place['file'] for place in missing]} to be named, found {said[-3000:]}"
        )
        for place in named:
            add(tree, place)
            missing.remove(place)
    assert not missing, f"no check misses {[place['file'] for place in missing]}"


def complaints(tree: Path, checks: list[str]) -> str:
    """What test files and commands of `harness rules` say in that tree; empty when all are green."""
    tests = [check for check in checks if check.startswith("tests/")]
    commands = [["-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=short", *tests]]
    commands += [["-m", "harness.cli", "rules", check] for check in checks if check not in tests]
    runs = [
        subprocess.run([sys.executable, *command], cwd=tree, capture_output=True, text=True, check=False)
        for command in commands
    ]
    return "".join(run.stdout + run.stderr for run in runs if run.returncode)


def add(tree: Path, place: dict[str, Any]) -> None:
    """Write the dummy's part in this place."""
    for edit in place["add"]:
        (kind,) = {"append", "replace", "copy", "repeat"} & edit.keys()
        source = tree / edit[kind]
        target = tree / edit["to"] if kind == "copy" else source
        target.write_text(EDITS[kind](source.read_text(), edit))


def _replaced(text: str, edit: Edit) -> str:
    assert edit["from"] in text, f"expected {edit['from']!r} in {edit['replace']}"
    return text.replace(edit["from"], edit["to"], 1)


def _repeated(text: str, edit: Edit) -> str:
    begin = text.index(edit["from"])
    part = text[begin : text.index(edit["to"], begin)]
    return f"{text.rstrip()}\n\n{_exchanged(part, edit).rstrip()}\n"


def _exchanged(text: str, edit: Edit) -> str:
    for old, new in edit["words"].items():
        text = text.replace(old, new)
    return text


EDITS = {
    "append": lambda text, edit: f"{text.rstrip()}\n{edit['text']}\n",
    "replace": _replaced,
    "copy": _exchanged,
    "repeat": _repeated,
}
