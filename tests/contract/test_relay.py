"""Nothing that goes to Slack is lost: Alertmanager, the relay beside it, and a Slack that limits or fails."""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests

from closing.__main__ import main as closing
from devtools.paths import REPO
from devtools.ports import free_port
from devtools.tools import tool
from devtools.wait import until
from harness.clients import Receivers
from roles.alertmanager.filter_plugins.mita_alertmanager import alertmanager_files
from roles.alertmanager.filter_plugins.mita_closing import closing_settings
from roles.alertmanager.filter_plugins.mita_relay import behind_relay, relay_files

pytestmark = pytest.mark.slow
SCALE = 60
RATE = 5.0
HOOK, TOKEN = "T0/B0", secrets.token_hex(12)
SEVERITIES = ("critical",) * 8 + ("error",) * 14 + ("warning",) * 40
RANK = {"[CRITICAL]": 0, "[ERROR]": 1, "[WARNING]": 2}


class Site:
    """One host: Alertmanager and the relay as the role installs them, beside a Slack for one channel."""

    def __init__(self, home: Path, places: dict[str, int], program: str, *without: str) -> None:
        self._home, self._places, self._program = home, places, tool(program)
        self._without = ("dead_man", "mail", "pagerduty", *without)
        self.receivers = Receivers(f"http://127.0.0.1:{places['http']}")
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._configure()

    def _configure(self) -> None:
        files = alertmanager_files(
            str(REPO / "monitoring"),
            secrets={"slack_webhook_url": f"{self.receivers.base}/services/{HOOK}/{TOKEN}"},
            time_scale=SCALE,
            said={
                "alertmanager_without": dict.fromkeys(self._without, "a test"),
            },
            daemon={},
        )
        port = self._places["relay"]
        roots = {
            "alertmanager": ("/etc/alertmanager", behind_relay(files, port)),
            "relay": (
                "/etc/mita-relay",
                relay_files(files, port, time_scale=SCALE, directory=str(self._home)),
            ),
        }
        for name, (root, content) in roots.items():
            for file in content:
                path = self._home / name / file["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(file["content"].replace(root, str(self._home / name)))
        config = next(file for file in behind_relay(files, port) if file["path"] == "alertmanager.yml")
        ready = {"url": f"http://127.0.0.1:{self._places['alertmanager']}/-/ready"}
        settings = closing_settings(
            config["content"], ready, every_s=0.5, retention="120h", time_scale=SCALE, digest=True
        )
        (self._home / "closing.json").write_text(settings)
        recorder = {
            "credentials": {"slack": {f"{HOOK}/{TOKEN}": "#mita-alerts"}, "pagerduty": {}},
            "smtp_username": "u",
            "smtp_password": "p",
            "slack_per_second": RATE,
            "address": "127.0.0.1",
            "http_port": self._places["http"],
            "smtp_port": self._places["smtp"],
        }
        (self._home / "recorder.json").write_text(json.dumps(recorder))

    def start(self) -> None:
        module = [sys.executable, "-m", "harness.receivers", "--settings", f"{self._home}/recorder.json"]
        self._run("recorder", module, REPO)
        self.start_relay()
        command = [
            f"./{self._program.name}",
            f"--config.file={self._home}/alertmanager/alertmanager.yml",
            f"--storage.path={self._home}/data",
            f"--web.listen-address=127.0.0.1:{self._places['alertmanager']}",
            "--cluster.listen-address=",
        ]
        self._run("alertmanager", command, self._program.parent)
        for port, path in (("http", "health"), ("alertmanager", "-/ready")):
            url = f"http://127.0.0.1:{self._places[port]}/{path}"
            until(f"{url} to answer", partial(_answers, url), deadline_s=20)

    def start_relay(self) -> None:
        files = [f"--settings={self._home}/relay/relay.json", f"--store={self._home}/queue.sqlite"]
        self._run("relay", [sys.executable, "-P", "-m", "relay", *files], self._home)
        url = f"http://127.0.0.1:{self._places['relay']}/state"
        until("the relay to answer", lambda: _answers(url), deadline_s=20)

    def _run(self, name: str, command: list[str], place: Path) -> None:
        with (self._home / f"{name}.log").open("a") as log:
            environment = {"PYTHONPATH": str(REPO), "PATH": "/usr/bin:/bin"}
            self._processes[name] = subprocess.Popen(
                command, cwd=place, stdout=log, stderr=log, env=environment
            )

    def end(self, name: str, *, kill: bool = False) -> None:
        process = self._processes[name]
        process.kill() if kill else process.terminate()
        process.wait(15)

    def stop(self) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait(15)

    def fires(self, numbers: range) -> None:
        common = {"service": "s", "env": "lab", "subject": "app1"}
        self._post(
            [{"alertname": f"Alert{number}", "severity": SEVERITIES[number], **common} for number in numbers]
        )

    def heartbeat(self) -> None:
        self._post([{"alertname": "Watchdog", "severity": "none", "rollback": "heartbeat"}])

    def _post(self, labels: list[dict[str, str]]) -> None:
        end = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
        alerts = [{"labels": one, "annotations": {"summary": "s"}, "endsAt": end} for one in labels]
        url = f"http://127.0.0.1:{self._places['alertmanager']}/api/v2/alerts"
        requests.post(url, json=alerts, timeout=30).raise_for_status()

    def waiting(self) -> int:
        url = f"http://127.0.0.1:{self._places['relay']}/state"
        return int(requests.get(url, timeout=30).json()["slack_webhook_url"]["waiting"])

    def look(self) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "relay", f"--settings={self._home}/relay/relay.json", "--look"]
        return subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=20)

    def closes(self) -> int:
        return closing(["--settings", f"{self._home}/closing.json", "--memory", f"{self._home}/memory.json"])

    def told(self) -> list[dict[str, Any]]:
        return [
            attachment
            for record in self.receivers.requests(receiver="slack")
            if record["valid"] and record["status"] == 200
            for attachment in record["body"]["attachments"]
        ]

    def words(self) -> str:
        return (self._home / "relay.log").read_text()


def _answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).ok
    except requests.ConnectionError:
        return False


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    places = {name: free_port() for name in ("http", "smtp", "alertmanager", "relay")}
    running = Site(tmp_path, places, *request.param, "incidents")
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.mark.parametrize("site", [("alertmanager", "mute_hours")], indirect=True)
def test_dead_host_is_told_loudest_first_over_kills_failures_and_limits(site: Site) -> None:
    """62 alerts at once while Slack fails; the relay is killed in the middle; then Slack takes 5 a second."""
    site.receivers.behave("slack", status=503)
    site.fires(range(0, 62, 2))
    until("the relay to have something", lambda: site.waiting() > 20, deadline_s=20)
    site.end("relay", kill=True)
    site.fires(range(1, 62, 2))
    time.sleep(1)  # Alertmanager finds nobody there
    site.start_relay()
    until(
        "the relay to have all",
        lambda: site.waiting() == 62,
        deadline_s=20,
        explain=lambda: f"{site.waiting()}",
    )
    assert site.told() == []
    until("a person to be told that they wait", lambda: site.look().returncode == 1, deadline_s=15)

    began = time.monotonic()
    site.receivers.behave("slack")
    until("all of them to be told", lambda: len(site.told()) >= 62, deadline_s=30)
    took = time.monotonic() - began

    titles = [attachment["title"] for attachment in site.told()]
    assert sorted(titles) == sorted(set(titles)) and len(titles) == 62
    assert [RANK[title.split()[0]] for title in titles] == sorted(RANK[title.split()[0]] for title in titles)
    assert took < 62 / RATE
    assert all("callback_id" not in attachment for attachment in site.told())
    until("nothing to wait", lambda: site.waiting() == 0, deadline_s=30)
    assert site.look().returncode == 0
    assert TOKEN not in site.words() and "found: 503" in site.words()


@pytest.mark.parametrize("site", [("alertmanager-0.28",)], indirect=True)
def test_what_fired_in_the_night_is_told_once_when_it_is_over(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alertmanager lists what its mute hours keep back; only the clock of the looks is another."""
    night, morning = (datetime(2026, 11, 28, hour, tzinfo=ZoneInfo("Europe/Sofia")) for hour in (3, 8))

    def looks_at(moment: datetime) -> None:
        monkeypatch.setattr(time, "time", moment.timestamp)
        assert site.closes() == 0
        monkeypatch.undo()

    site.fires(range(30, 32))
    site.heartbeat()
    looks_at(night)
    for second in range(0, 20, 5):
        looks_at(morning + timedelta(seconds=second))

    def digests() -> list[dict[str, Any]]:
        return [one for one in site.told() if one["title"].startswith("While warnings waited")]

    until("the digest to be told", digests, deadline_s=30)
    (digest,) = digests()
    assert digest["title"] == "While warnings waited: 2 fired, 2 still fire"
    assert "Alert30 on app1" in digest["text"] and "Alert31 on app1" in digest["text"]
