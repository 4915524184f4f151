"""Alerts are played to a real Alertmanager with our configuration; a recorder keeps all messages.

Seconds of a timeline are production's. The look of `closing` runs meanwhile, as systemd's timer runs it.
"""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

from closing.__main__ import main as look
from devtools.paths import REPO
from devtools.ports import free_port
from devtools.tools import tool
from devtools.wait import DeadlineError, until
from harness.clients import Alertmanager, Receivers
from harness.lab.keys import SLACK
from monitoring.endpoints.daemon_webhook import USUAL
from roles.alertmanager.filter_plugins.mita_alertmanager import alertmanager_files
from roles.alertmanager.filter_plugins.mita_closing import closing_settings

SCALE = 100
DEADLINE_S = 30
LOOK_S = 0.5
HEARTBEAT = {"alertname": "Watchdog", "severity": "none", "rollback": "heartbeat"}
Labels = dict[str, str]
Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Fires:
    """An alert that fires from one second of the timeline to another."""

    begin: float
    end: float
    labels: Labels
    annotations: Labels = field(default_factory=dict)


@dataclass(frozen=True)
class Played:
    """What was sent, and at which unix time each alert was posted."""

    records: Sequence[Record]
    posted: dict[int, float]
    still_open: Sequence[Record]
    began: float


@dataclass
class Player:
    """One Alertmanager and one recorder of its own, in a directory of their own."""

    program: str
    home: Path
    said: Record = field(default_factory=dict)  # a site's named inputs beside those that every run needs
    scale: int = SCALE
    look_s: float = LOOK_S
    web: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    smtp: int = field(default_factory=free_port)

    def play(self, timeline: Sequence[Fires], tail: float, *, closes: bool = True) -> Played:
        """Post what begins and ends at its time.

        *tail* is how long messages may follow the last end; on a busy machine pages are closed later.
        """
        with self.running() as (alertmanager, recorder), self._looking():
            began, posted = self._post_all(alertmanager, timeline)
            time.sleep(tail / self.scale)
            if closes:
                with suppress(DeadlineError):
                    until("every page to be closed", lambda: not recorder.open_pages(), deadline_s=DEADLINE_S)
            return Played(recorder.requests(), posted, recorder.open_pages(), began)

    def _post_all(
        self, alertmanager: Alertmanager, timeline: Sequence[Fires]
    ) -> tuple[float, dict[int, float]]:
        post(alertmanager, [alert_of(HEARTBEAT)])
        began = time.time()
        posted: dict[int, float] = {}
        for moment in sorted({moment for one in timeline for moment in (one.begin, one.end)}):
            time.sleep(max(0.0, began + moment / self.scale - time.time()))
            posted |= {number: time.time() for number, one in enumerate(timeline) if one.begin == moment}
            ended = datetime.now(UTC)
            post(
                alertmanager,
                [alert_of(one.labels, None, one.annotations) for one in timeline if one.begin == moment]
                + [alert_of(one.labels, ended, one.annotations) for one in timeline if one.end == moment],
            )
        return began, posted

    @contextmanager
    def running(self) -> Iterator[tuple[Alertmanager, Receivers]]:
        """Both are ready."""
        recorder = Receivers(f"http://127.0.0.1:{self.http}")
        alertmanager = Alertmanager(f"http://127.0.0.1:{self.web}")
        self.write()
        program = tool(self.program)
        alerting = [
            str(program),
            f"--config.file={self.home}/alertmanager.yml",
            f"--storage.path={self.home}/data",
            f"--web.listen-address=127.0.0.1:{self.web}",
            "--cluster.listen-address=",
        ]
        with self.process(self.serving, REPO), self.process(alerting, program.parent):
            until("the recorder", lambda: recorder.ready("/health"), deadline_s=DEADLINE_S)
            until("Alertmanager", lambda: alertmanager.ready("/-/ready"), deadline_s=DEADLINE_S)
            yield alertmanager, recorder

    @property
    def serving(self) -> list[str]:
        """What runs the recorder."""
        return [sys.executable, "-m", "harness.receivers", "--settings", f"{self.home}/receivers.json"]

    @contextmanager
    def _looking(self) -> Iterator[None]:
        """One look after the other; one that fails fails the run."""
        command = ["--settings", f"{self.home}/closing.json", "--memory", f"{self.home}/memory.json"]
        stopped = Event()

        def looks() -> list[int]:
            found = [look(command)]
            while not stopped.wait(self.look_s):
                found.append(look(command))
            return found

        with ThreadPoolExecutor(1) as pool:
            results = pool.submit(looks)
            try:
                yield
            finally:
                stopped.set()
            assert set(results.result()) == {0}

    @contextmanager
    def process(self, argv: list[str], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
        """Runs meanwhile."""
        with (self.home / "log").open("a") as log:
            child = subprocess.Popen(argv, cwd=directory, stdout=log, stderr=log)
            try:
                yield child
            finally:
                child.terminate()
                child.wait(DEADLINE_S)

    def write(self) -> None:
        """The files of both."""
        recorder = f"http://127.0.0.1:{self.http}"
        keys = {name: secrets.token_hex(16) for name in ("critical", "error")}
        paths = {name: f"T000/B{number:03}/{secrets.token_hex(8)}" for number, name in enumerate(SLACK)}
        password = secrets.token_hex(8)
        settings = {
            "credentials": {
                "slack": {paths[name]: channel for name, channel in SLACK.items()},
                "pagerduty": {key: urgency for urgency, key in keys.items()},
            },
            "dead_man": {"lab": 60},
            "smtp_username": "apikey",
            "smtp_password": password,
            "address": "127.0.0.1",
            "http_port": self.http,
            "smtp_port": self.smtp,
        }
        (self.home / "receivers.json").write_text(json.dumps(settings))
        files = alertmanager_files(
            str(REPO / "monitoring"),
            secrets={
                **{f"pagerduty_{urgency}_key": key for urgency, key in keys.items()},
                **{name: f"{recorder}/services/{path}" for name, path in paths.items()},
                "rollback_webhook_secret": password,
                "smtp_password": password,
            },
            time_scale=self.scale,
            said={
                "alertmanager_channels": {
                    channel.removeprefix("#mita-"): {"address": name} for name, channel in SLACK.items()
                },
                "alertmanager_mail": {
                    "to": "a@example.org",
                    "from": "b@example.org",
                    "smarthost": f"127.0.0.1:{self.smtp}",
                    "username": "apikey",
                },
                "alertmanager_dead_man": {"url": f"{recorder}/ping/lab"},
                **self.said,
                "alertmanager_overrides": {
                    "global": {"pagerduty_url": f"{recorder}/v2/enqueue", "smtp_require_tls": False},
                    **self.said.get("alertmanager_overrides", {}),
                },
            },
        )
        for file in files:
            path = self.home / file["path"]
            path.parent.mkdir(exist_ok=True)
            text = file["content"].replace("/etc/alertmanager", str(self.home))
            path.write_text(text.replace(DAEMON, f"{recorder}/webhook/daemon"))
        ready = {"url": f"http://127.0.0.1:{self.web}/-/ready"}
        closing = closing_settings(
            files[0]["content"], ready, every_s=self.look_s, retention="120h", time_scale=self.scale
        )
        (self.home / "closing.json").write_text(closing)


DAEMON = USUAL.rstrip("/") + "/api/admin/rollback/trigger"


def post(alertmanager: Alertmanager, alerts: list[Record]) -> None:
    """As Prometheus does."""
    alertmanager.send("POST", "/api/v2/alerts", json=alerts).raise_for_status()


def alert_of(labels: Labels, ended: datetime | None = None, annotations: Labels | None = None) -> Record:
    """The alert as Prometheus posts it: what fires has an end in the future."""
    begin = ended or datetime.now(UTC)
    return {
        "labels": labels,
        "annotations": annotations or {"summary": "a fault"},
        "generatorURL": "https://prometheus.mita.finance/graph?g0.expr=up&g0.tab=1",
        "startsAt": begin.isoformat(),
        "endsAt": (ended or begin + timedelta(minutes=10)).isoformat(),
    }
