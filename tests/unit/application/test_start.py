"""What the unit runs becomes the live release: its command, directory, environment and socket."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO
from devtools.ports import free_port
from roles.application.files import start

START = REPO / "roles/application/files/start.py"
SHOW = """#!/usr/bin/python3
import json, os, socket, sys
kept = os.environ.get("LISTEN_FDS") and socket.socket(fileno=3).getsockname()[1]
print(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ), kept, os.getpid()]))
"""


@pytest.fixture
def current(tmp_path: Path) -> Path:
    """The link to a live release that shows how it was started."""
    release = tmp_path / "releases" / "2.0.0"
    (release / "bin").mkdir(parents=True)
    (release / "bin/show").write_text(SHOW)
    (release / "bin/show").chmod(0o755)
    (tmp_path / "current").symlink_to("releases/2.0.0")
    write(tmp_path / "current", start=["bin/show"])
    return tmp_path / "current"


def write(current: Path, **manifest: Any) -> None:
    (current / "manifest.json").write_text(json.dumps({"version": "2.0.0", **manifest}))


def run(current: Path, **given: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-I", "-S", str(START), str(current)]
    return subprocess.run(
        argv, env={"PATH": "/usr/bin", **given}, capture_output=True, text=True, check=False
    )


def shown(current: Path, **given: str) -> tuple[list[str], str, dict[str, str], int | None, int]:
    done = run(current, **given)
    assert done.returncode == 0, done.stderr
    words, directory, environment, kept, pid = json.loads(done.stdout)
    return words, directory, environment, kept, pid


def test_command_runs_in_its_release_and_stays_there_whatever_goes_live_next(current: Path) -> None:
    write(current, start=["bin/show", "--port", "$MITA_PORT", "${MITA_VERSION}", "$$x", "a b"])

    words, directory, environment, _, _ = shown(current, MITA_PORT="8123")

    assert words == ["--port", "8123", "2.0.0", "$x", "a b"]
    assert directory == environment["MITA_RELEASE"] == str(current.resolve())
    assert "LISTEN_FDS" not in environment


def test_what_the_host_says_stands_and_what_the_release_adds_is_there(current: Path) -> None:
    own = {"MODE": "fast", "LEVEL": "info", "PATH": "$MITA_RELEASE/bin:$PATH"}
    write(current, start=["bin/show"], environment=own)

    _, _, environment, _, _ = shown(current, LEVEL="debug")

    assert (environment["MODE"], environment["LEVEL"]) == ("fast", "debug")
    assert environment["PATH"] == f"{current.resolve()}/bin:/usr/bin"


@pytest.mark.parametrize("module", ["application", "target"])
def test_release_from_before_is_started_as_it_was(current: Path, module: str) -> None:
    write(current)
    (current / "app" / module).mkdir(parents=True)
    (current / "app" / module / "__main__.py").write_text(SHOW)

    words, _, environment, _, _ = shown(current)

    assert words == []
    assert environment["PYTHONPATH"] == f"{current.resolve()}/lib:{current.resolve()}/app"


def test_first_process_has_a_new_socket_which_systemd_is_given(current: Path, manager: socket.socket) -> None:
    write(current, start=["bin/show"], socket=True)
    port = free_port()

    *_, environment, kept, pid = shown(
        current, MITA_HOST="127.0.0.1", MITA_PORT=str(port), **reached(manager)
    )

    text, [handle], _, _ = socket.recv_fds(manager, 1000, 1)
    os.close(handle)
    assert text == b"FDSTORE=1\nFDNAME=listener"
    assert (kept, environment["LISTEN_PID"]) == (port, str(pid))


def reached(manager: socket.socket) -> dict[str, str]:
    return {"NOTIFY_SOCKET": manager.getsockname()}


@pytest.mark.parametrize(
    ("manifest", "given", "words"),
    [
        ({"start": ["bin/show", "$NOWHERE"]}, {}, "environment variable NOWHERE"),
        ({"start": ["bin/gone"]}, {}, "bin/gone to run, found: No such file"),
        (
            {"start": ["bin/show"], "socket": True},
            {"MITA_HOST": "192.0.2.1"},
            "listen on 192.0.2.1 port 8080",
        ),
        ({"version": None, "start": ["bin/show", "$"]}, {}, "expected $NAME or $$"),
    ],
)
def test_release_that_cannot_be_started_is_one_sentence(
    current: Path, manifest: dict[str, Any], given: dict[str, str], words: str
) -> None:
    write(current, **manifest)

    done = run(current, **given)

    assert done.returncode == 1
    assert words in done.stderr and "Traceback" not in done.stderr


def test_manifest_that_is_gone_is_one_sentence(current: Path) -> None:
    (current / "manifest.json").unlink()

    assert "expected the manifest of a release in" in run(current).stderr


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(str(tmp_path / "notify"))
        channel.settimeout(10)
        yield channel


def test_socket_is_forgotten_before_its_port_is_bound_anew(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", manager.getsockname())
    thread = threading.Thread(target=start.forget)
    thread.start()

    assert manager.recv(1000) == b"FDSTOREREMOVE=1\nFDNAME=listener"
    text, [handle], _, _ = socket.recv_fds(manager, 1000, 1)
    assert text == b"BARRIER=1"
    thread.join(0.2)
    assert thread.is_alive()  # systemd has not closed it yet
    os.close(handle)
    thread.join(start.PATIENCE_MS / 1000)
    assert not thread.is_alive()


KEPT = """
import os, socket, sys
sys.path.insert(0, sys.argv[1])
from roles.application.files import start
from ipaddress import ip_address
os.dup2(socket.create_server(("127.0.0.1", 0)).detach(), 3)
port = socket.socket(fileno=os.dup(3)).getsockname()[1]
mine = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": start.LISTENER}
other = {**mine, "LISTEN_PID": str(os.getpid() + 1)}
here = ip_address("127.0.0.1"), port
print(start.is_kept(mine, here), start.is_kept(other, here), start.is_kept(mine, (here[0], port + 1)))
"""


def test_only_the_process_that_systemd_meant_takes_the_socket_and_only_at_its_address() -> None:
    argv = [sys.executable, "-c", KEPT, str(REPO)]

    assert subprocess.check_output(argv, text=True).split() == ["True", "False", "False"]
