"""Which rules differ from a revision: only those need to be mutated again."""

import subprocess

import yaml

from harness.errors import HarnessError
from harness.paths import REPO
from harness.rules.ruleset import load_files, name_of


def changed_since(revision: str) -> set[str]:
    """Names of the rules that are new or different, and of all rules beside changed unit tests."""
    changed_tests = _git("diff", "--name-only", revision, "--", "tests/rules")
    names: set[str] = set()
    for file in load_files():
        topic = file.name.removesuffix(".rules.yml")
        if f"tests/rules/{topic}.test.yml" in changed_tests or f"tests/rules/{topic}_" in changed_tests:
            names |= {name_of(rule) for rule in file.rules}
            continue
        before = _rules_at(revision, file.name)
        names |= {name_of(rule) for rule in file.rules if dict(rule) not in before}
    return names


def _rules_at(revision: str, name: str) -> list[object]:
    path = f"monitoring/rules/{name}"
    if not _git("ls-tree", "--name-only", revision, "--", path).strip():
        return []
    document = yaml.safe_load(_git("show", f"{revision}:{path}"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def _git(*arguments: str) -> str:
    argv = ["git", "-C", str(REPO), *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HarnessError(f"expected a git revision, git says: {done.stderr.strip()}")
    return done.stdout
