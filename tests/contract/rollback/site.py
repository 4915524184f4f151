"""A service on two hosts with a bad release, around a real daemon: what its program did stands in files."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.deployment import NewDeployment, Outcome, Standing
from tests.contract.rollback.lives import Forked

HOSTS = ("app1", "app2")
GONE = "gone"
"""The state of a host that loses its power when its turn comes."""
PROGRAM = r"""
import json, os, pathlib, sys, time
here, version = pathlib.Path(sys.argv[1]), sys.argv[2]
only = [host for host in sys.argv[3].split(",") if host]
def say(host, status, detail=""):
    with open(os.environ["MITA_ROLLBACK_EVENTS"], "a") as events:
        events.write(json.dumps({"host": host, "step": "host", "status": status, "detail": detail}) + "\n")
for host in only or ["app1", "app2"]:
    state = (here / f"{host}-state").read_text()
    if state == "gone":
        say(host, "started")
    if state != "well":
        say(host, "unreachable" if state == "gone" else state)
        continue
    live = here / host
    if live.read_text() == version:
        say(host, "done", "already")
        continue
    say(host, "started")
    time.sleep(0.12)  # longer than the daemon's pause between two readings: each line is a step of its own
    new = here / f"{host}-new"
    new.write_text(version)
    new.rename(live)
    with (here / "moves").open("a") as moves:
        moves.write(f"{host} {version}\n")
    time.sleep(0.12)
    say(host, "done")
    time.sleep(0.12)
"""


@contextmanager
def site(preparing: Callable[..., Any], folder: Path, **settings: Any) -> Iterator[Any]:
    """1.0.0 is good, 2.0.0 replaced it a moment ago; the daemon is not started yet."""
    folder.mkdir()
    with preparing(folder) as daemon:
        daemon.launch = lambda environment: Forked(daemon.file, daemon.log, environment)
        argv = [sys.executable, "-I", "-c", PROGRAM, str(folder), "{to_version}", "{hosts}"]
        daemon.configure(
            executor={"kind": "command", "argv": argv},
            probes={"shop": {host: f"{daemon.world.url}/{host}" for host in HOSTS}},
            deployment_window="10h",
            stale_after="100h",
            cooldown="10h",
            retry_after="10h",
            breaker_window="100h",
            verification_interval="5s",
            verification_timeout="20m",
        )
        daemon.configure(**settings)
        for host in HOSTS:
            (folder / host).write_text("2.0.0")
            put(daemon, host, "well")
        _history(Path(daemon.settings["database"]))
        _hosts_say_what_they_run(daemon)
        yield daemon


def put(daemon: Any, host: str, state: str) -> None:
    """What happens to the host when its turn comes."""
    (daemon.folder / f"{host}-state").write_text(state)


def runs(daemon: Any) -> dict[str, str]:
    """What is on the hosts."""
    return {host: (daemon.folder / host).read_text() for host in HOSTS}


def _history(database: Path) -> None:
    store = SqliteStore(database)
    for version, seconds in (("1.0.0", 30), ("2.0.0", 2)):
        started = datetime.now(UTC) - timedelta(seconds=seconds)
        new = NewDeployment(
            service="shop",
            env="production",
            version=version,
            hosts=HOSTS,
            checksum="",
            rollback_safe=True,
        )
        deployment = store.start_deployment(new, started)
        store.finish_deployment(deployment.id, Outcome.LIVE, "", started + timedelta(seconds=1))
    store.mark_release("shop", "production", "1.0.0", Standing.GOOD, "the test", datetime.now(UTC))
    store.close()


def _hosts_say_what_they_run(daemon: Any) -> None:
    answer = daemon.world.answer

    def answering(path: str) -> Any:
        name = path.strip("/")
        if name not in HOSTS:
            return answer(path)
        started = (daemon.folder / "moves").exists()
        gone = started and (daemon.folder / f"{name}-state").read_text() == GONE
        return (0, None) if gone else (200, {"version": runs(daemon)[name]})

    daemon.world.answer = answering
