"""Our reading of routes and integrations and Alertmanager's own agree."""

from itertools import product
from pathlib import Path

import pytest
import yaml

from devtools.paths import REPO
from monitoring.catalog import load
from monitoring.destinations import INTEGRATIONS
from monitoring.routing import receivers_of
from ruletools.programs import amtool

CONFIG = REPO / "monitoring" / "alertmanager.yml"
LATER = ("jira", "msteams", "msteamsv2", "rocketchat")
"""Integrations that Alertmanager 0.25 does not know yet."""
SEVERITIES = ("critical", "error", "warning", "info", "none", "odd", "")
COMPONENTS = sorted({alert.labels["component"] for alert in load(REPO / "monitoring" / "rules")} | {"odd"})
SHIPPED = yaml.safe_load(CONFIG.read_text())


@pytest.mark.parametrize("severity", SEVERITIES)
def test_routes_are_what_amtool_says(severity: str) -> None:
    for component, rollback in product(COMPONENTS, ("auto", "")):
        labels = {"severity": severity, "component": component, "rollback": rollback, "part": "database"}
        pairs = [f"{name}={value}" for name, value in labels.items()]
        answer = amtool("config", "routes", "test", f"--config.file={CONFIG}", *pairs)

        assert answer.returncode == 0, answer.stderr
        assert [name for name, _ in receivers_of(SHIPPED, labels)] == answer.stdout.strip().split(","), labels


@pytest.mark.parametrize("kind", [*sorted(INTEGRATIONS), "carrier_pigeon"])
def test_alertmanager_knows_the_same_integrations(kind: str, tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(f"route: {{receiver: a}}\nreceivers: [{{name: a, {kind}_configs: []}}]\n")
    answer = amtool("check-config", str(config))

    known = answer.returncode == 0
    assert known == (kind in INTEGRATIONS) or kind in LATER, answer.stdout + answer.stderr
