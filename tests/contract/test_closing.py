"""No page stays open: real Alertmanager, our configuration, the recorder, and the look that systemd runs."""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from closing.__main__ import main as look
from devtools.paths import REPO
from devtools.ports import free_port
from devtools.tools import tool
from devtools.wait import DeadlineError, until
from harness.clients import Receivers
from roles.alertmanager.filter_plugins.mita_alertmanager import alertmanager_files
from roles.alertmanager.filter_plugins.mita_closing import closing_settings

pytestmark = pytest.mark.slow
SCALE = 60
TOLD_S = 15
SWALLOWED_S = 2 * 300 / SCALE
PAGER_KEY, TOKEN, PASSWORD = secrets.token_hex(16), secrets.token_hex(12), secrets.token_hex(12)
HOST = {"host": "app1", "instance": "app1", "env": "lab", "service": "node", "component": "host"}
MEMORY = {**HOST, "alertname": "HostMemoryPressure", "severity": "error", "symptom": "memory"}
DOWN = {**HOST, "alertname": "HostDown", "severity": "critical", "symptom": "host_down", "rollback": "veto"}
HEARTBEAT = {"alertname": "Watchdog", "severity": "none", "rollback": "heartbeat"}


def moment(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


class Site:
    """One Alertmanager, the recorder that it sends to, and what Prometheus says fires."""

    def __init__(self, home: Path, recorder: Receivers, places: dict[str, int]) -> None:
        self.recorder, self._home, self._places = recorder, home, places
        self._recorder_url = f"http://127.0.0.1:{places['http']}"
        self.url = f"http://127.0.0.1:{places['alertmanager']}"
        self._firing: list[dict[str, str]] = [HEARTBEAT]
        self._process: subprocess.Popen[bytes] | None = None
        self._write()

    def _write(self) -> None:
        files = alertmanager_files(
            str(REPO / "monitoring"),
            secrets={
                "pagerduty_critical_key": PAGER_KEY,
                "pagerduty_error_key": PAGER_KEY,
                "slack_webhook_url": f"{self._recorder_url}/services/T0/B0/{TOKEN}",
                "smtp_password": PASSWORD,
            },
            time_scale=SCALE,
            said={
                "alertmanager_mail": {
                    "to": "a@example.org",
                    "from": "b@example.org",
                    "smarthost": f"127.0.0.1:{self._places['smtp']}",
                    "username": "apikey",
                },
                "alertmanager_overrides": {
                    "global": {
                        "pagerduty_url": f"{self._recorder_url}/v2/enqueue",
                        "smtp_require_tls": False,
                    }
                },
                "alertmanager_dead_man": {"url": f"{self._recorder_url}/ping/lab"},
            },
            daemon={},
        )
        for file in files:
            path = self._home / file["path"]
            path.parent.mkdir(exist_ok=True)
            path.write_text(file["content"].replace("/etc/alertmanager", str(self._home)))
        settings = closing_settings(
            files[0]["content"],
            {"url": f"{self.url}/-/ready"},
            every_s=0.5,
            retention="120h",
            time_scale=SCALE,
        )
        (self._home / "closing.json").write_text(settings)

    def start(self) -> None:
        program = tool("alertmanager")
        command = [
            f"./{program.name}",
            f"--config.file={self._home}/alertmanager.yml",
            f"--storage.path={self._home}/data",
            f"--web.listen-address=127.0.0.1:{self._places['alertmanager']}",
            "--cluster.listen-address=",
        ]
        with (self._home / "log").open("a") as log:
            self._process = subprocess.Popen(command, cwd=program.parent, stderr=log)
        until(
            "Alertmanager to be ready",
            lambda: requests.get(f"{self.url}/-/ready", timeout=2).ok,
            deadline_s=20,
        )

    def stop(self) -> None:
        if self._process:
            self._process.terminate()
            self._process.wait(10)

    def fires(self, labels: dict[str, str]) -> None:
        self._firing.append(labels)
        self.send()

    def clears(self, labels: dict[str, str]) -> None:
        """Prometheus tells it as resolved, once."""
        self._firing.remove(labels)
        self._post([{"labels": labels, "endsAt": moment(0)}])

    def send(self) -> None:
        """Prometheus sends again what fires."""
        alerts = [
            {"labels": one, "annotations": {"summary": "s"}, "endsAt": moment(60)} for one in self._firing
        ]
        self._post(alerts)

    def _post(self, alerts: list[dict[str, Any]]) -> None:
        requests.post(f"{self.url}/api/v2/alerts", json=alerts, timeout=30).raise_for_status()

    def looks(self) -> int:
        return look(["--settings", f"{self._home}/closing.json", "--memory", f"{self._home}/memory.json"])

    def pages(self) -> list[str]:
        self.send()
        assert self.looks() == 0
        return [page["summary"] for page in self.recorder.open_pages()]

    def until_pages(self, count: int) -> None:
        until(f"{count} pages to be open", lambda: len(self.pages()) == count, deadline_s=TOLD_S)

    def until_suppressed(self) -> None:
        def suppressed() -> list[Any]:
            self.pages()
            alerts = requests.get(f"{self.url}/api/v2/alerts", timeout=30).json()
            return [one for one in alerts if one["status"]["state"] == "suppressed"]

        until("an alert to be suppressed", suppressed, deadline_s=TOLD_S)

    def goes_on(self) -> None:
        """Longer than a group's interval: what ended is swallowed meanwhile, and forgotten."""
        began = time.monotonic()
        until(
            "a group to be told of",
            lambda: time.monotonic() > began + SWALLOWED_S and self.pages(),
            deadline_s=TOLD_S,
        )

    def silence(self, *, seconds: float) -> None:
        body = {
            "matchers": [{"name": "host", "value": "app1", "isRegex": False, "isEqual": True}],
            "startsAt": moment(0),
            "endsAt": moment(seconds),
            "createdBy": "test",
            "comment": "a person",
        }
        requests.post(f"{self.url}/api/v2/silences", json=body, timeout=30).raise_for_status()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    places = {name: free_port() for name in ("http", "smtp", "alertmanager")}
    settings = tmp_path / "receivers.json"
    settings.write_text(
        json.dumps(
            {
                "credentials": {
                    "slack": {f"T0/B0/{TOKEN}": "#mita-alerts"},
                    "pagerduty": {PAGER_KEY: "pager"},
                },
                "dead_man": {"lab": 4},
                "smtp_username": "apikey",
                "smtp_password": PASSWORD,
                "address": "127.0.0.1",
                "http_port": places["http"],
                "smtp_port": places["smtp"],
            }
        )
    )
    recorder = subprocess.Popen(
        [sys.executable, "-m", "harness.receivers", "--settings", str(settings)], cwd=REPO
    )
    receivers = Receivers(f"http://127.0.0.1:{places['http']}")
    running = Site(tmp_path, receivers, places)
    try:
        until("the recorder to answer", lambda: receivers.ready("/health"), deadline_s=20)
        running.start()
        yield running
        assert receivers.open_pages() == []  # whatever a test is about: it ends with nothing open
    finally:
        running.stop()
        recorder.terminate()
        recorder.wait(10)


def test_page_of_a_host_that_died_meanwhile_is_closed(site: Site) -> None:
    """It pages, its host dies, and it is over before anybody can be told."""
    site.fires(MEMORY)
    site.until_pages(1)
    site.fires(DOWN)
    site.until_suppressed()
    site.until_pages(2)

    site.clears(MEMORY)
    site.goes_on()
    site.clears(DOWN)
    site.until_pages(0)

    site.fires(MEMORY)
    site.until_pages(1)  # at once, not after the four hours for which Alertmanager remembered the first
    site.clears(MEMORY)
    site.until_pages(0)


@pytest.mark.long
def test_page_that_a_person_silenced_is_closed_when_the_silence_ends(site: Site) -> None:
    site.fires(MEMORY)
    site.until_pages(1)
    site.silence(seconds=12)
    site.until_suppressed()
    site.clears(MEMORY)

    with pytest.raises(DeadlineError):
        until("the page to be closed too early", lambda: not site.pages(), deadline_s=6)
    site.until_pages(0)


@pytest.mark.long
def test_restarted_alertmanager_that_lists_nothing_closes_nothing(site: Site) -> None:
    """It lists nothing until Prometheus has sent again; what fires is no more over than before."""
    site.fires(MEMORY)
    site.until_pages(1)
    site.fires(DOWN)
    site.until_suppressed()
    site.until_pages(2)

    site.stop()
    assert site.looks() == 1
    site.start()
    empty = time.monotonic()
    while time.monotonic() < empty + 9:
        assert site.looks() == 0
        time.sleep(0.3)
    assert len(site.pages()) == 2

    site.clears(MEMORY)
    site.clears(DOWN)
    site.until_pages(0)
