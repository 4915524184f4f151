"""Every alert has a runbook, every runbook an alert, and its commands could be run as they stand."""

import re
import subprocess

import pytest

from devtools.paths import REPO
from monitoring.catalog import load
from monitoring.promql_parse import parse
from ruletools.house.files import RUNBOOKS
from ruletools.house.lint.runbooks import commands

ALERTS = [alert.name for alert in load(REPO / "monitoring" / "rules")]
HEADINGS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "Escalation"]
HOSTS = {"monitor", "app1", "app2", "data"}
NAME = re.compile(r"(?<![\w/.])(?:[A-Z][a-z0-9]+){2,}(?!\w)")
OTHER_NAMES = {"PagerDuty"}


def test_there_is_one_page_per_alert_and_no_orphan() -> None:
    pages = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == set(ALERTS), f"expected one page per alert in {RUNBOOKS}: {pages ^ set(ALERTS)}"


@pytest.mark.parametrize("name", ALERTS)
def test_a_page_has_its_parts_and_each_says_something(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    assert text.startswith(f"# {name}\n")
    parts = re.split(r"^## (.*)$", text, flags=re.M)[1:]
    assert parts[::2] == HEADINGS
    assert all(len(part.strip()) > 10 for part in parts[1::2])


@pytest.mark.parametrize("name", ALERTS)
def test_its_commands_are_shell_and_their_queries_promql(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    blocks = [command for command in commands() if command.page == name]
    assert blocks
    assert text.count("```") == 2 * len(blocks), "expected only blocks that begin with ```sh host=NAME"
    assert {command.host for command in blocks} <= HOSTS
    script = "\n".join(command.text for command in blocks)
    assert subprocess.run(["bash", "-n", "-c", script], check=False).returncode == 0
    for query in re.findall(r"promtool query instant \S+ '([^']*)'", script):
        parse(query)


@pytest.mark.parametrize("name", sorted({*ALERTS} - {"Watchdog"}))
def test_a_page_does_not_ask_whether_its_alert_fires(name: str) -> None:
    """The pager said so, and docs/runbooks/README.md says once how to look."""
    assert f'ALERTS{{alertname="{name}"' not in (RUNBOOKS / f"{name}.md").read_text()


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_that_a_page_names_exists(name: str) -> None:
    named = set(NAME.findall((RUNBOOKS / f"{name}.md").read_text()))
    assert named - OTHER_NAMES <= set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_a_page_says_whether_a_rollback_helps(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    mitigation = text.partition("## Mitigation")[2].partition("## Escalation")[0]
    assert re.search(r"roll(ed|ing|s)?[- ]?(it )?back|rollback", mitigation, re.I)
