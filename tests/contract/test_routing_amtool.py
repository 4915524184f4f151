"""Our reading of routes and integrations and Alertmanager's own agree.

`amtool config routes test` starts a process for each alert. Here each version of Alertmanager is given all of
them at once, and amtool asks it once to whom it leads each.
"""

import json
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import yaml

from devtools.paths import REPO
from devtools.ports import free_port
from devtools.tools import tool
from devtools.wait import until
from harness.clients import Alertmanager
from harness.notify.table import rows
from monitoring.catalog import load
from monitoring.destinations import INTEGRATIONS
from monitoring.routing import receivers_of
from monitoring.yaml_text import read_yaml
from ruletools.programs import amtool
from tests.contract.playing import alert_of

CONFIG = REPO / "monitoring" / "alertmanager.yml"
LATER = ("jira", "msteams", "msteamsv2", "rocketchat")
"""Integrations that Alertmanager 0.25 does not know yet."""
SEVERITIES = ("critical", "error", "warning", "info", "none", "odd", "")
ALERTS = load(REPO / "monitoring" / "rules")
COMPONENTS = sorted({alert.labels["component"] for alert in ALERTS} | {"odd"})
SHIPPED = read_yaml(CONFIG.read_text())
DEADLINE_S = 30
Labels = dict[str, str]


def asked() -> Iterator[Labels]:
    """Every alert as the table of who is told has it, then what no rule says."""
    yield from (row.labels for row in rows(SHIPPED, ALERTS))
    for severity, component, rollback in product(SEVERITIES, COMPONENTS, ("auto", "")):
        yield {"severity": severity, "component": component, "rollback": rollback, "part": "database"}


ASKED = [{**labels, "number": str(number)} for number, labels in enumerate(asked())]


@pytest.mark.slow
@pytest.mark.parametrize("version", ["alertmanager", "alertmanager-0.28"])
def test_alertmanager_leads_every_alert_where_we_read_that_it_does(version: str, tmp_path: Path) -> None:
    led = answered(version, tmp_path)
    read = {one["number"]: [name for name, _ in receivers_of(SHIPPED, one)] for one in ASKED}

    assert {number: (led[number], names) for number, names in read.items() if led[number] != names} == {}


def answered(version: str, folder: Path) -> dict[str, list[str]]:
    """The receivers of each alert, from the routes that are shipped; nobody is told anything."""
    silent = {"route": SHIPPED["route"], "receivers": [{"name": one["name"]} for one in SHIPPED["receivers"]]}
    times = {"time_intervals": SHIPPED["time_intervals"]}
    (folder / "alertmanager.yml").write_text(yaml.safe_dump({**silent, **times}))
    client, program = Alertmanager(f"http://127.0.0.1:{free_port()}"), tool(version)
    address = client.base.removeprefix("http://")
    argv = [
        *(str(program), f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data"),
        *(f"--web.listen-address={address}", "--cluster.listen-address="),
    ]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(argv, cwd=program.parent, stderr=log) as process,
    ):
        try:
            until("Alertmanager", lambda: client.ready("/-/ready"), deadline_s=DEADLINE_S)
            client.post([alert_of(labels) for labels in ASKED])
            return until("all to be led", lambda: answer(client.base), deadline_s=DEADLINE_S)
        finally:
            process.kill()


def answer(url: str) -> dict[str, list[str]]:
    """What amtool says of all; nothing while some are missing."""
    said = amtool("alert", "query", "--output=json", f"--alertmanager.url={url}")
    assert said.returncode == 0, said.stderr
    found = {
        one["labels"]["number"]: [receiver["name"] for receiver in one["receivers"]]
        for one in json.loads(said.stdout)
    }
    return found if len(found) == len(ASKED) else {}


@pytest.mark.parametrize("kind", [*sorted(INTEGRATIONS), "carrier_pigeon"])
def test_alertmanager_knows_the_same_integrations(kind: str, tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(f"route: {{receiver: a}}\nreceivers: [{{name: a, {kind}_configs: []}}]\n")
    answer = amtool("check-config", str(config))

    known = answer.returncode == 0
    assert known == (kind in INTEGRATIONS) or kind in LATER, answer.stdout + answer.stderr
