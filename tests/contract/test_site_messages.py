"""A real Alertmanager with a site's inputs, and the recorder as a Slack app: where messages arrive."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests

from devtools.paths import REPO
from devtools.playbook import run_playbook
from devtools.ports import free_port
from devtools.tools import tool
from devtools.wait import until
from harness.lab.keys import SLACK
from monitoring.catalog import load
from monitoring.delivery.line import questions
from monitoring.yaml_text import read_yaml
from roles.alertmanager.filter_plugins.mita_alertmanager import alertmanager_files
from ruletools.programs import amtool
from tests.contract.test_receivers import TIMEOUT

PLANTED = {
    "pagerduty_critical_key": secrets.token_hex(16),
    "pagerduty_error_key": secrets.token_hex(16),
    "rollback_webhook_secret": "planted-secret",
    "smtp_password": "planted-password",
}
SCALE = 60
ALERTS = [{**alert.labels, "alertname": alert.name} for alert in load(REPO / "monitoring" / "rules")]
LAB = read_yaml((REPO / "inventories/lab/group_vars/monitoring.yml").read_text())


@dataclass
class Site:
    """One Alertmanager and what it sends to."""

    url: str
    recorder: str
    config: Path
    alertmanager: "subprocess.Popen[bytes]"

    def post(self, **labels: str) -> None:
        alert = {"labels": {"service": "shop", "env": "test", **labels}, "annotations": {"summary": "a test"}}
        requests.post(self.url + "/api/v2/alerts", json=[alert], timeout=TIMEOUT).raise_for_status()

    def records(self, **query: str) -> list[dict[str, Any]]:
        return list(
            requests.get(self.recorder + "/requests", params=query, timeout=TIMEOUT).json()["requests"]
        )

    def arrived(self, alert: str) -> set[str]:
        """Where a message about the alert arrived."""
        records = [one for one in self.records() if one["valid"] and alert in json.dumps(one["body"])]
        return {f"{one['receiver']} {one.get('urgency') or one['channel']}" for one in records}

    def heart(self) -> dict[str, Any]:
        return dict(requests.get(self.recorder + "/hearts", timeout=TIMEOUT).json()["lab"])


def inputs(recorder: str, smtp_port: int) -> dict[str, Any]:
    """The lab's own inputs at the recorder's address here, with one route and one channel more."""
    said = {
        name: value for name, value in LAB.items() if name in ("alertmanager_channels", "alertmanager_mail")
    }
    said["alertmanager_mail"] = said["alertmanager_mail"] | {"smarthost": f"127.0.0.1:{smtp_port}"}
    hook = [{"url": f"{recorder}/webhook/shop", "send_resolved": True}]
    return {
        **said,
        "alertmanager_dead_man": {"url": f"{recorder}/ping/lab"},
        "alertmanager_receivers": [{"name": "shop", "webhook_configs": hook}],
        "alertmanager_routes": [{"matchers": ['team="shop"'], "receiver": "shop"}],
        "alertmanager_overrides": LAB["alertmanager_overrides"]
        | {"global": {"pagerduty_url": f"{recorder}/v2/enqueue", "smtp_require_tls": False}},
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place = tmp_path_factory.mktemp("site")
    http, smtp, port = free_port(), free_port(), free_port()
    recorder = f"http://127.0.0.1:{http}"
    paths = {name: f"T000/B{number:03}/{secrets.token_hex(8)}" for number, name in enumerate(SLACK)}
    credentials = {
        "slack": {paths[name]: channel for name, channel in SLACK.items()},
        "pagerduty": {PLANTED[f"pagerduty_{urgency}_key"]: urgency for urgency in ("critical", "error")},
    }
    settings = {"address": "127.0.0.1", "http_port": http, "smtp_port": smtp, "dead_man": {"lab": 4}}
    settings |= {
        "credentials": credentials,
        "smtp_username": "apikey",
        "smtp_password": PLANTED["smtp_password"],
    }
    (place / "settings.json").write_text(json.dumps(settings))
    files = alertmanager_files(
        str(REPO / "monitoring"),
        secrets=PLANTED | {name: f"{recorder}/services/{path}" for name, path in paths.items()},
        time_scale=SCALE,
        said=inputs(recorder, smtp),
        daemon={},
    )
    for file in files:
        path = place / file["path"]
        path.parent.mkdir(exist_ok=True)
        path.write_text(file["content"].replace("/etc/alertmanager/secrets", str(place / "secrets")))
    serving = [sys.executable, "-m", "harness.receivers", "--settings", str(place / "settings.json")]
    watching = [
        f"--config.file={place}/alertmanager.yml",
        f"--storage.path={place}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=error",
    ]
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(serving, cwd=REPO) as receivers:
        program = tool("alertmanager")
        with subprocess.Popen([str(program), *watching], cwd=program.parent) as alertmanager:
            try:
                for asked in (f"{recorder}/health", f"{url}/-/ready"):
                    until(f"{asked} to answer", partial(_answers, asked), deadline_s=20)
                yield Site(url, recorder, place / "alertmanager.yml", alertmanager)
            finally:
                alertmanager.terminate()
                receivers.terminate()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=TIMEOUT).ok
    except requests.RequestException:
        return False


MAIL = f"smtp {LAB['alertmanager_mail']['to']}"
CRITICAL = {"slack #mita-alerts", "slack #mita-incidents", "pagerduty critical", MAIL}


@pytest.mark.parametrize(
    ("labels", "places"),
    [
        ({"severity": "critical", "component": "backend"}, CRITICAL),
        ({"severity": "critical", "component": "database"}, CRITICAL | {"slack #mita-database"}),
        (
            {"severity": "error", "component": "revenue"},
            {"slack #mita-alerts", "pagerduty error", MAIL, "slack #mita-finance-team"},
        ),
        ({"severity": "critcal", "component": "backend"}, {"slack #mita-alerts", MAIL}),
        ({"severity": "critical", "component": "backend", "team": "shop"}, CRITICAL | {"webhook shop"}),
    ],
    ids=["critical", "database", "finance", "misspelt", "added"],
)
def test_a_message_arrives_in_the_channel_whose_address_it_has(
    site: Site, request: pytest.FixtureRequest, labels: dict[str, str], places: set[str]
) -> None:
    name = "Tried" + request.node.callspec.id.title()

    site.post(alertname=name, symptom=name, **labels)

    until(f"{name} to arrive", lambda: site.arrived(name) >= places, deadline_s=30)
    assert site.arrived(name) == places
    assert [one["problems"] for one in site.records() if not one["valid"]] == []


@pytest.mark.long
def test_a_person_sees_where_the_message_to_each_channel_arrives(site: Site, tmp_path: Path) -> None:
    """One address is another channel's, which only a reader sees, and one is unknown, which is told."""
    channels = {"database": {"address": "slack_other_url"}, "security": {"address": "slack_lost_url"}}
    addresses = {
        path.name: path.read_text()
        for path in (site.config.parent / "secrets").iterdir()
        if path.name in SLACK
    }
    said = {
        "alertmanager_secrets": PLANTED
        | addresses
        | {
            "slack_other_url": addresses["slack_finance_url"],
            "slack_lost_url": f"{site.recorder}/services/T000/B999/planted",
        },
        "alertmanager_channels": LAB["alertmanager_channels"] | channels,
        "alertmanager_mail": LAB["alertmanager_mail"],
        "alertmanager_without": {"dead_man": "a test"},
    }
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    groups = {"monitoring": {"hosts": {"here": here}}}
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"vars": {"site_name": "nowhere"}, "children": groups}}))
    before = max([one["seq"] for one in site.records()], default=0)

    played = run_playbook("playbooks/test_channels.yml", inventory=inventory, variables=said)
    assert played.returncode == 2, played.output

    assert "#mita-database by slack_other_url: ok" in played.failure()
    assert "#mita-security by slack_lost_url: no_service" in played.failure()
    assert "planted" not in played.output
    arrived = {
        one.get("asked"): one["channel"] for one in site.records(receiver="slack") if one["seq"] > before
    }
    assert arrived["#mita-database"] == "#mita-finance-team"
    assert arrived["#mita-incidents"] == "#mita-incidents"


def test_the_heartbeat_is_heard_outside_and_its_end_is_told(site: Site) -> None:
    site.post(
        alertname="Watchdog", severity="none", component="meta", symptom="watchdog", rollback="heartbeat"
    )
    until("two heartbeats", lambda: site.heart()["beats"] >= 2, deadline_s=30)
    assert site.heart()["state"] == "beating"

    site.alertmanager.kill()

    until("the silence to be told", lambda: site.records(receiver="dead-man"), deadline_s=15)
    (told,) = site.records(receiver="dead-man")
    assert (told["event"], told["channel"]) == ("silent", "lab")


def test_amtool_reads_the_rendered_file_as_the_controller_does(site: Site) -> None:
    asked = questions(read_yaml(site.config.read_text()), ALERTS)
    assert len(asked) > 15

    for question in asked:
        answer = amtool("config", "routes", "test", f"--config.file={site.config}", *question)
        assert answer.returncode == 0, answer.stdout + answer.stderr
    wrong = asked[0][0].replace("rollback", "unrouted")
    assert amtool("config", "routes", "test", f"--config.file={site.config}", wrong, *asked[0][1:]).returncode
