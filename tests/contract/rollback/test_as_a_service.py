"""What the daemon says to systemd and to the journal while it works, and what it tells nobody."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests

from devtools.wait import until

Alert = Callable[..., Any]
ROOT = "/api/admin/rollback"


class Systemd:
    """The socket that systemd gives a service, and the status that it would show."""

    def __init__(self, address: Path) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(address))
        self._socket.setblocking(False)
        self.told: list[str] = []

    def statuses(self) -> list[str]:
        while True:
            try:
                self.told += self._socket.recv(4_096).decode().splitlines()
            except BlockingIOError:
                return [line.removeprefix("STATUS=") for line in self.told if line.startswith("STATUS=")]

    def until(self, text: str) -> str:
        """The status, once it is this or begins so."""

        def found() -> str | None:
            return next((line for line in self.statuses() if line.startswith(text)), None)

        said = until(text, found, deadline_s=30, interval_s=0.05, explain=lambda: str(self.statuses()))
        assert said
        return said

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    found = Systemd(tmp_path / "notify")
    yield found
    found.close()


WAITS = """
echo '{"host":"app1","step":"switch","status":"started"}' >> $MITA_ROLLBACK_EVENTS
while [ ! -e go ]; do sleep 0.05; done
echo '{"host":"app1","step":"host","status":"done"}' >> $MITA_ROLLBACK_EVENTS
"""


def bad_release(daemon: Any, alert: Alert) -> None:
    daemon.deploy("1.0.0")
    daemon.good("1.0.0")
    daemon.deploy("2.0.0")
    assert daemon.deliver(alert()).status_code == 202


def test_the_status_line_follows_what_the_daemon_does(daemon: Any, alert: Alert, systemd: Systemd) -> None:
    executor = {"kind": "command", "argv": ["/bin/sh", "-c", WAITS], "directory": str(daemon.folder)}
    daemon.configure(executor=executor).start(NOTIFY_SOCKET=str(systemd.address))
    systemd.until("ready; 0 services")
    daemon.world.status["prometheus"] = 500
    bad_release(daemon, alert)
    systemd.until("blind; 1 service; Prometheus does not answer since ")

    daemon.world.status.clear()

    def begun() -> bool:
        daemon.deliver(alert())
        return (
            systemd.statuses()[-1] == "ready; 1 service; rolling back shop 2.0.0 -> 1.0.0, step switch app1"
        )

    until("the rollback", begun, deadline_s=30, interval_s=0.5, explain=lambda: str(systemd.told))
    (daemon.folder / "go").touch()
    daemon.until_phase("succeeded")
    calm = "ready; 1 service"
    until("calm", lambda: systemd.statuses()[-1] == calm, deadline_s=30, interval_s=0.05)

    daemon.configure(cooldown="soon").send(signal.SIGHUP)
    systemd.until("ready; 1 service; the settings on disk cannot be used")
    assert daemon.end() == 0
    statuses = systemd.statuses()
    assert statuses[-1].startswith("stopping")
    assert all(one != other for one, other in pairwise(statuses)), "only what changes is told"


def test_every_line_about_a_rollback_has_its_numbers(daemon: Any, alert: Alert) -> None:
    daemon.configure(log_format="json").start()
    bad_release(daemon, alert)
    daemon.until_phase("succeeded")
    until("the end to be told", lambda: len(daemon.world.slack) >= 4, deadline_s=30, interval_s=0.05)
    daemon.end()

    lines = [json.loads(line) for line in daemon.said().splitlines()]
    about = {"decided", "rollback_taken", "host_step", "executor_ended", "verified", "rollback_finished"}
    seen = [line for line in lines if line["event"] in about]
    assert {line["event"] for line in seen} == about
    assert {(line["decision"], line["rollback"]) for line in seen} == {(1, 1)}
    sent = [line for line in lines if line["event"] == "message_sent" and line.get("rollback")]
    assert sent
    assert {(line["channel"], line["decision"], line["rollback"]) for line in sent} == {("slack", "1", "1")}


def test_what_comes_from_outside_begins_no_line_and_rings_no_bell(daemon: Any, alert: Alert) -> None:
    nasty = "x\x1b[31m\x07\r\nlevel=info event=forged"
    daemon.start()
    daemon.deliver(alert(alertname=nasty, service=nasty, rollback_trigger=nasty))
    daemon.post("/trigger", {"alerts": [{"labels": nasty}]}, auth=("alertmanager", "hook-secret"))
    daemon.post("/trigger", {}, auth=(nasty.replace("\r\n", ""), nasty))
    daemon.post("/freeze", {"service": nasty, "reason": nasty, "by": nasty, "minutes": 5})
    until("the decision", lambda: "event=decided" in daemon.said(), deadline_s=30, explain=daemon.said)
    daemon.end()

    said = daemon.log.read_bytes().decode()
    assert all(line.isprintable() for line in said.splitlines())
    assert not [line for line in said.splitlines() if line.startswith("level=info event=forged")]


PLANTED = {
    "rollback_webhook_secret": "planted-webhook-secret-1",
    "rollback_admin_secret": "planted-admin-secret-2",
    "web": "planted-web-password-3",
    "prometheus": "planted-prometheus-password-4",
    "alertmanager": "planted-alertmanager-password-5",
    "pagerduty": "plantedpagerdutyroutingkey67890a",
}
SLACK_TOKEN = "planted-slack-token-6"
PLANTED_FOR_PROGRAM = "planted-program-token-7"


class Planted:
    """A daemon with a secret of its own in every setting that can have one, and all that it answered."""

    def __init__(self, daemon: Any) -> None:
        self.daemon = daemon
        self.answers: list[str] = []
        for name, value in PLANTED.items():
            (daemon.folder / "secrets" / name).write_text(value)
        (daemon.folder / "secrets/slack_webhook_url").write_text(
            f"{daemon.world.url}/services/T0/B0/{SLACK_TOKEN}"
        )
        self.key = self._certificate()
        daemon.configure(
            web_auth_username="prometheus",
            web_auth_password_file="secrets/web",
            prometheus_username="reader",
            prometheus_password_file="secrets/prometheus",
            alertmanager_username="reader",
            alertmanager_password_file="secrets/alertmanager",
            pagerduty_routing_key_file="secrets/pagerduty",
            pagerduty_url=f"{daemon.world.url}/pagerduty",
            second_channel_after="0s",
            web_tls_cert="tls.crt",
            web_tls_key="tls.key",
            executor={
                "kind": "command",
                "argv": ["/bin/sh", "-c", "env; echo failed; exit 1"],
                "environment": {"TOKEN_FILE": "/etc/token"},
            },
            max_attempts=1,
        )
        daemon.scheme, daemon.trust = "https", str(daemon.folder / "tls.crt")

    def _certificate(self) -> str:
        folder = self.daemon.folder
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")],
            check=True, capture_output=True,
        )  # fmt: skip
        return str((folder / "tls.key").read_text().splitlines()[1])

    @property
    def secrets(self) -> list[str]:
        return [*PLANTED.values(), SLACK_TOKEN, self.key]

    def ask(self, method: str, path: str, **options: Any) -> int:
        """Ask, and keep whatever came back."""
        answer = requests.request(
            method, self.daemon.url + path, timeout=10, verify=self.daemon.trust, **options
        )
        self.answers.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")
        return answer.status_code

    def found(self, *places: str | bytes) -> list[str]:
        """The secrets that stand anywhere there."""
        texts = [place if isinstance(place, bytes) else place.encode() for place in places]
        return [secret for secret in self.secrets if any(secret.encode() in text for text in texts)]


ADMIN = ("admin", PLANTED["rollback_admin_secret"])
HOOK = ("alertmanager", PLANTED["rollback_webhook_secret"])
WRONG = ("admin", "not the secret")


def drive(planted: Planted, alert: Alert) -> None:
    """Everything that goes wrong: credentials, bodies, neighbours, channels, settings, a failed rollback."""
    daemon, world = planted.daemon, planted.daemon.world
    pages = ("/health/live", "/health/ready", "/metrics", "/openapi.json", ROOT + "/status", ROOT + "/ledger")
    for auth in (None, WRONG, HOOK, ADMIN, ("prometheus", PLANTED["web"])):
        for page in (*pages, ROOT + "/decisions", ROOT + "/rollbacks", ROOT + "/nothing", "/nothing"):
            planted.ask("GET", page, auth=auth)
        for body in (b"", b"{", b"[]", b'{"version":"4","alerts":[0]}', b"[" * 5_000):
            planted.ask("POST", ROOT + "/trigger", data=body, auth=auth)
            planted.ask("POST", ROOT + "/deployments", data=body, auth=auth)
    for version, good in (("1.0.0", True), ("2.0.0", False)):
        new = {"service": "shop", "version": version, "hosts": ["app1"], "rollback_safe": True}
        planted.ask("POST", ROOT + "/deployments", json=new, auth=ADMIN)
        number = 1 if good else 2
        planted.ask("POST", f"{ROOT}/deployments/{number}/finish", json={"outcome": "live"}, auth=ADMIN)
        if good:
            mark = {"standing": "good", "by": "the test"}
            planted.ask("POST", f"{ROOT}/releases/shop/{version}/mark", json=mark, auth=ADMIN)
    world.status |= {"slack": 403}
    fired = {"version": "4", "alerts": [alert()]}
    assert planted.ask("POST", ROOT + "/trigger", json=fired, auth=HOOK) == 202

    def failed() -> bool:
        answer = requests.get(f"{daemon.url}{ROOT}/rollbacks/1", auth=ADMIN, verify=daemon.trust, timeout=10)
        return bool(answer.ok and answer.json()["phase"] == "failed")

    until("the rollback to fail", failed, deadline_s=20, interval_s=0.1, explain=daemon.said)
    world.status |= {"prometheus": 503, "alertmanager": 401}
    planted.ask("POST", ROOT + "/trigger", json={"version": "4", "alerts": [alert("f2")]}, auth=HOOK)
    for change in (
        {"cooldown": "soon"},
        {"prometheus_password_file": "secrets/none"},
        {"web_tls_key": "tls.crt"},
    ):
        before = dict(daemon.settings)
        kept = daemon.said().count("settings_kept")
        daemon.configure(**change).send(signal.SIGHUP)
        until("the refusal", lambda k=kept: daemon.said().count("settings_kept") > k, deadline_s=30)  # type: ignore[misc]
        daemon.settings = before
    until(
        "what the neighbours and channels refused to be said",
        lambda: all(word in daemon.said() for word in ("message_not_sent", "alertmanager_not_read")),
        deadline_s=20,
        explain=daemon.said,
    )
    for page in pages:
        planted.ask("GET", page, auth=ADMIN)


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_a_planted_secret_is_found_nowhere(daemon: Any, alert: Alert, log_format: str) -> None:
    planted = Planted(daemon)
    daemon.configure(log_format=log_format).start()
    drive(planted, alert)
    process = Path(f"/proc/{daemon.process.pid}")
    shown = [(process / name).read_bytes() for name in ("cmdline", "environ")]
    cores = resource.prlimit(daemon.process.pid, resource.RLIMIT_CORE)
    before = set(daemon.folder.rglob("*"))
    daemon.send(signal.SIGABRT)
    daemon.process.wait(20)

    assert cores == (0, 0)
    assert not [
        path
        for path in {*daemon.folder.rglob("*"), *Path.cwd().glob("core*")} - before
        if "core" in path.name
    ]
    assert not planted.found(daemon.log.read_bytes()), "the log"
    assert not planted.found(*shown), "the process list"
    assert not planted.found(*planted.answers), "the answers"
    kept = [path for path in daemon.folder.rglob("*") if path.is_file()]
    ours = [path for path in kept if path.name.startswith("rollback.db") or "runs" in path.parts]
    assert {path.name for path in ours} >= {"rollback.db", "rollback.db-wal"}
    assert [path for path in ours if "runs" in path.parts]
    assert not [path for path in ours if planted.found(path.read_bytes())], "what is kept"


def test_a_refused_file_of_settings_does_not_show_a_secret(
    daemon: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    planted = Planted(daemon)
    daemon.configure(prometheus_url="no address", time_scale="fast")
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    checked = subprocess.run(
        [sys.executable, "-m", "rollback.app", "--check", str(daemon.file)],
        capture_output=True, env=environment, check=False,
    )  # fmt: skip

    assert checked.returncode == 2
    assert not planted.found(checked.stdout, checked.stderr)
