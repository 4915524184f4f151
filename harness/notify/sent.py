"""A real Alertmanager with the repository's receivers sends the scenes to the recording stand-ins."""

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from devtools import tools
from devtools.paths import REPO
from devtools.ports import free_port
from devtools.wait import until
from harness.clients import Alertmanager, Receivers
from harness.incident.receipts import destination, names
from harness.notify.scenes import Posted, Scene
from monitoring.yaml_text import read_yaml

CONTENT = REPO / "monitoring"
ZONE = "Europe/Sofia"
EXTERNAL = "https://alertmanager.mita.finance"
SECRETS = "/etc/alertmanager/secrets/"
DEADLINE_S = 60
Record = dict[str, Any]


@dataclass(frozen=True)
class Bench:
    """Where both processes of one run are, and what they know of each other."""

    place: Path
    web: int = field(default_factory=free_port)
    http: int = field(default_factory=free_port)
    smtp: int = field(default_factory=free_port)
    token: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)

    @property
    def receivers(self) -> Receivers:
        """The stand-ins."""
        return Receivers(f"http://127.0.0.1:{self.http}")

    @property
    def alertmanager(self) -> Alertmanager:
        """The program that sends."""
        return Alertmanager(f"http://127.0.0.1:{self.web}")


def messages(scenes: Sequence[Scene], program: Path | None = None) -> dict[str, list[Record]]:
    """The last message of each scene at each of its destinations; one that was refused says why."""
    with tempfile.TemporaryDirectory(prefix="mita-notify-") as place, ExitStack() as stack:
        bench = Bench(Path(place))
        sent = _configure(bench, scenes)
        stack.enter_context(_receiving(bench))
        stack.enter_context(_sending(bench, program or tools.tool("alertmanager")))
        with _silence(bench):
            posted = [alert for scene in scenes for alert in scene.firing]
            _post(bench, posted)
            until("all alerts to be grouped", lambda: _grouped(bench) == len(posted), deadline_s=DEADLINE_S)
        told = {scene.name: _told(bench, scene, sent[scene.name]) for scene in scenes}
        if ending := [scene for scene in scenes if scene.ended]:
            bench.receivers.reset()
            _post(bench, [alert for scene in ending for alert in scene.ended])
            told |= {scene.name: _told(bench, scene, sent[scene.name]) for scene in ending}
        return told


def _configure(bench: Bench, scenes: Sequence[Scene]) -> dict[str, int]:
    """Alertmanager's files are written; how many messages are sent about each scene."""
    text = (CONTENT / "alertmanager.yml").read_text(encoding="utf-8")
    read = read_yaml(text.replace(SECRETS, f"{bench.place}/secrets/"))
    common = {
        "smtp_smarthost": f"127.0.0.1:{bench.smtp}",
        "smtp_auth_username": "apikey",
        "smtp_require_tls": False,
        "pagerduty_url": f"http://127.0.0.1:{bench.http}/v2/enqueue",
    }
    told = {scene.name: _receivers(read, scene) for scene in scenes}
    routes = [
        {"matchers": [f'alertname="{scene.alertname}"'], "receiver": name, "continue": True}
        for scene in scenes
        for name in told[scene.name]
    ]
    pace = {"group_wait": "0s", "group_interval": "1s", "repeat_interval": "4h"}
    config = {
        "global": {**read["global"], **common},
        "templates": [f"{CONTENT}/templates/*.tmpl"],
        "route": {"receiver": "nobody", "group_by": ["alertname"], **pace, "routes": routes},
        "receivers": read["receivers"],
    }
    (bench.place / "secrets").mkdir()
    for slack in (one for receiver in read["receivers"] for one in receiver.get("slack_configs", ())):
        file = bench.place / "secrets" / f"channel-{slack['channel'].lstrip('#')}"
        address = f"http://127.0.0.1:{bench.http}/services/{_hook(bench, slack['channel'])}"
        file.write_text(address, encoding="utf-8")
        slack["api_url_file"] = str(file)
    for name in set(_secrets(text)):
        (bench.place / "secrets" / name).write_text(_secret(bench, name), encoding="utf-8")
    (bench.place / "alertmanager.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    kinds = ("slack_configs", "pagerduty_configs", "email_configs")
    sends = {one["name"]: sum(len(one.get(kind, ())) for kind in kinds) for one in read["receivers"]}
    return {name: sum(sends[one] for one in receivers) for name, receivers in told.items()}


def _receivers(config: dict[str, Any], scene: Scene) -> list[str]:
    """The receiver of a scene, and the pager beside it where its severity has one."""
    names = [scene.receiver, f"{scene.receiver}-pager"]
    return [one["name"] for one in config["receivers"] if one["name"] in names]


def _secrets(text: str) -> Iterator[str]:
    for word in text.replace("'", " ").split():
        if word.startswith(SECRETS):
            yield word.removeprefix(SECRETS)


def _secret(bench: Bench, name: str) -> str:
    if name.startswith("slack"):
        return f"http://127.0.0.1:{bench.http}/services/T000/B000/{bench.token}"
    return bench.password if name == "smtp_password" else _key(name)


def _hook(bench: Bench, channel: str) -> str:
    """The address of a channel's webhook: today's Slack apps have one for each."""
    return f"T000/B{channel.encode().hex().upper()}/{bench.token}"


def _key(name: str) -> str:
    """A key of PagerDuty's form that belongs to that name."""
    return name.encode().hex().ljust(32, "0")[:32]


@contextmanager
def _receiving(bench: Bench) -> Iterator[None]:
    keys = {_key(f"pagerduty_{urgency}_key"): urgency for urgency in ("critical", "error")}
    read = read_yaml((bench.place / "alertmanager.yml").read_text(encoding="utf-8"))
    channels = {one["channel"] for receiver in read["receivers"] for one in receiver.get("slack_configs", ())}
    settings = {
        "credentials": {"slack": {_hook(bench, one): one for one in channels}, "pagerduty": keys},
        "smtp_username": "apikey",
        "smtp_password": bench.password,
        "address": "127.0.0.1",
        "http_port": bench.http,
        "smtp_port": bench.smtp,
    }
    file = bench.place / "receivers.json"
    file.write_text(json.dumps(settings), encoding="utf-8")
    argv = [sys.executable, "-m", "harness.receivers", "--settings", str(file)]
    with _running(bench, argv, REPO):
        until("the stand-ins to answer", lambda: bench.receivers.ready("/health"), deadline_s=DEADLINE_S)
        yield


@contextmanager
def _sending(bench: Bench, program: Path) -> Iterator[None]:
    argv = [
        str(program),
        f"--config.file={bench.place}/alertmanager.yml",
        f"--storage.path={bench.place}/data",
        f"--web.listen-address=127.0.0.1:{bench.web}",
        f"--web.external-url={EXTERNAL}",
        "--cluster.listen-address=",
    ]
    with _running(bench, argv, program.parent):
        explain = (bench.place / "log").read_text
        until(
            "Alertmanager to be ready",
            lambda: bench.alertmanager.ready("/-/ready"),
            deadline_s=DEADLINE_S,
            explain=explain,
        )
        yield


@contextmanager
def _running(bench: Bench, argv: list[str], directory: Path) -> Iterator[None]:
    with (bench.place / "log").open("a", encoding="utf-8") as log:
        environment = {**os.environ, "TZ": ZONE, "PYTHONPATH": str(REPO)}
        child = subprocess.Popen(
            argv, cwd=directory, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield
        finally:
            child.terminate()
            child.wait(timeout=DEADLINE_S)


def _post(bench: Bench, alerts: list[Posted]) -> None:
    answer = bench.alertmanager.send("POST", "/api/v2/alerts", json=alerts)
    answer.raise_for_status()


@contextmanager
def _silence(bench: Bench) -> Iterator[None]:
    """Nothing is sent until all alerts are there: old ones do not wait for the others of their group."""
    now = datetime.now(UTC)
    body = {
        "matchers": [{"name": "alertname", "value": ".+", "isRegex": True, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "harness notify",
        "comment": "until all alerts are there",
    }
    made = bench.alertmanager.ask("POST", "/api/v2/silences", json=body)["silenceID"]
    yield
    bench.alertmanager.send("DELETE", f"/api/v2/silence/{made}").raise_for_status()


def _grouped(bench: Bench) -> int:
    """How many alerts stand in groups that will speak."""
    groups = bench.alertmanager.ask("GET", "/api/v2/alerts/groups")
    return len({alert["fingerprint"] for group in groups for alert in group["alerts"]})


def _told(bench: Bench, scene: Scene, number: int) -> list[Record]:
    """The records of a scene once there are as many as its receiver sends, in a stable order."""

    def arrived() -> list[Record] | None:
        found = [one for one in bench.receivers.requests() if names(one, scene.alertname)]
        return found if len(found) >= number else None

    explain = (bench.place / "log").read_text
    found = until(f"{number} messages of {scene.name}", arrived, deadline_s=DEADLINE_S, explain=explain)
    return sorted(found[:number] if found else [], key=lambda one: str(destination(one)))
