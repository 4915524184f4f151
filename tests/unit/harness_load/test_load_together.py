"""A master judges the sum of its workers; one that is missing or lost voids, and none speaks for the run."""

import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import requests

from devtools.paths import REPO
from devtools.ports import free_port
from devtools.wait import until
from harness.load.codes import Code
from harness.load.run import Wanted, running

pytestmark = pytest.mark.slow

PATIENCE = 60.0


def locust(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "locust", "-f", "harness/load/locustfile.py", *arguments]
    return subprocess.Popen(command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(processes: Sequence[subprocess.Popen[str]]) -> list[str]:
    try:
        return [process.communicate(timeout=PATIENCE)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()


def value(name: str, port: int) -> float:
    text = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


def test_workers_share_a_plan_and_the_master_judges_and_shows_their_sum(server: Any, tmp_path: Path) -> None:
    port = free_port()
    wanted = Wanted(
        targets=[server.url], out=tmp_path, rate=30, duration=3, workers=2, extra=("--metrics", str(port))
    )
    with running(wanted) as load:
        until("answers as metrics", lambda: value("mita_load_requests_total", port) > 0, deadline_s=PATIENCE)
        assert value("mita_load_processes", port) == 2
        assert value("mita_load_response_seconds_count", port) > 0
        load.wait()
        verdict = load.end()

    assert (verdict["valid"], verdict["complete"]) == (True, True), verdict["sentence"]
    assert verdict["planned"] == 90
    assert verdict["sent"] == verdict["whole"]["requests"] == len(server.seen)
    said = [(tmp_path / f"worker-{number}.log").read_text() for number in (1, 2)]
    sent = [int(re.search(r"This worker sent (\d+) requests; the master judges", text)[1]) for text in said]  # type: ignore[index]
    assert sum(sent) == verdict["sent"]
    assert abs(sent[0] - sent[1]) <= 4
    assert not any("Valid" in text for text in said)


def test_worker_that_is_killed_voids_the_run(server: Any, tmp_path: Path) -> None:
    with running(Wanted(targets=[server.url], out=tmp_path, rate=20, duration=600, workers=2)) as load:
        until("the first seconds", load.seconds, deadline_s=PATIENCE)
        load.workers[0].send_signal(signal.SIGKILL)
        load.workers[0].wait()
        verdict = load.end()

    assert not verdict["valid"]
    assert re.search(r"VOID: worker \S+ was lost after \d+ requests", verdict["sentence"])
    assert not load.alive()
    assert all(worker.poll() is not None for worker in load.workers)


@pytest.mark.long
def test_master_and_worker_as_anybody_types_them(server: Any) -> None:
    port = str(free_port())
    master = locust(
        *("--master", "--headless", "--host", server.url, "-u", "20", "-r", "20", "-t", "2s"),
        *("--master-bind-host", "127.0.0.1", "--master-bind-port", port),
    )
    worker = locust("--worker", "--master-port", port)
    said, by_worker = ended([master, worker])

    found = re.search(r"(?P<word>Valid|VOID): .*", said)
    assert found, said
    assert (master.returncode, worker.returncode) == (
        Code.VALID if found["word"] == "Valid" else Code.VOID,
        0,
    )
    assert f"This worker sent {len(server.seen)} requests; the master judges" in by_worker
    assert "Valid" not in by_worker


@pytest.mark.long
def test_worker_that_leaves_before_the_end_voids_the_run(server: Any) -> None:
    port = str(free_port())
    master = locust(
        *("--master", "--headless", "--host", server.url, "-u", "20", "-r", "20", "--expect-workers", "2"),
        *("--master-bind-host", "127.0.0.1", "--master-bind-port", port),
    )
    workers = [locust("--worker", "--master-port", port) for _ in range(2)]
    until("the first requests", lambda: len(server.seen) > 5, deadline_s=PATIENCE)
    workers[0].send_signal(signal.SIGTERM)
    workers[0].wait(PATIENCE)
    master.send_signal(signal.SIGTERM)
    said, *_ = ended([master, *workers])

    assert re.search(r"VOID: worker \S+ left before the end", said), said
    assert master.returncode == Code.VOID


def test_foreign_target_is_refused_by_the_master(server: Any) -> None:
    port = str(free_port())
    master = locust(
        *("--master", "--headless", "--host", "http://example.org", "-u", "1", "-t", "5s"),
        *("--master-bind-host", "127.0.0.1", "--master-bind-port", port),
    )
    worker = locust("--worker", "--master-port", port)
    said, _ = ended([master, worker])

    assert master.returncode == Code.REFUSED
    assert "expected a target on this machine" in said
    assert not server.seen
