"""Drills through a real Alertmanager of each tested version, to a Slack that takes and one that refuses.

Each version is started once, without group_wait, and all drills share it.
"""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from devtools.paths import REPO
from devtools.ports import free_port
from devtools.tools import tool
from devtools.wait import until
from harness.cli import main
from harness.clients import Alertmanager

pytestmark = pytest.mark.slow
BY_HAND = re.compile(r"```\n(curl[^`]+/api/v2/alerts[^`]+)```")


class Site:
    """One Alertmanager, and what its two Slacks and its webhook were sent, by address."""

    def __init__(self, version: str, folder: Path) -> None:
        self.heard: list[tuple[str, Any]] = []
        site = self

        class Slack(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                site.heard.append(
                    (self.path, json.loads(self.rfile.read(int(self.headers["content-length"]))))
                )
                self.send_response(404 if self.path == "/gone" else 200)
                self.end_headers()
                self.wfile.write(b"no_service" if self.path == "/gone" else b"ok")

            def log_message(self, *_: Any) -> None:
                pass

        self._slack = ThreadingHTTPServer(("127.0.0.1", 0), Slack)
        threading.Thread(target=self._slack.serve_forever, args=(0.05,), daemon=True).start()
        self.client = Alertmanager(f"http://127.0.0.1:{free_port()}")
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(self._configuration()))
        program = tool(version)
        argv = [
            f"./{program.name}",
            f"--config.file={folder}/alertmanager.yml",
            f"--storage.path={folder}/data",
            f"--web.listen-address={self.client.base.removeprefix('http://')}",
            "--cluster.listen-address=",
        ]
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(argv, cwd=program.parent, stdout=log, stderr=log)
        until("Alertmanager", lambda: self.client.ready("/-/ready"), deadline_s=20)

    def _configuration(self) -> dict[str, Any]:
        def slack(name: str) -> dict[str, Any]:
            url = f"http://127.0.0.1:{self._slack.server_port}/{name}"
            text = "{{ range .Alerts }}{{ .Annotations.summary }}{{ end }}"
            return {"name": name, "slack_configs": [{"api_url": url, "channel": f"#{name}", "text": text}]}

        def route(receiver: str, matcher: str, **more: Any) -> dict[str, Any]:
            return {"receiver": receiver, "matchers": [matcher], "continue": True, **more}

        always = [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]
        return {
            "route": {
                "receiver": "people",
                "group_by": ["alertname", "service"],
                "group_wait": "0s",
                "routes": [
                    route("daemon", 'rollback=~"auto|propose"'),
                    route("gone", 'component="queue"'),
                    route("asleep", 'component="sleepy"', mute_time_intervals=["always"]),
                    route("people", 'severity=~"critical|error"'),
                    route("nobody", 'severity="none"'),
                ],
            },
            "time_intervals": [{"name": "always", "time_intervals": always}],
            "receivers": [slack(name) for name in ("people", "gone", "asleep", "daemon", "forgotten")]
            + [{"name": "nobody"}],
        }

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._slack.shutdown()
        self._slack.server_close()


@pytest.fixture(scope="module", params=["alertmanager", "alertmanager-0.28"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    running = Site(request.param, tmp_path_factory.mktemp("drills"))
    yield running
    running.stop()


def test_taken_drill_says_so_and_is_over(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify", "test", "people", "--alertmanager", site.client.base]) == 0

    said = capsys.readouterr().out
    assert "people (slack #people): on the way" in said
    assert "slack: 1 of 1 taken by the other side" in said
    assert "DRILL: nothing is wrong" in json.dumps(site.heard[-1])
    assert site.client.alerts(drill="true") == []


def test_refused_drill_fails_and_says_that_alertmanager_gave_up(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["notify", "test", "gone", "--alertmanager", site.client.base]) == 1

    assert "slack: 1 of 1 not taken: 1 request(s) were refused" in capsys.readouterr().out
    assert site.client.alerts(drill="true") == []


@pytest.mark.parametrize(
    ("receiver", "words"),
    [
        (
            "slak",
            "expected one of the receivers asleep, daemon, forgotten, gone, nobody, people, found 'slak'",
        ),
        ("nobody", "found no integration in it"),
        ("forgotten", "expected a route to it, found none"),
        ("asleep", "found it muted by always"),
        ("daemon", "only alerts with the label rollback reach it"),
    ],
)
def test_receiver_that_cannot_be_told_is_a_sentence_and_nothing_is_posted(
    site: Site, capsys: pytest.CaptureFixture[str], receiver: str, words: str
) -> None:
    before = len(site.heard)

    assert main(["notify", "test", receiver, "--alertmanager", site.client.base]) == 1

    assert words in capsys.readouterr().err
    assert len(site.heard) == before


def test_silenced_drill_names_the_silence(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    silence = {
        "matchers": [{"name": "drill", "value": "true", "isRegex": False, "isEqual": True}],
        "startsAt": "2020-01-01T00:00:00Z",
        "endsAt": "2099-01-01T00:00:00Z",
        "createdBy": "test",
        "comment": "a person",
    }
    made = site.client.ask("POST", "/api/v2/silences", json=silence)["silenceID"]
    try:
        assert main(["notify", "test", "people", "--alertmanager", site.client.base]) == 1
    finally:
        requests.delete(f"{site.client.base}/api/v2/silence/{made}", timeout=30).raise_for_status()

    assert f"held back by the silence {made}" in capsys.readouterr().out


def test_script_of_the_requirements_tells_of_a_named_alert(site: Site, tmp_path: Path) -> None:
    """It is typed from anywhere, with a Python that has none of our packages."""
    words = [
        "--test-alert",
        "CriticalErrorRate",
        "--severity",
        "critical",
        "--alertmanager",
        site.client.base,
    ]
    done = subprocess.run(
        ["/usr/bin/python3", str(REPO / "scripts" / "test_alertmanager.py"), *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("about CriticalErrorRate\nall of it was taken\n")
    assert [place for place, _ in site.heard].count("/daemon") == 0
    assert site.client.alerts(drill="true") == []


def test_alert_that_nobody_is_told_of_is_refused_and_not_posted(site: Site) -> None:
    argv = [sys.executable, "scripts/test_alertmanager.py", "--alertmanager", site.client.base]
    done = subprocess.run([*argv, "--test-alert", "Watchdog"], capture_output=True, text=True, cwd=REPO)

    assert done.returncode == 1
    assert "expected alerts that somebody is told of, found only nobody" in done.stderr
    assert site.client.alerts(drill="true") == site.client.alerts(alertname="Watchdog") == []


def test_script_without_an_alert_tells_every_severity(site: Site) -> None:
    argv = [sys.executable, "scripts/test_alertmanager.py", "--alertmanager", site.client.base]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=REPO)

    assert "slack: 3 of 3 taken" in done.stdout
    assert done.returncode == 0


def test_line_of_the_documentation_tells_people_and_the_daemon(site: Site) -> None:
    [line] = BY_HAND.findall((REPO / "docs" / "operations.md").read_text())
    typed = line.replace("http://127.0.0.1:9093", site.client.base)
    before = len(site.heard)

    subprocess.run(["/bin/bash", "-c", typed], check=True, capture_output=True)

    until("both to be told", lambda: len(site.heard) == before + 2, deadline_s=30)
    assert {place for place, _ in site.heard[before:]} == {"/daemon", "/people"}


def test_first_version_of_the_interface_is_gone_in_the_newer_one(site: Site, request: Any) -> None:
    gone = "0.28" in request.node.callspec.id

    assert site.client.send("POST", "/api/v1/alerts", json=[]).status_code == (410 if gone else 200)


def test_alertmanager_that_is_away_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["notify", "test", "people", "--alertmanager", f"http://127.0.0.1:{free_port()}"]) == 1

    said = capsys.readouterr().err
    assert "expected an answer from http://127.0.0.1:" in said
    assert "look at --alertmanager" in said
