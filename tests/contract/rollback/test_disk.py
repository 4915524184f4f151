"""The database's disk is full, or away: nothing is promised that is not kept, and what runs goes on."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devtools.wait import until

pytestmark = pytest.mark.hard
Alert = Callable[..., Any]
SMALL = "mount -t tmpfs -o size=8m small {disk} && exec {python} -m rollback.app --settings {settings}"
PROGRAM = """
echo '{"host":"app1","step":"host","status":"started"}' >> $MITA_ROLLBACK_EVENTS
touch started
while [ ! -e go ]; do sleep 0.05; done
echo moved >> moves
echo '{"host":"app1","step":"host","status":"done"}' >> $MITA_ROLLBACK_EVENTS
"""


@pytest.fixture
def small(daemon: Any) -> Any:
    """A daemon whose database is on a small disk of its own, in a namespace of its own."""
    disk = daemon.folder / "disk"
    disk.mkdir()
    probe = ["unshare", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "small", str(disk)]
    if subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("this user may not mount, not even in a namespace of their own")

    def launch(environment: dict[str, str]) -> Any:
        script = SMALL.format(disk=disk, python=sys.executable, settings=daemon.file)
        with daemon.log.open("ab") as log:
            return subprocess.Popen(
                ["unshare", "--map-root-user", "--mount", "sh", "-c", script],
                stdout=log,
                stderr=log,
                env={**os.environ, **environment},
            )

    daemon.launch = launch
    executor = {"kind": "command", "argv": ["/bin/sh", "-c", PROGRAM], "directory": str(daemon.folder)}
    return daemon.configure(database=str(disk / "rollback.db"), executor=executor, deployment_window="10h")


def fill(file: Path) -> None:
    """Nothing more fits on its disk."""
    with file.open("wb", buffering=0) as filler:
        for size in (65_536, 4_096, 512, 1):
            try:
                while filler.write(b"\0" * size):
                    pass
            except OSError:
                continue


def bad_release(daemon: Any, alert: Alert) -> None:
    daemon.deploy("1.0.0")
    daemon.good("1.0.0")
    daemon.deploy("2.0.0")
    daemon.deliver(alert("bad"))
    started = daemon.folder / "started"
    until("the program to run", started.exists, deadline_s=20, interval_s=0.02, explain=daemon.said)


def status(daemon: Any, path: str = "/health/ready") -> int:
    return int(daemon.get(path).status_code)


def test_on_a_full_disk_alerts_wait_with_alertmanager_and_a_rollback_goes_on(
    small: Any, alert: Alert
) -> None:
    small.start()
    bad_release(small, alert)
    disk = Path(f"/proc/{small.process.pid}/root{small.folder}/disk")
    full = [alert(f"full-{n}", service="", text="x" * 200_000) for n in range(3)]

    fill(disk / "filler")
    assert small.deliver(*full).status_code == 503
    (small.folder / "go").touch()
    until("the host to be moved", (small.folder / "moves").exists, deadline_s=30, interval_s=0.02)
    until("ready to tell", lambda: status(small) == 503, deadline_s=30, interval_s=0.1, explain=small.said)
    assert "disk is full" in small.get("/health/ready").text
    assert status(small, "/health/live") == 200
    assert small.deliver(*full).status_code == 503

    (disk / "filler").unlink()
    until("it to be ready", lambda: status(small) == 200, deadline_s=20, interval_s=0.1, explain=small.said)
    assert small.deliver(*full).json() == {"accepted": 3, "duplicates": 0, "quarantined": 0}
    rollback = small.until_phase("succeeded", "unverified", "failed", "called_off")

    assert (rollback["phase"], rollback["attempt"]) == ("succeeded", 1)
    assert (small.folder / "moves").read_text() == "moved\n"
    kinds = [entry["kind"] for entry in small.ledger("shop")]
    assert [kinds.count(kind) for kind in ("rollback_started", "restored", "rollback_finished")] == [1, 1, 1]
    for file in disk.glob("rollback.db*"):  # SQLite itself would look for them on the disk that we see
        shutil.copy(file, small.folder)
    connection = sqlite3.connect(small.folder / "rollback.db")
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    found = {row[0] for row in connection.execute("SELECT fingerprint FROM inbox")}
    connection.close()
    assert found == {"bad", "full-0", "full-1", "full-2"}


@pytest.mark.parametrize("what", ["folder", "rollback.db", "rollback.db-wal"])
def test_a_database_that_is_away_takes_nothing_that_would_be_lost(
    daemon: Any, alert: Alert, what: str
) -> None:
    folder = daemon.folder / "database"
    folder.mkdir()
    daemon.configure(database=str(folder / "rollback.db"), reconcile_interval="100s").start()
    assert daemon.deliver(alert("before", service="")).status_code == 202
    there = folder if what == "folder" else folder / what

    away = there.rename(daemon.folder / "away")
    assert daemon.deliver(alert("away", service="")).status_code == 503
    assert "is not where it was opened" in daemon.get("/health/ready").text
    assert status(daemon) == 503

    away.rename(there)
    assert daemon.deliver(alert("away", service="")).status_code == 202
    assert status(daemon) == 200
    daemon.end(signal.SIGKILL)
    assert [daemon.stored(name) for name in ("before", "away")] == [1, 1]
