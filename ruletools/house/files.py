"""Where this repository keeps what the rule tools judge."""

from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
MONITORING = REPO / "monitoring"
RULES = MONITORING / "rules"
TESTS = REPO / "tests" / "rules"
RUNBOOKS = REPO / "docs" / "runbooks"
EXEMPTIONS = TESTS / "exemptions.yml"
EXCEPTIONS = TESTS / "lint_exceptions.yml"
EQUIVALENTS = TESTS / "equivalents.yml"
CATALOGUE = TESTS / "exposed_metrics.yml"
