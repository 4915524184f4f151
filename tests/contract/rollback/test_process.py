"""The daemon as a process: killed, stopped, reloaded, without disk, without database, with TLS."""

import json
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import requests
import structlog

from devtools.ports import free_port
from devtools.wait import until
from rollback import app, cli
from rollback.adapters.sqlite import SqliteStore
from rollback.domain.deployment import Outcome, Standing
from rollback.domain.policy import MODES
from rollback.domain.rollback import Phase

Alert = Callable[..., Any]
HOST_DONE = """echo '{"host":"app1","step":"host","status":"done"}' >> $MITA_ROLLBACK_EVENTS"""
WAITING = """
echo '{"host":"app1","step":"host","status":"started"}' >> $MITA_ROLLBACK_EVENTS
echo $$ >> started
while [ ! -e go ]; do sleep 0.05; done
echo '{"host":"app1","step":"host","status":"done"}' >> $MITA_ROLLBACK_EVENTS
"""


def waiting_executor(folder: Path, **changes: Any) -> dict[str, Any]:
    """A program that waits for a file named `go`."""
    argv = ["/bin/sh", "-c", WAITING]
    return {"kind": "command", "argv": argv, "directory": str(folder), "stop_grace": "100ms", **changes}


def runs_of(folder: Path) -> list[int]:
    file = folder / "started"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def bad_release(daemon: Any, alert: Alert) -> None:
    """2.0.0 replaces 1.0.0, an alert fires, and the program that rolls back is at work."""
    daemon.deploy("1.0.0")
    daemon.good("1.0.0")
    daemon.deploy("2.0.0")
    daemon.deliver(alert())
    until("the program", lambda: runs_of(daemon.folder), deadline_s=20, interval_s=0.02, explain=daemon.said)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_killed_while_alerts_arrive_it_has_everything_that_it_answered_for(daemon: Any, alert: Alert) -> None:
    daemon.start()
    answered: list[str] = []
    enough = threading.Event()

    def deliver(client: int) -> None:
        session = requests.Session()
        url, auth = daemon.url + "/api/admin/rollback/trigger", ("alertmanager", "hook-secret")
        for number in range(10_000):
            name = f"{client}-{number}"
            body = {"version": "4", "alerts": [alert(name, service="")]}
            try:
                if session.post(url, json=body, auth=auth, timeout=30).status_code == 202:
                    answered.append(name)
            except requests.RequestException:
                return
            if len(answered) > 150:
                enough.set()

    with ThreadPoolExecutor(8) as clients:
        for client in range(8):
            clients.submit(deliver, client)
        enough.wait(20)
        daemon.end(signal.SIGKILL)

    connection = sqlite3.connect(daemon.settings["database"])
    stored = {row[0] for row in connection.execute("SELECT fingerprint FROM inbox")}
    assert len(answered) > 150
    assert set(answered) - stored == set()
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_stopped_and_killed_while_the_playbook_runs_exactly_one_rollback_is_recorded_and_finishes(
    daemon: Any, alert: Alert
) -> None:
    daemon.configure(executor=waiting_executor(daemon.folder)).start()
    bad_release(daemon, alert)

    assert daemon.end(signal.SIGTERM) == 0
    assert "rollback_handed_over" in daemon.said()
    assert not alive(runs_of(daemon.folder)[0])
    daemon.start()
    until("the second run", lambda: len(runs_of(daemon.folder)) == 2, deadline_s=20, interval_s=0.02)

    daemon.end(signal.SIGKILL)
    orphan = runs_of(daemon.folder)[1]
    assert alive(orphan)
    daemon.start()
    until("the third run", lambda: len(runs_of(daemon.folder)) == 3, deadline_s=20, interval_s=0.02)

    assert not alive(orphan)
    (daemon.folder / "go").touch()
    rollback = daemon.until_phase("succeeded", "unverified", "failed")
    assert (rollback["phase"], rollback["attempt"]) == ("succeeded", 3)
    assert len(daemon.ask("/rollbacks")["rollbacks"]) == 1
    asked = 'result="succeeded",trigger="error_rate_threshold"'
    assert daemon.metric(f'mita_rollback_total{{application="shop",{asked}}}') == 1
    kinds = [entry["kind"] for entry in daemon.ledger()]
    assert (kinds.count("rollback_started"), kinds.count("rollback_resumed")) == (1, 2)


def test_asked_to_stop_it_lets_a_run_finish_that_can(daemon: Any, alert: Alert) -> None:
    daemon.configure(executor=waiting_executor(daemon.folder, stop_grace="20s")).start()
    bad_release(daemon, alert)

    daemon.send(signal.SIGTERM)
    (daemon.folder / "go").touch()
    assert daemon.process.wait(20) == 0

    store = SqliteStore(Path(daemon.settings["database"]))
    rollback = store.rollback(1)
    store.close()
    assert (rollback.phase, rollback.attempt) == (Phase.VERIFYING, 1)


def test_an_alert_that_fired_while_it_was_down_still_rolls_back(daemon: Any, alert: Alert, make: Any) -> None:
    store = SqliteStore(Path(daemon.settings["database"]))
    for version, seconds in (("1.0.0", 30), ("2.0.0", 2)):
        new = make.new(version)
        started = datetime.now(UTC) - timedelta(seconds=seconds)
        deployment = store.start_deployment(new, started)
        store.finish_deployment(deployment.id, Outcome.LIVE, "", started + timedelta(seconds=1))
    store.mark_release("shop", "production", "1.0.0", Standing.GOOD, "the test", datetime.now(UTC))
    store.close()
    daemon.world.alerts = [{**alert(), "status": {"state": "active"}}]

    daemon.start()

    assert daemon.until_phase("succeeded")["to_version"] == "1.0.0"


def test_reloaded_it_takes_new_settings_keeps_bad_ones_out_and_loses_no_request(
    daemon: Any, alert: Alert
) -> None:
    daemon.start()
    reloaded = "mita_rollback_config_last_reload_successful"
    first = daemon.metric("mita_rollback_config_last_reload_success_timestamp_seconds")
    stop, codes = threading.Event(), list[int]()

    def deliver() -> None:
        while not stop.is_set():
            codes.append(daemon.deliver(alert(str(len(codes)), service="")).status_code)

    client = threading.Thread(target=deliver)
    client.start()
    changed = MODES | {"error_rate_threshold": "off"}
    daemon.configure(triggers={"error_rate_threshold": "off"}).send(signal.SIGHUP)
    until("the new triggers", lambda: triggers(daemon) == changed, deadline_s=30)
    assert daemon.metric("mita_rollback_config_last_reload_success_timestamp_seconds") > first

    daemon.configure(triggers={"error_rate_threshold": "maybe"}).send(signal.SIGHUP)
    until("the refusal", lambda: daemon.metric(reloaded) == 0, deadline_s=30)
    assert triggers(daemon) == changed
    assert "triggers.error_rate_threshold: Input should be" in daemon.said()
    [kept] = daemon.ask("/status")["trouble"]
    assert "the former ones are" in kept and "triggers.error_rate_threshold: Input should be" in kept

    daemon.configure(triggers={"error_rate_threshold": "auto"}).send(signal.SIGHUP)
    until("the mended settings", lambda: daemon.metric(reloaded) == 1, deadline_s=30)
    assert daemon.ask("/status")["trouble"] == []
    stop.set()
    client.join()
    assert set(codes) == {202}

    (daemon.folder / "secrets/rollback_webhook_secret").write_text("another-secret")
    daemon.send(signal.SIGHUP)
    new = ("alertmanager", "another-secret")
    until("the new secret", lambda: daemon.deliver(alert("a"), auth=new).status_code == 202, deadline_s=30)
    assert daemon.deliver(alert("b")).status_code == 401


def triggers(daemon: Any) -> Any:
    return daemon.ask("/status")["triggers"]


def test_without_disk_alertmanager_is_told_to_come_again(daemon: Any, alert: Alert) -> None:
    daemon.start()
    assert daemon.deliver(alert("before")).status_code == 202
    size = max(path.stat().st_size for path in daemon.folder.glob("rollback.db*"))

    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    assert daemon.deliver(alert("full", text="x" * 50_000)).status_code == 503
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, unlimited)
    assert daemon.deliver(alert("full", text="x" * 50_000)).status_code == 202
    assert daemon.metric('mita_rollback_requests_total{code="503",door="webhook"}') == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(folder / "tls.key"), "-out", str(folder / "tls.crt")],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


def test_the_port_speaks_tls_asks_for_a_name_and_tells_systemd(
    daemon: Any, alert: Alert, certificate: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (daemon.folder / "secrets/web").write_text("web-secret")
    daemon.configure(
        web_tls_cert=str(certificate / "tls.crt"),
        web_tls_key=str(certificate / "tls.key"),
        web_auth_username="prometheus",
        web_auth_password_file="secrets/web",
    )
    daemon.scheme, daemon.trust = "https", str(certificate / "tls.crt")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        address = str(daemon.folder / "notify")
        systemd.bind(address)
        systemd.settimeout(10)
        daemon.start(NOTIFY_SOCKET=address, WATCHDOG_USEC="300000")
        told = [systemd.recv(500).decode() for _ in range(8)]
        daemon.send(signal.SIGHUP)
        until("the reload", lambda: b"RELOADING=1" in systemd.recv(500), deadline_s=30, interval_s=0.01)

    assert any("READY=1" in line for line in told)
    assert told.count("WATCHDOG=1") >= 2
    assert daemon.get("/metrics", auth=("prometheus", "web-secret")).status_code == 200
    assert daemon.get("/metrics").status_code == 200
    assert [daemon.get(path, auth=None).status_code for path in ("/metrics", "/health/ready")] == [401, 401]
    assert daemon.deliver(alert()).status_code == 202
    assert daemon.deliver(alert(), auth=("prometheus", "web-secret")).status_code == 401
    until(
        "the decision", lambda: daemon.decisions("shop"), deadline_s=30, interval_s=0.02, explain=daemon.said
    )
    options = ["--settings", str(daemon.file), "--url", daemon.url, "--ca-file", daemon.trust]
    assert cli.main([*options, "decisions", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["decisions"][0]["alert"]["alertname"] == "Anything"


def test_settings_are_checked_without_starting(daemon: Any, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.configure()
    assert app.main(["--check", str(daemon.file)]) == 0
    assert "can be used" in capsys.readouterr().out

    daemon.configure(cooldown="soon")
    assert app.main(["--check", str(daemon.file)]) == 2
    assert "cooldown: expected a duration such as 30m" in capsys.readouterr().err


def test_a_taken_port_is_said_in_one_sentence(daemon: Any, capsys: pytest.CaptureFixture[str]) -> None:
    daemon.configure()
    with socket.create_server(("127.0.0.1", daemon.settings["listen_port"])):
        assert app.main(["--settings", str(daemon.file)]) == 2

    said = capsys.readouterr().err
    assert "cannot listen on 127.0.0.1 port" in said
    assert f"`ss -ltnp sport = :{daemon.settings['listen_port']}` says who has it" in said
    structlog.reset_defaults()


def test_a_second_daemon_is_refused_the_database_of_the_first(daemon: Any) -> None:
    daemon.start()
    first = daemon.settings["listen_port"]
    daemon.settings["listen_port"] = free_port()
    command = [sys.executable, "-m", "rollback.app", "--settings", str(daemon.configure().file)]
    second = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert second.returncode == 2
    assert "database: expected one that no other daemon uses" in second.stderr
    daemon.settings["listen_port"] = first
    daemon.configure().end(signal.SIGKILL)
    daemon.start()


def test_a_lock_that_cannot_be_opened_is_not_taken_for_a_free_one(daemon: Any) -> None:
    database = Path(daemon.configure().settings["database"])
    database.with_name(f"{database.name}.lock").mkdir(parents=True)
    command = [sys.executable, "-m", "rollback.app", "--settings", str(daemon.file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)

    assert done.returncode == 2
    assert "database: expected to open its lock" in done.stderr


@pytest.mark.long
def test_a_slow_prometheus_gets_nobody_killed_and_loses_nothing(daemon: Any, alert: Alert) -> None:
    """Seventy alerts of five services, two and a half seconds an answer, and impatient watchdogs.

    One service takes 13 s, so that a loop that shows no life until all are done would count as stuck.
    """
    services = [f"s{n}" for n in range(5)]
    daemon.program = [sys.executable, "-c", IMPATIENT]
    daemon.configure(time_scale=1).start()
    for service in services:
        for version in ("1.0.0", "2.0.0"):
            daemon.deploy(version, service=service)
        daemon.good("1.0.0", service)
    daemon.end()
    answer = daemon.world.answer

    def slowly(path: str) -> Any:
        if path.startswith("/api/"):
            time.sleep(2.5)
        return answer(path)

    daemon.world.answer = slowly
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        address = str(daemon.folder / "notify")
        systemd.bind(address)
        daemon.start(NOTIFY_SOCKET=address, WATCHDOG_USEC="1500000")
        fed, ended = list[float](), threading.Event()

        def listen() -> None:
            systemd.settimeout(0.2)
            while not ended.is_set():
                with suppress(TimeoutError):
                    if b"WATCHDOG=1" in systemd.recv(500):
                        fed.append(time.monotonic())

        listening = threading.Thread(target=listen)
        listening.start()
        alerts = [alert(f"{service}-{n}", service=service) for service in services for n in range(14)]
        assert daemon.deliver(*alerts).status_code == 202
        began = time.monotonic()

        def decided() -> bool:
            assert daemon.get("/health/live").status_code == 200
            return bool(daemon.metric("mita_rollback_inbox_pending") == 0)

        until("all to be decided", decided, deadline_s=180, interval_s=0.5, explain=daemon.said)
        ready = daemon.get("/health/ready")
        ended.set()
        listening.join()

    gaps = [later - earlier for earlier, later in pairwise(fed)]
    print(f"decided after {time.monotonic() - began:.0f} s, longest silence {max(gaps):.2f} s")  # noqa: T201
    assert "watchdog_not_fed" not in daemon.said()
    assert (ready.status_code, ready.json()["trouble"]) == (200, [])
    assert max(gaps) < 1.5
    decisions = daemon.ask("/decisions?limit=1000")["decisions"]
    assert sum(one["alerts"] for one in decisions) >= 70
    assert {one["service"] for one in decisions} == set(services)


def test_an_executor_that_writes_without_end_holds_up_no_request(daemon: Any, alert: Alert) -> None:
    """300 MB of output in the time of a few looks, while others ask."""
    argv = ["/bin/sh", "-c", f"head -c 300000000 /dev/zero | tr '\\0' 'x'; {HOST_DONE}"]
    daemon.configure(executor={"kind": "command", "argv": argv}).start()
    before = memory(daemon.process.pid)
    waits = []
    daemon.deploy("1.0.0")
    daemon.good("1.0.0")
    daemon.deploy("2.0.0")
    daemon.deliver(alert())

    while daemon.rollback().get("phase") not in ("verifying", "succeeded"):
        began = time.monotonic()
        assert daemon.deliver(alert(str(began), service="")).status_code == 202
        waits.append(time.monotonic() - began)

    print(f"slowest of {len(waits)}: {max(waits):.2f} s, {memory(daemon.process.pid) - before} kB")  # noqa: T201
    assert max(waits) < 3
    assert memory(daemon.process.pid) - before < 60_000
    kept = sum(path.stat().st_size for path in (daemon.folder / "state/runs/1").rglob("*") if path.is_file())
    assert kept < 20_000_000


def memory(pid: int) -> int:
    """The most that the process has held at once, in kB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))


IMPATIENT = """
import sys
from rollback import app, worker
worker.STUCK_SECONDS = 25.0
sys.exit(app.main(sys.argv[1:]))
"""
UNUSABLE = {
    "a duration that is none": b"cooldown: 3000000d\n",
    "no YAML": b"{",
    "no text": b"\xff\xfe\x00",
    "nothing that ends": b"a: " + b"[" * 100_000,
    "a bomb": b"a: &a [1,1]\nb: &b {<<: *a}\n",
    "a number that is none": b"body_limit: " + b"9" * 10_000 + b"\n",
    "a list": b"- 1\n",
}


def test_a_reload_that_cannot_be_used_keeps_the_old_settings_whatever_is_wrong_in_it(
    daemon: Any, alert: Alert, certificate: Path
) -> None:
    for name in ("tls.crt", "tls.key"):
        (daemon.folder / name).write_bytes((certificate / name).read_bytes())
    daemon.configure(web_tls_cert="tls.crt", web_tls_key="tls.key")
    daemon.scheme, daemon.trust = "https", str(certificate / "tls.crt")
    daemon.start()
    good, reloaded = daemon.file.read_bytes(), "mita_rollback_config_last_reload_successful"

    def refused(why: str) -> None:
        daemon.send(signal.SIGHUP)
        until(f"the refusal of {why}", lambda: daemon.metric(reloaded) == 0, deadline_s=20, interval_s=0.05)
        assert daemon.deliver(alert(why)).status_code == 202
        daemon.file.write_bytes(good)
        daemon.send(signal.SIGHUP)
        until("the mended ones", lambda: daemon.metric(reloaded) == 1, deadline_s=20, interval_s=0.05)

    for why, content in UNUSABLE.items():
        daemon.file.write_bytes(content)
        refused(why)
    daemon.file.unlink()
    refused("no file")
    key = (daemon.folder / "tls.key").read_bytes()
    daemon.file.write_bytes(good + b"cooldown: 1m\n")
    (daemon.folder / "tls.key").write_bytes(b"no key")
    daemon.send(signal.SIGHUP)
    until("the refusal of a key", lambda: daemon.metric(reloaded) == 0, deadline_s=20, interval_s=0.05)
    assert daemon.ask("/status")["policy"]["cooldown"] == 6
    assert daemon.deliver(alert("with the old key")).status_code == 202
    (daemon.folder / "tls.key").write_bytes(key)
    secret = daemon.folder / "secrets/rollback_webhook_secret"
    secret.unlink()
    secret.mkdir()
    daemon.send(signal.SIGHUP)
    until("the refusal of a folder", lambda: daemon.metric(reloaded) == 0, deadline_s=20, interval_s=0.05)
    assert daemon.deliver(alert("with the old secret")).status_code == 202
