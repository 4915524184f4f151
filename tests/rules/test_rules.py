"""Each alert's unit tests, run by promtool with only the rules that a group needs: seconds, not a minute.

The files are native: `promtool test rules tests/rules/*.test.yml` runs the same with all rules.
"""

import pytest

from devtools.paths import REPO
from ruletools.house.loading import load_files, load_suites
from ruletools.programs import promtool
from ruletools.ruleset import together
from ruletools.trials import Trial, run_trials

FILES = load_files()
SUITES = {suite.name: suite for suite in load_suites()}
GROUPS = [(suite, group) for suite in SUITES.values() for group in suite.groups]


@pytest.fixture(scope="module")
def passed() -> dict[tuple[str, str], bool]:
    """Whether each group passed, by suite and name: all are run together, many in one process."""
    trials = [
        Trial((suite.name, group.name), together(FILES, suite.rule_files).for_group(group), group)
        for suite, group in GROUPS
    ]
    return dict(run_trials(trials))


@pytest.mark.parametrize(("suite", "group"), [(s.name, g.name) for s, g in GROUPS])
def test_alerts_behave_as_their_unit_tests_say(
    suite: str, group: str, passed: dict[tuple[str, str], bool]
) -> None:
    if not passed[suite, group]:
        run = promtool("test", "rules", SUITES[suite].path)
        pytest.fail(f"{group}:\n{run.stdout}{run.stderr}")


def test_the_files_are_native() -> None:
    run = promtool("test", "rules", REPO / "tests" / "rules" / "queue.test.yml")
    assert run.returncode == 0, f"\n{run.stdout}{run.stderr}"


def test_each_rule_file_has_unit_tests_beside_it() -> None:
    topics = {file.name.removesuffix(".rules.yml") for file in FILES}
    assert topics <= SUITES.keys()
    assert all(f"{name.partition('_')[0]}.rules.yml" in suite.rule_files for name, suite in SUITES.items())


def test_group_names_are_unique_within_a_suite() -> None:
    names = [(suite.name, group.name) for suite, group in GROUPS]
    assert len(names) == len(set(names))
