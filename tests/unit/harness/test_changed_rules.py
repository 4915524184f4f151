"""`--since` finds every rule that differs, or whose unit tests or excuses do, and no other."""

import subprocess
from pathlib import Path

import pytest

from ruletools.errors import RulesError
from ruletools.house.changed import base, changed_since

RULES, TESTS = "monitoring/rules/a.rules.yml", "tests/rules/a.test.yml"
GROUP = """
  - {{name: {alert}, interval: 1m, input_series: [], alert_rule_test: [
      {{eval_time: 1m, alertname: {alert}, exp_alerts: []}}]}}"""
FILES = {
    RULES: """
groups:
  - name: a
    rules:
      - {record: a:up:sum, expr: sum(up)}
      - {alert: Reads, expr: "a:up:sum < 1"}
      - {alert: Alone, expr: "x > 1"}
""",
    TESTS: "rule_files: [../../monitoring/rules/a.rules.yml]\nevaluation_interval: 1m\ntests:"
    + GROUP.format(alert="Reads")
    + GROUP.format(alert="Alone"),
    "tests/rules/equivalents.yml": "[{rule: 'Al.*', fault: x, reason: y}]\n",
    "tests/rules/exemptions.yml": "Reads: {short: because}\n",
}


def _git(repo: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    subprocess.run(["git", "-C", str(repo), *who, *arguments], check=True, capture_output=True)


def _commit(repo: Path) -> None:
    _git(repo, "add", "-A")
    _git(repo, "commit", "-qm", "a", "--allow-empty")


def _replace(repo: Path, path: str, old: str, new: str) -> None:
    text = (repo / path).read_text()
    assert old in text
    (repo / path).write_text(text.replace(old, new))


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    """A repository with one commit on main and nothing uncommitted."""
    repo = tmp_path / "repo"
    for path, text in FILES.items():
        (repo / path).parent.mkdir(parents=True, exist_ok=True)
        (repo / path).write_text(text)
    _git(repo, "init", "-qb", "main")
    _commit(repo)
    return repo


@pytest.mark.parametrize(
    ("path", "old", "new", "changed"),
    [
        (RULES, "x > 1", "x > 2", {"Alone"}),
        (RULES, "sum(up)", "max(up)", {"a:up:sum", "Reads"}),
        (RULES, "  - name: a", "  # a comment\n  - name: a", set()),
        (TESTS, "eval_time: 1m, alertname: Alone", "eval_time: 2m, alertname: Alone", {"Alone"}),
        (TESTS, "eval_time: 1m, alertname: Reads", "eval_time: 2m, alertname: Reads", {"a:up:sum", "Reads"}),
        (TESTS, "evaluation_interval: 1m", "evaluation_interval: 2m", {"a:up:sum", "Reads", "Alone"}),
        (TESTS, GROUP.format(alert="Alone"), "", {"Alone"}),
        ("tests/rules/equivalents.yml", "fault: x", "fault: z", {"Alone"}),
        ("tests/rules/equivalents.yml", "[{rule: 'Al.*', fault: x, reason: y}]", "", {"Alone"}),
        ("tests/rules/exemptions.yml", "because", "for another reason", {"Reads"}),
    ],
)
def test_a_change_selects_the_rules_concerned(
    repo: Path, path: str, old: str, new: str, changed: set[str]
) -> None:
    _replace(repo, path, old, new)

    assert changed_since("HEAD", repo) == changed


def test_files_that_git_does_not_know_count(repo: Path) -> None:
    (repo / "monitoring/rules/b.rules.yml").write_text(
        "groups: [{name: b, rules: [{alert: B, expr: y, for: 1m}]}]"
    )
    (repo / "tests/rules/a_slow.test.yml").write_text(
        FILES[TESTS].replace("Reads", "Alone").replace("- {name: Alone", "- {name: 'Alone: slow'", 1)
    )

    assert changed_since("HEAD", repo) == {"B", "Alone"}


def test_another_file_with_the_same_beginning_is_not_concerned(repo: Path) -> None:
    (repo / "monitoring/rules/a_b.rules.yml").write_text("groups: [{name: b, rules: [{alert: B, expr: y}]}]")
    (repo / "tests/rules/a_b.test.yml").write_text(
        FILES[TESTS].replace("a.rules.yml", "a_b.rules.yml").replace("Reads", "B")
    )
    _commit(repo)

    _replace(repo, "tests/rules/a_b.test.yml", "eval_time: 1m, alertname: B", "eval_time: 2m, alertname: B")

    assert changed_since("HEAD", repo) == {"B"}


def test_a_worktree_compares_its_own_files(repo: Path, tmp_path: Path) -> None:
    _git(repo, "worktree", "add", "-q", str(tmp_path / "tree"))
    _replace(tmp_path / "tree", RULES, "x > 1", "x > 2")

    assert changed_since("main", tmp_path / "tree") == {"Alone"}
    assert changed_since("main", repo) == set()


def test_an_unknown_revision_is_one_sentence(repo: Path) -> None:
    with pytest.raises(RulesError, match=r"^expected a git revision that this clone has, found 'nonsense'$"):
        changed_since("nonsense", repo)


def _head(repo: Path, revision: str = "HEAD") -> str:
    argv = ["git", "-C", str(repo), "rev-parse", revision]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def test_work_began_where_the_branch_left_main_and_on_main_at_the_parent(repo: Path) -> None:
    first = _head(repo)
    _git(repo, "switch", "-qc", "topic")
    _commit(repo)
    _commit(repo)
    assert base(repo) == first

    _git(repo, "switch", "-q", "main")
    _git(repo, "merge", "-q", "topic")
    assert base(repo) == _head(repo, "HEAD^")


@pytest.mark.parametrize("branch", ["main", "elsewhere"])
def test_without_history_nobody_knows(repo: Path, branch: str) -> None:
    _git(repo, "branch", "-M", branch)  # a first commit has no parent, another branch no upstream

    assert base(repo) is None


def test_a_shallow_clone_does_not_know(repo: Path, tmp_path: Path) -> None:
    _commit(repo)
    _git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repo}", "clone")

    assert base(tmp_path / "clone") is None
    assert base(repo) == _head(repo, "HEAD^")
