"""Each alert's unit tests, as promtool runs them: one process per file, so that a failure names its topic."""

from pathlib import Path

import pytest

from harness.paths import REPO
from harness.rules.programs import promtool

FILES = sorted((REPO / "tests" / "rules").glob("*.test.yml"))


@pytest.mark.parametrize("path", FILES, ids=[path.name.removesuffix(".test.yml") for path in FILES])
def test_alerts_behave_as_their_unit_tests_say(path: Path) -> None:
    run = promtool("test", "rules", path)
    assert run.returncode == 0, f"\n{run.stdout}{run.stderr}"
