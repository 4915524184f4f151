"""The files around the code say the same as the code: version, hooks, and what CI runs."""

import re
import shlex
import subprocess
from collections import Counter

import rollback
from devtools.checks import steps
from devtools.paths import REPO
from monitoring.yaml_text import read_yaml

HOOKS = ".pre-commit-config.yaml"


def test_the_changelog_begins_with_this_version_and_says_what_an_operator_must_do() -> None:
    newest = re.split(r"^## ", (REPO / "CHANGELOG.md").read_text(), flags=re.M)[1]

    assert newest.startswith(f"{rollback.__version__}, ")
    assert "### What an operator must do" in newest


def test_the_hooks_are_the_checks_of_make_lint() -> None:
    hooks = [hook for repo in read_yaml((REPO / HOOKS).read_text())["repos"] for hook in repo["hooks"]]
    hooked = {hook["name"]: shlex.split(hook["entry"])[0] for hook in hooks}

    assert hooked == {step.name: f".venv/bin/{step.argv[0].rpartition('/')[2]}" for step in steps.lint()}


def test_both_ways_of_ci_call_the_same_make_target() -> None:
    called = {
        name: set(re.findall(r"(?:exec|&&|run:) make ([a-z-]+)", (REPO / name).read_text()))
        for name in (".ci/run", ".github/workflows/ci.yml")
    }

    assert called == {name: {"test"} for name in called}


def test_no_room_holds_three_tenths_of_the_code() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.py"], cwd=REPO, check=True, capture_output=True, text=True
    ).stdout.split()
    lines: Counter[str] = Counter()
    for path in listed:
        lines[path.split("/")[0]] += len((REPO / path).read_text("utf-8").splitlines())
    del lines["tests"]

    largest, count = lines.most_common(1)[0]

    assert count < 0.3 * lines.total(), (
        f"{largest} has {count} of {lines.total()} lines: make two rooms of it"
    )
