"""A release that is a fault is taken away by its hosts where neither the daemon nor we come back for it."""

import os
import subprocess
from pathlib import Path

import pytest

from harness.faults import on_host
from harness.faults.fault import faults
from harness.stack import released, rollout

BAD = next(fault for fault in faults().values() if fault.deploys and not fault.hosts)


@pytest.mark.parametrize(
    ("live", "after"),
    [(released.version_of(BAD), "1.0.0"), ("1.0.0", "1.0.0"), ("2.0.0", "2.0.0")],
    ids=["the bad one", "the good one", "another one"],
)
def test_a_host_goes_back_by_itself_from_the_release_of_the_fault_only(
    live: str, after: str, tmp_path: Path
) -> None:
    for version in ("1.0.0", live):
        (tmp_path / "releases" / version).mkdir(parents=True, exist_ok=True)
    (tmp_path / "current").symlink_to(f"{tmp_path}/releases/{live}")
    restarts = tmp_path / "systemctl"
    restarts.write_text(f"#!/bin/sh\necho $* >> {tmp_path}/restarted\n")
    restarts.chmod(0o755)
    script = released.guard(BAD).undo.replace(released.ROOT, str(tmp_path))

    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(["sh", "-eu", "-c", script], check=True, env={"PATH": path})

    assert (tmp_path / "current").resolve().name == after
    assert (tmp_path / "restarted").exists() is (live != after)


def test_it_is_ready_before_the_release_is_there_and_gone_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def did(what: str) -> str:
        done.append(what)
        return ""

    def back() -> dict[str, str]:
        done.append("good again")
        return {"app1": rollout.GOOD}

    monkeypatch.setattr(on_host, "_inject", lambda host, fault: did(f"{fault.name} on {host}"))
    monkeypatch.setattr(on_host, "_undo", lambda host, name: did(f"{name} off {host}"))
    monkeypatch.setattr(on_host, "left_on", lambda host: [])
    monkeypatch.setattr("harness.faults.truth._append", lambda line: None)
    monkeypatch.setattr(released, "_deploy", lambda fault: did("deployed"))
    monkeypatch.setattr(released, "back_to_good", back)

    released.inject(BAD)
    released.undo(BAD)

    begun = [f"{released.GUARD} on {host}" for host in ("app1", "app2")]
    ended = [f"{released.GUARD} off {host}" for host in ("app2", "app1")]
    assert done == [*begun, "deployed", "good again", *ended]
