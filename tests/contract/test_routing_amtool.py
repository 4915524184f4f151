"""The proof's reading of the routing tree and Alertmanager's own agree."""

from itertools import product

import pytest
import yaml

from devtools.paths import REPO
from monitoring.routing import receivers_of
from ruletools.programs import amtool

CONFIG = REPO / "monitoring" / "alertmanager.yml"
SEVERITIES = ("critical", "error", "warning", "info", "none", "odd")
COMPONENTS = ("backend", "database", "authentication", "revenue", "transactions", "rollback")


@pytest.mark.parametrize(("severity", "component"), list(product(SEVERITIES, COMPONENTS)))
def test_route_is_what_amtool_says(severity: str, component: str) -> None:
    labels = {"severity": severity, "component": component, "rollback": "auto"}
    pairs = [f"{name}={value}" for name, value in labels.items()]
    answer = amtool("config", "routes", "test", f"--config.file={CONFIG}", *pairs)

    assert answer.returncode == 0, answer.stderr
    found = [name for name, _ in receivers_of(yaml.safe_load(CONFIG.read_text()), labels)]
    assert found == answer.stdout.strip().split(",")
