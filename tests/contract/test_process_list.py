"""A secret is never an argument, nor in the environment: any user of a host may read those of `ps`.

The programs beside Alertmanager run as their units start them, each held in the middle of its work by a
stand-in that does not answer; all processes of the machine are read then.
"""

import os
import re
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server, socket

import pytest
import requests

from devtools.paths import REPO
from devtools.ports import free_port
from devtools.wait import until
from roles.alertmanager.filter_plugins.mita_closing import closing_settings
from roles.alertmanager.filter_plugins.mita_relay import relay_files
from tests.contract.processes import shown

pytestmark = pytest.mark.slow
UNITS = REPO / "roles" / "alertmanager" / "templates"
SECRET = secrets.token_hex(16)
CONFIG = """
route: {receiver: people}
receivers:
  - name: people
    slack_configs: [{api_url_file: /etc/alertmanager/secrets/slack_webhook_url, channel: '#a'}]
"""


@pytest.fixture
def silent() -> Iterator[socket]:
    """Takes a connection and never answers."""
    with create_server(("127.0.0.1", 0)) as server:
        yield server


def port_of(server: socket) -> int:
    return int(server.getsockname()[1])


@contextmanager
def started(unit: str, places: dict[str, Path]) -> Iterator[subprocess.Popen[bytes]]:
    """What the unit starts, with its environment; its paths are those of this test."""
    text = (UNITS / f"alertmanager-{unit}.service.j2").read_text()
    text = re.sub(r"\{\{ (\w+) \}\}", lambda name: str(places[name[1]]), text.partition("{{ {")[0])
    lines = dict(re.findall(r"^(ExecStart|Environment)=(.*)$", text, flags=re.M))
    said = dict(pair.split("=", 1) for pair in lines["Environment"].split())
    argv = shlex.split(lines["ExecStart"].replace("/usr/bin/python3", sys.executable))
    with subprocess.Popen(argv, env={**said, "PATH": os.environ["PATH"]}, cwd=REPO) as process:
        try:
            yield process
        finally:
            process.kill()


def test_closing_shows_no_password(silent: socket, tmp_path: Path) -> None:
    ready = {"url": f"http://127.0.0.1:{port_of(silent)}/-/ready", "username": "u", "password": SECRET}
    settings = closing_settings(CONFIG, ready, every_s=15, retention="120h", time_scale=1)
    (tmp_path / "closing.json").write_text(settings)
    names = ("__alertmanager_root", "__alertmanager_closing_state")
    places = {
        **dict.fromkeys(names, tmp_path),
        "__alertmanager_closing": REPO,
        "alertmanager_timezone": Path("UTC"),
    }
    with started("closing", {**places, "alertmanager_timezone": Path("UTC")}) as process:
        silent.accept()
        assert SECRET in (tmp_path / "closing.json").read_text()
        assert b"closing" in shown()[process.pid]
        assert seen() == []


def test_the_relay_shows_no_address(silent: socket, tmp_path: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port_of(silent)}/services/T0/B0/{SECRET}"
    files = [
        {"path": "alertmanager.yml", "content": CONFIG},
        {"path": "secrets/slack_webhook_url", "content": address},
    ]
    for file in relay_files(files, port, time_scale=1, directory=str(tmp_path / "program")):
        path = tmp_path / file["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file["content"].replace("/etc/mita-relay", str(tmp_path)))
    places = {"__alertmanager_relay_root": tmp_path, "__alertmanager_relay_state": tmp_path}
    with started("relay", {**places, "__alertmanager_relay": REPO}) as process:
        until("the relay", lambda: told(port), deadline_s=20)
        connection, _ = silent.accept()
        assert SECRET.encode() in connection.recv(4096)
        assert b"relay" in shown()[process.pid]
        assert seen() == []


def told(port: int) -> bool:
    """The relay has taken a message."""
    body = {"channel": "#a", "attachments": [{"title": "t", "text": "t"}]}
    return requests.post(f"http://127.0.0.1:{port}/slack_webhook_url", json=body, timeout=30).ok


def seen() -> list[bytes]:
    """The processes that show the secret."""
    return [text for text in shown().values() if SECRET.encode() in text]


def test_a_secret_would_be_seen(tmp_path: Path) -> None:
    with subprocess.Popen(["sleep", "60"], env={"TOKEN": SECRET}) as one:
        until("the process to be its own", lambda: seen() != [], deadline_s=30)
        one.kill()
