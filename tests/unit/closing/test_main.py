"""One look from the command line: what it remembers, what it says, and what it makes of odd answers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from closing.__main__ import main
from closing.memory import MOST, Memory, Remembered, load, save
from devtools.paths import REPO
from devtools.wait import until

PASSWORD = "planted-password"
LISTED: dict[str, Any] = {
    "fingerprint": "f1",
    "receivers": [{"name": "error"}, {"name": "a site's own"}],
    "labels": {"alertname": "Memory", "host": "a"},
    "annotations": {},
    "startsAt": "2026-11-28T11:00:00.000Z",
    "status": {"state": "suppressed"},
}
SILENCE: dict[str, Any] = {
    "status": {"state": "active"},
    "matchers": [
        {"name": "host", "value": "a", "isRegex": False, "isEqual": False},
        {"name": "env", "value": "x|y", "isRegex": True},
    ],
}


class Server:
    """Answers each path with what a test gives it."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {"status": {"uptime": "t0"}, "alerts": [LISTED], "silences": []}
        self.authorization: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.authorization.append(self.headers.get("Authorization"))
                answer = outer.answers[self.path.removeprefix("/api/v2/")]
                status, body = answer if isinstance(answer, tuple) else (200, json.dumps(answer).encode())
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    Thread(target=running.http.serve_forever, daemon=True).start()
    yield running
    running.http.shutdown()
    running.http.server_close()


@pytest.fixture
def command(server: Server, tmp_path: Path) -> list[str]:
    settings = tmp_path / "closing.json"
    port = server.http.server_address[1]
    asked = {"url": f"http://127.0.0.1:{port}", "username": "u", "password": PASSWORD, "ca_file": ""}
    values = {
        "alertmanager": asked,
        "patience_s": 420,
        "slower_s": {},
        "digest": {},
        "keep_s": 1000,
        "crowd_s": 600,
        "inhibitions": [],
        "timed": [],
        "grouped": [
            {"receiver": "error", "matchers": [], "children": [], "by": ["alertname", "env"]},
            {"receiver": "error", "matchers": [["host", "=", "b"]], "children": [], "by": ["host"]},
            {"receiver": "others", "matchers": [], "children": [], "by": ["..."]},
        ],
    }
    settings.write_text(json.dumps(values))
    return ["--settings", str(settings), "--memory", str(tmp_path / "memory.json")]


def test_look_remembers_what_is_listed_for_itself_alone(command: list[str], server: Server) -> None:
    assert main(command) == 0

    path = Path(command[-1])
    assert path.stat().st_mode & 0o777 == 0o600
    assert load(path)[0].alerts["f1"].held
    assert load(path)[0].alerts["f1"].groups == [
        '["a site\'s own", {}]',
        '["error", {"alertname": "Memory"}]',
    ]
    assert set(server.authorization) == {"Basic dTpwbGFudGVkLXBhc3N3b3Jk"}


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("alerts", (200, b"<html>")),
        ("alerts", (200, b"{}")),
        ("alerts", (200, b"[0]")),
        ("alerts", (200, b'[{"fingerprint": "f1"}]')),
        ("alerts", (500, b"")),
        ("status", (401, b"no")),
        ("silences", (200, b"null")),
    ],
)
def test_answer_that_is_not_understood_changes_nothing(
    command: list[str],
    server: Server,
    capsys: pytest.CaptureFixture[str],
    path: str,
    answer: tuple[int, bytes],
) -> None:
    main(command)
    before = Path(command[-1]).read_bytes()
    server.answers[path] = answer

    assert main(command) == 1

    assert Path(command[-1]).read_bytes() == before
    said = capsys.readouterr().err
    assert "expected" in said
    assert PASSWORD not in said


def test_active_silences_are_read_with_all_their_operators(server: Server, command: list[str]) -> None:
    from closing import settings
    from closing.alertmanager import Alertmanager

    server.answers["silences"] = [SILENCE, {**SILENCE, "status": {"state": "expired"}}]

    view = Alertmanager(settings.load(Path(command[1]))).view()

    assert view.silences == [[("host", "!=", "a"), ("env", "=~", "x|y")]]


ODD_ALERT = {
    "labels": {"alertname": "A"},
    "annotations": {},
    "starts_at": "",
    "generator_url": "",
    "groups": ['["error", {}]'],
    "seen": 1,
    "told": True,
    "held": True,
    "mute": False,
    "rounds": {},
}


def remembered(**odd: object) -> str:
    return json.dumps({"looked": 1, "known_since": 1, "started": "", "alerts": {"f1": {**ODD_ALERT, **odd}}})


@pytest.mark.parametrize(
    "memory",
    [
        '{"alerts": {"f1": {}}',
        "[]",
        remembered(seen=None),
        remembered(labels=[]),
        remembered(groups=["5"]),
        remembered(rounds={"open": "x"}),
    ],
)
def test_broken_memory_is_said_and_begins_anew(
    command: list[str], capsys: pytest.CaptureFixture[str], memory: str
) -> None:
    Path(command[-1]).write_text(memory)

    assert main(command) == 1
    assert "begins anew" in capsys.readouterr().err
    assert main(command) == 0


@pytest.mark.slow
def test_looks_go_on_until_they_are_asked_to_stop(command: list[str], server: Server) -> None:
    looking = subprocess.Popen([sys.executable, "-m", "closing", *command, "--every=0.01"], cwd=REPO)
    try:
        until("a third look", lambda: len(server.authorization) > 6, deadline_s=20, interval_s=0.01)
    finally:
        looking.terminate()

    assert looking.wait(10) == 0
    assert Path(command[-1]).is_file()


def test_missing_settings_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--settings", str(tmp_path / "none"), "--memory", str(tmp_path / "m")]) == 1
    assert "expected the settings that the role writes" in capsys.readouterr().err


def test_memory_is_bounded_and_keeps_the_newest(tmp_path: Path) -> None:
    one: dict[str, Any] = {
        "labels": {},
        "annotations": {},
        "starts_at": "",
        "generator_url": "",
        "groups": [],
    }
    alerts = {str(n): Remembered(**one, seen=float(n), told=True, held=True) for n in range(MOST + 10)}

    save(tmp_path / "memory.json", Memory(alerts=alerts))

    kept = load(tmp_path / "memory.json")[0].alerts
    assert len(kept) == MOST
    assert "0" not in kept
    assert str(MOST + 9) in kept
