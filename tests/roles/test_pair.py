"""Two monitoring hosts from an inventory that names them: an alert is told once, whichever is lost."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
import yaml

from devtools.playbook import Run, run_playbook
from devtools.wait import until
from harness.scratch.host import Scratch, scratch_host
from monitoring.yaml_text import read_yaml
from tests.roles.services import PLANTED, WITHOUT

pytestmark = pytest.mark.lab
FIRST, SECOND = "monitor1", "monitor2"
PEER_TIMEOUT_S = 15.0
"""So long the second Alertmanager waits for the first before it tells people itself."""
ALERTS = ("TriedFirst", "TriedSecond", "TriedThird")
APART = "TriedApart"
RULE = {
    "labels": {
        "severity": "critical",
        "component": "backend",
        "service": "mita-backend",
        "env": "production",
        "symptom": "tried",
        "rollback": "auto",
        "rollback_trigger": "error_rate_threshold",
    },
    "annotations": {"summary": "A test of two monitoring hosts"},
}
RECORDER = """
import http.server, pathlib
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open("/srv/told", "ab") as told:
            told.write(body.strip() + b"\\n")
        self.send_response(200)
        self.end_headers()
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.end_headers()
        self.wfile.write(pathlib.Path("/srv/metrics").read_bytes())
http.server.ThreadingHTTPServer(("", 9800), Handler).serve_forever()
"""
ROWS = """
import sqlite3, sys
store = sqlite3.connect("file:/var/lib/mita-rollback/rollback.db?mode=ro", uri=True)
asked = "SELECT count(*) FROM inbox WHERE status = 'firing' AND alert LIKE ?"
print(store.execute(asked, [f"%{sys.argv[1]}%"]).fetchone()[0])
"""


@dataclass(frozen=True)
class Pair:
    """The two hosts; on the first are the daemon, what records, and a store that is written to."""

    hosts: dict[str, Scratch]
    inventory: Path

    def play(self, playbook: str = "site.yml", *options: str) -> Run:
        return run_playbook(playbook, *options, inventory=self.inventory)

    def run(self, host: str, command: str, *arguments: str) -> str:
        return str(self.hosts[host].host.check_output(command, *arguments))

    def ask(self, host: str, port: int, path: str) -> Any:
        return json.loads(self.run(host, "curl -sSgf %s", f"http://127.0.0.1:{port}{path}"))

    def told(self, alert: str) -> list[Any]:
        """Each message of a receiver for people that says that this alert fires."""
        lines = self.run(FIRST, "cat /srv/told").splitlines()
        firing = [one for one in map(json.loads, lines) if one["status"] == "firing"]
        return [one for one in firing if one["commonLabels"].get("alertname") == alert]

    def rows(self, alert: str) -> int:
        """How often the daemon has stored that it fires."""
        return int(self.run(FIRST, "python3 -c %s %s", ROWS, alert))

    def fire(self, alert: str) -> None:
        text = "".join(f'tried{{name="{name}"}} {int(name == alert)}\n' for name in (*ALERTS, APART))
        self.run(FIRST, "printf %%s %s > /srv/metrics.new && mv /srv/metrics.new /srv/metrics", text)

    def until_told(self, alert: str) -> None:
        """Wait until people and the daemon know of it, and the second Alertmanager has had its turn."""
        until(f"{alert} to be told", lambda: self.told(alert), deadline_s=90)
        until(f"{alert} to be stored", lambda: self.rows(alert), deadline_s=30)
        self.until_both_had_their_turn()

    def until_both_had_their_turn(self) -> None:
        known = monotonic()
        until("both turns to be over", lambda: monotonic() > known + PEER_TIMEOUT_S + 5, deadline_s=60)

    def begin_anew(self, old: str, new: str) -> None:
        """Have both Alertmanagers look for the other at another port than before."""
        unit = "/etc/systemd/system/alertmanager.service"
        for host in self.hosts:
            self.run(host, "systemctl stop alertmanager")
        for host in self.hosts:
            self.run(host, f"sed -i '/cluster.peer=/s/{old}/{new}/' {unit} && systemctl daemon-reload")
            self.run(host, "systemctl start alertmanager")

    def members(self, host: str) -> int:
        return len(self.ask(host, 9093, "/api/v2/status")["cluster"]["peers"])


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Scratch]]:
    """Two hosts that know each other by name, as a name service would have it."""
    one, two = (tmp_path_factory.mktemp(name) for name in (FIRST, SECOND))
    with scratch_host(FIRST, one) as first, scratch_host(SECOND, two) as second:
        found = {FIRST: first, SECOND: second}
        lines = "".join(
            f"{host.host.check_output('hostname -i').split()[0]} {name}\n" for name, host in found.items()
        )
        for host in found.values():
            host.host.check_output("printf %%s %s >> /etc/hosts", lines)
        yield found


@pytest.fixture(scope="module")
def pair(hosts: dict[str, Scratch], tmp_path_factory: pytest.TempPathFactory) -> Pair:
    place = tmp_path_factory.mktemp("site")
    # A scrape that is missed on a busy machine must not end the alert and begin it anew.
    asked = {name: f'max(last_over_time(tried{{name="{name}"}}[20s])) == 1' for name in (*ALERTS, APART)}
    rules = [{"alert": name, "expr": expression, **RULE} for name, expression in asked.items()]
    (place / "tried.rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "tried", "rules": rules}]}))
    known = {
        name: read_yaml(host.inventory.read_text())["all"]["hosts"][name] for name, host in hosts.items()
    }
    children: dict[str, Any] = {
        "monitoring": {"hosts": {FIRST: {}, SECOND: {}}},
        "rollback": {"hosts": {FIRST: {}}},
    }
    inventory = place / "hosts.yml"
    inventory.write_text(
        yaml.safe_dump({"all": {"hosts": known, "children": children, "vars": variables(place)}})
    )
    hosts[FIRST].host.check_output("mkdir -p /srv && touch /srv/told /srv/metrics")
    hosts[FIRST].host.check_output("systemd-run --unit=recorder /usr/bin/python3 -c %s", RECORDER)
    found = Pair(hosts, inventory)
    found.fire("")
    return found


def variables(place: Path) -> dict[str, Any]:
    """What any site says, and nothing about a pair: where the recorder and the store are, and secrets."""
    secrets = {name: text for name, text in PLANTED.items() if name not in ("postgres", "redis", "web")}
    recorder = {"name": "recorder", "webhook_configs": [{"url": f"http://{FIRST}:9800/"}]}
    instead = dict.fromkeys(("pagerduty", "slack", "mail"), "what records stands for people")
    return {
        "alertmanager_without": {**WITHOUT, **instead},
        "alertmanager_secrets": secrets,
        "alertmanager_receivers": [recorder],
        "alertmanager_routes": [{"receiver": "recorder"}],
        "alertmanager_time_scale": 15,
        "prometheus_time_scale": 15,
        "prometheus_jobs": {"tried": {"groups": [], "also": [{"target": f"{FIRST}:9800"}]}},
        "prometheus_rule_files": [str(place / "tried.rules.yml")],
        "prometheus_remote_write": [{"url": f"http://{FIRST}:9900/api/v1/write"}],
        "rollback_webhook_secret": PLANTED["rollback_webhook_secret"],
        "rollback_admin_secret": "planted-admin-secret-of-the-pair",
        "rollback_time_scale": 15,
        "time_service": "none",
    }


# The tests tell one story in order; each fixture is a scene and needs the one before.


@pytest.fixture(scope="module")
def installed(pair: Pair) -> Run:
    return pair.play().ok()


def test_a_second_play_changes_nothing(installed: Run, pair: Pair) -> None:
    assert pair.play().ok().changed() == []


@pytest.mark.parametrize("host", [FIRST, SECOND])
def test_each_asks_both_and_sends_its_alerts_to_both(installed: Run, pair: Pair, host: str) -> None:
    active = pair.ask(host, 9090, "/api/v1/targets?state=active")["data"]["activeTargets"]
    up = {(one["labels"]["job"], one["labels"]["instance"]) for one in active if one["health"] == "up"}
    taken = pair.ask(host, 9090, "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]

    assert {(job, name) for job in ("prometheus", "alertmanager", "node") for name in (FIRST, SECOND)} <= up
    assert {one["url"] for one in taken} == {f"http://{name}:9093/api/v2/alerts" for name in (FIRST, SECOND)}
    assert pair.members(host) == 2


@pytest.mark.parametrize("host", [FIRST, SECOND])
def test_what_both_say_is_one_alert_to_each(installed: Run, pair: Pair, host: str) -> None:
    (beat,) = pair.ask(host, 9093, "/api/v2/alerts?filter=rollback=heartbeat")

    assert "replica" not in beat["labels"]
    assert f"replica: {host}" in pair.run(host, "cat /etc/prometheus/prometheus.yml")


@pytest.fixture(scope="module")
def first_alert(installed: Run, pair: Pair) -> str:
    pair.fire(ALERTS[0])
    pair.until_told(ALERTS[0])
    return ALERTS[0]


def test_an_alert_is_told_once_and_stored_once(first_alert: str, pair: Pair) -> None:
    assert (len(pair.told(first_alert)), pair.rows(first_alert)) == (1, 1)


def test_a_store_gets_what_both_measure_each_under_its_name(first_alert: str, pair: Pair) -> None:
    program = "/usr/bin/prometheus --config.file=/dev/null --storage.tsdb.path=/srv/store"
    program += " --web.listen-address=:9900 --web.enable-remote-write-receiver"
    pair.run(FIRST, f"systemd-run --unit=store {program}")
    query = "/api/v1/query?query=count+by+(replica)(up{job='prometheus'})"

    def replicas() -> dict[str, str]:
        found = pair.ask(FIRST, 9900, query)["data"]["result"]
        return {one["metric"]["replica"]: one["value"][1] for one in found}

    until("both to write", lambda: replicas() == {FIRST: "2", SECOND: "2"}, deadline_s=90)


def test_a_test_alert_is_posted_to_both_and_told_once(first_alert: str, pair: Pair) -> None:
    pair.play("playbooks/test_alert.yml", "-e", "severity=critical").ok()

    until("it to be told", lambda: pair.told("MitaTestAlert"), deadline_s=30)
    pair.until_both_had_their_turn()
    assert len(pair.told("MitaTestAlert")) == 1


@pytest.fixture(scope="module")
def apart(first_alert: str, pair: Pair) -> str:
    """For a while no Alertmanager knows the other."""
    pair.begin_anew("9094", "9095")
    until("each to be alone", lambda: {pair.members(name) for name in pair.hosts} == {1}, deadline_s=60)
    pair.fire(APART)
    pair.until_told(APART)
    return APART


def test_two_that_do_not_know_each_other_tell_people_twice_and_the_daemon_once(
    apart: str, pair: Pair
) -> None:
    """What the other tests count, a pair that is none does not have."""
    assert (len(pair.told(apart)), pair.rows(apart)) == (2, 1)


@pytest.fixture(scope="module")
def without_the_first(apart: str, pair: Pair) -> str:
    """Prometheus and Alertmanager beside the daemon are dead; it asks the others."""
    pair.begin_anew("9095", "9094")
    until("the pair to be whole", lambda: {pair.members(name) for name in pair.hosts} == {2}, deadline_s=60)
    pair.run(FIRST, "systemctl kill -s KILL prometheus alertmanager; systemctl stop prometheus alertmanager")
    pair.fire(ALERTS[1])
    pair.until_told(ALERTS[1])
    return ALERTS[1]


def test_an_alert_is_told_once_while_the_monitoring_beside_the_daemon_is_dead(
    without_the_first: str, pair: Pair
) -> None:
    assert (len(pair.told(without_the_first)), pair.rows(without_the_first)) == (1, 1)


def test_the_daemon_asks_the_other_prometheus_and_alertmanager(without_the_first: str, pair: Pair) -> None:
    status = json.loads(pair.run(FIRST, "rollbackctl status --json"))

    reachable = {name: one["reachable"] for name, one in status["sources"].items()}
    assert reachable == {"prometheus": True, "alertmanager": True}


@pytest.fixture(scope="module")
def without_the_second(without_the_first: str, pair: Pair) -> str:
    """The first is back and the second host has lost its power."""
    pair.run(FIRST, "systemctl start prometheus alertmanager")
    until("the pair to be whole", lambda: {pair.members(name) for name in pair.hosts} == {2}, deadline_s=60)
    pair.hosts[SECOND].container.kill()
    pair.fire(ALERTS[2])
    pair.until_told(ALERTS[2])
    return ALERTS[2]


def test_an_alert_is_told_once_while_the_second_host_is_dead(without_the_second: str, pair: Pair) -> None:
    assert (len(pair.told(without_the_second)), pair.rows(without_the_second)) == (1, 1)


def test_nothing_earlier_was_told_again(without_the_second: str, pair: Pair) -> None:
    assert {name: (len(pair.told(name)), pair.rows(name)) for name in ALERTS} == dict.fromkeys(ALERTS, (1, 1))
