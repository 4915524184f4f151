"""locust as a subprocess against a local server: steady pressure, honest verdicts, nothing left running."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO
from devtools.ports import free_port
from devtools.wait import until
from harness.cli import main
from harness.load.codes import Code
from harness.load.run import Wanted, running
from harness.load.summary import totals
from harness.load.targets import ForbiddenTargetError

pytestmark = pytest.mark.slow

PATIENCE = 30.0


def harness_load(*arguments: str) -> int:
    return main(["load", *arguments])


def test_slow_server_meets_the_same_pressure(server: Any, tmp_path: Path) -> None:
    """Every answer takes two seconds: closed-loop users would send half as much."""
    arguments = ("--target", server.url, "--out", str(tmp_path), "--rate", "20", "--duration", "3")
    code = harness_load(*arguments, "--added-latency", "2", "--slow-over", "1")

    assert code == Code.VALID
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["sent"] >= 0.95 * 60
    assert summary["slow"] == summary["sent"] == len(server.seen)
    assert summary["median_p95"] >= 2  # a busy machine adds to it


def test_results_are_text_csv_and_html_and_a_broken_limit_has_its_own_code(
    server: Any, tmp_path: Path
) -> None:
    out = tmp_path / "made" / "here"
    arguments = ("--target", server.url, "--out", str(out), "--rate", "20", "--duration", "2")
    limits = ("--fail-above", "error_ratio=0.1,p99=9s")
    assert harness_load(*arguments, *limits, "--error-ratio", "0.4", "--seed", "1") == Code.BROKEN

    names = {path.name for path in out.iterdir()}
    assert {"summary.txt", "locust_stats.csv", "report.html", "seconds.jsonl", "verdict.json"} <= names
    summary = json.loads((out / "summary.json").read_text())
    assert 0.2 < summary["error_ratio"] == summary["whole"]["error_ratio"] < 0.6
    assert {row["name"] for row in summary["endpoints"]} <= {journey_row(path) for path in server.seen}
    assert summary["broken"][0].startswith("FAILED: expected error_ratio of at most 10.00%, found")


def journey_row(path: str) -> str:
    return "/api/users/{user_id}" if path.startswith("/api/users/") else path


def test_spike_sends_what_it_planned_and_ends_with_its_plan(server: Any, tmp_path: Path) -> None:
    arguments = ("--target", server.url, "--out", str(tmp_path), "--profile", "spike")
    assert harness_load(*arguments, "--rate", "50", "--duration", "4") == Code.VALID

    verdict = json.loads((tmp_path / "verdict.json").read_text())
    assert verdict["planned"] == 80
    assert verdict["sent"] == len(server.seen) <= 80


def test_run_to_which_nobody_answers_is_void(tmp_path: Path) -> None:
    arguments = ("--target", f"http://127.0.0.1:{free_port()}", "--out", str(tmp_path))
    assert harness_load(*arguments, "--rate", "10", "--duration", "1") == Code.VOID

    text = (tmp_path / "summary.txt").read_text()
    assert "nobody answered, all 10 requests were lost (ConnectionRefusedError" in text
    assert "error ratio 100.0%" in text


OWN = """
from harness.load.mix import Call, Journey

def look(random, known):
    return Call(method="GET", path="/items")

def buy(random, known):
    return Call(method="POST", path="/orders", body={"item": 1})

def trip(random, known):
    return Call(method="GET", path=1 / 0)

JOURNEYS = [
    Journey(9, look, tags=frozenset({"read"})),
    Journey(9, buy, tags=frozenset({"write"})),
    Journey(3, trip, tags=frozenset({"broken"})),
]
"""


def test_own_journeys_plan_and_tags_and_a_journey_that_fails_is_a_loss(server: Any, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(OWN)
    (tmp_path / "plan.yml").write_text("- {seconds: 1, from: 0, to: 20}\n- {seconds: 0.5, rate: 20}\n")
    arguments = ("--target", server.url, "--out", str(tmp_path / "out"), "--plan", str(tmp_path / "plan.yml"))
    own = ("--journeys", str(tmp_path / "shop.py"), "--tags", "read", "broken", "--seed", "1")

    assert harness_load(*arguments, *own) == Code.VALID
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (set(server.seen), summary["sent"]) == ({"/items"}, 20)
    assert 0 < summary["lost"] == 20 - len(server.seen)
    assert summary["error_ratio"] == round(summary["lost"] / 20, 4)


def test_request_that_nobody_answers_is_sent_a_few_times_and_not_a_thousand(
    server: Any, tmp_path: Path
) -> None:
    (tmp_path / "shop.py").write_text(OWN)
    server.hangs_up = 10_000
    own = ("--journeys", str(tmp_path / "shop.py"), "--tags", "read")
    wanted = Wanted(targets=[server.url], out=tmp_path, rate=3, duration=1, extra=own)
    with running(wanted) as load:
        load.wait()

    sums = totals(load.seconds())
    assert (sums["sent"], sums["lost"], sums["again"]) == (3, 3, 3)
    assert len(server.seen) == 3 * 2 * 2


def test_tags_that_leave_no_journey_are_refused(server: Any, tmp_path: Path) -> None:
    code = harness_load("--target", server.url, "--out", str(tmp_path), "--tags", "nobody has this")

    assert (code, server.seen) == (Code.REFUSED, [])
    assert "nobody could be the first" in (tmp_path / "summary.txt").read_text()


def test_run_that_cannot_keep_its_rate_is_void(server: Any, tmp_path: Path) -> None:
    """Twenty a second, three seconds each, only ten may be in flight: the rest is dropped and counted."""
    arguments = ("--target", server.url, "--out", str(tmp_path), "--rate", "20", "--duration", "2")
    code = harness_load(*arguments, "--added-latency", "3", "--max-in-flight", "10")

    assert code == Code.VOID
    assert "too many were unanswered" in (tmp_path / "summary.txt").read_text()


@pytest.mark.long
def test_two_targets_share_the_load(server: Any, tmp_path: Path) -> None:
    other = server.url.replace("127.0.0.1", "localhost")
    wanted = Wanted(targets=[server.url, other], out=tmp_path, rate=10, duration=2)
    with running(wanted) as load:
        load.wait()

    answered = totals_by_target(load.seconds())
    assert abs(answered[server.url] - answered[other]) <= 1


def totals_by_target(seconds: list[dict[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for second in seconds:
        for target, kinds in second["by_target"].items():
            counts[target] = counts.get(target, 0) + sum(kinds.values())
    return counts


def test_redirect_is_not_followed(server: Any, tmp_path: Path) -> None:
    server.status = 302
    with running(Wanted(targets=[server.url], out=tmp_path, rate=5, duration=1)) as load:
        load.wait()

    assert totals(load.seconds())["lost"] == 0


@pytest.mark.parametrize(("hangs_up", "again", "lost"), [(1, 1, 0), (2, 1, 1)])
def test_request_whose_connection_ends_unanswered_is_sent_again_once_and_counted(
    server: Any, tmp_path: Path, hangs_up: int, again: int, lost: int
) -> None:
    """The first request of a run is a registration, which the library does not repeat by itself."""
    server.hangs_up = hangs_up
    with running(Wanted(targets=[server.url], out=tmp_path, rate=1, duration=2)) as load:
        load.wait()

    sums = totals(load.seconds())
    assert (sums["again"], sums["lost"]) == (again, lost)
    assert sums["ok"] == sums["sent"] - lost


def test_leaving_the_block_ends_locust_and_its_verdict_counts_what_was_planned_until_then(
    server: Any, tmp_path: Path
) -> None:
    with running(Wanted(targets=[server.url], out=tmp_path, rate=20, duration=600)) as load:
        until("the first seconds", load.seconds, deadline_s=PATIENCE)
        verdict = load.end()

    assert not load.alive()
    assert (tmp_path / "report.html").exists()
    assert (verdict["valid"], verdict["complete"]) == (True, False), verdict["sentence"]


def test_locust_does_not_outlive_its_killed_owner(server: Any, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from harness.load.run import *\n"
        "with running(Wanted(targets=[sys.argv[1]], out=Path(sys.argv[2]), duration=600)) as load:\n"
        "    print(load._process.pid, flush=True); load.wait()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", script, server.url, str(tmp_path)], cwd=REPO, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    locust = int(owner.stdout.readline())
    until("the first seconds", (tmp_path / "seconds.jsonl").exists, deadline_s=PATIENCE)

    owner.send_signal(signal.SIGKILL)
    owner.wait()
    owner.stdout.close()

    until(
        "locust to end by itself",
        lambda: not Path(f"/proc/{locust}/cmdline").read_bytes(),
        deadline_s=PATIENCE,
    )


def test_foreign_target_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    with (
        pytest.raises(ForbiddenTargetError),
        running(Wanted(targets=["http://example.org"], out=tmp_path / "x")),
    ):
        pytest.fail("the block must not run")

    assert not (tmp_path / "x").exists()
    assert harness_load("--target", "http://example.org") == Code.REFUSED


def locust(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "locust", "-f", "harness/load/locustfile.py", "--headless", *arguments]
    return subprocess.run(
        command, cwd=REPO, capture_output=True, text=True, check=False, env=dict(os.environ)
    )


def test_locust_as_anybody_types_it(server: Any) -> None:
    outcome = locust("--host", server.url, "-u", "20", "-r", "20", "-t", "2s")

    # On a busy machine so short a run may rightly be void; verdict, status and server must agree.
    void = re.search(r"VOID: expected (?P<planned>\d+) requests, sent (?P<sent>\d+)", outcome.stdout)
    said = void or re.search(r"Valid: (?P<sent>\d+) of (?P<planned>\d+) planned", outcome.stdout)
    assert said, outcome.stdout + outcome.stderr
    assert outcome.returncode == (Code.VOID if void else Code.VALID), outcome.stdout
    # Two seconds at 20 a second, and what a busy machine takes to start the users and to end.
    assert 10 <= int(said["planned"]) <= 100
    assert len(server.seen) == int(said["sent"])


@pytest.mark.parametrize("out", ["", "made/here", "a-file"])
def test_locust_typed_with_a_foreign_host_sends_nothing_and_ends(out: str, tmp_path: Path) -> None:
    (tmp_path / "a-file").touch()
    results = ("--out", str(tmp_path / out)) if out else ()
    outcome = locust("--host", "http://example.org", "-u", "1", *results)

    assert outcome.returncode == Code.REFUSED
    assert "expected a target on this machine" in outcome.stdout
    assert (tmp_path / "made/here/verdict.json").exists() is (out == "made/here")
    assert ("expected --out to be a folder" in outcome.stdout) is (out == "a-file")
