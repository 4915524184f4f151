"""Prometheus, Alertmanager or a host goes away before, during or after a rollback; or the program hangs."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from devtools.wait import until
from tests.contract.rollback.site import GONE, put, runs, site

pytestmark = pytest.mark.hard
Alert = Callable[..., Any]
RESTORED = {"app1": "1.0.0", "app2": "1.0.0"}
SYSTEMS = {
    "prometheus": ["prometheus"],
    "alertmanager": ["alertmanager"],
    "both": ["prometheus", "alertmanager"],
}
NO_ANSWER = 0
HANGING = """
trap '' TERM
echo '{"host":"app1","step":"host","status":"started"}' >> $MITA_ROLLBACK_EVENTS
setsid sleep 300 &
sleep 300 &
sleep 300
"""


@pytest.fixture
def begun(tmp_path: Path, preparing: Any, alert: Alert) -> Callable[..., Any]:
    """A site whose daemon is started, with an alert that Alertmanager holds."""

    @contextmanager
    def begin(**settings: Any) -> Iterator[Any]:
        with site(preparing, tmp_path / "site", **settings) as daemon:
            daemon.start()
            yield daemon

    return begin


def moved(daemon: Any) -> bool:
    return Path(daemon.folder / "moves").exists()


def told(daemon: Any, words: str) -> None:
    what = f"a message with {words!r}"
    until(what, lambda: words in str(daemon.world.slack), deadline_s=20, interval_s=0.05, explain=daemon.said)


@pytest.mark.parametrize(("who", "when"), [*product(SYSTEMS, ["before", "during", "after"])])
def test_whoever_is_gone_whenever_the_hosts_are_restored_and_the_verdict_comes(
    begun: Any, alert: Alert, who: str, when: str
) -> None:
    settings = {"verification_blind_timeout": "40s", "reconcile_interval": "10s"}
    with begun(**settings) as daemon:
        fired, status = alert(), daemon.world.status

        def go() -> None:
            status.update(dict.fromkeys(SYSTEMS[who], NO_ANSWER))

        if when == "before":
            go()
        assert daemon.deliver(fired).status_code == 202
        if when == "before" and who != "alertmanager":
            until("the hold", lambda: daemon.decisions("shop"), deadline_s=20, interval_s=0.05)
            assert [d["reason"] for d in daemon.decisions("shop")] == ["blind"]
            assert not moved(daemon)
            status.clear()
            daemon.world.alerts = [{**fired, "status": {"state": "active"}}]
        until(
            "a host to be moved", lambda: moved(daemon), deadline_s=20, interval_s=0.01, explain=daemon.said
        )
        if when == "during":
            go()
        until("all hosts", lambda: runs(daemon) == RESTORED, deadline_s=20, interval_s=0.01)
        if when == "after":
            go()
        if "prometheus" in status:
            assert daemon.until_phase("unverified")["verification"]["verdict"] == "blind"
            told(daemon, "NOT MEASURED")
        status.clear()

        assert daemon.until_phase("succeeded")["verification"]["verdict"] == "fixed"
        assert runs(daemon) == RESTORED
        assert len(daemon.ask("/rollbacks")["rollbacks"]) == 1


def test_a_host_that_is_gone_in_the_middle_is_told_and_restored_when_it_is_back(
    begun: Any, alert: Alert
) -> None:
    with begun(retry_after="50s", reconcile_interval="10s") as daemon:
        put(daemon, "app2", GONE)
        daemon.deliver(alert())
        first = daemon.until_phase("succeeded", "unverified", "failed")
        assert (first["phase"], first["waiting"]) == ("succeeded", ["app2"])
        assert runs(daemon) == {"app1": "1.0.0", "app2": "2.0.0"}
        told(daemon, "app2 did not answer")

        put(daemon, "app2", "well")

        until("app2", lambda: runs(daemon) == RESTORED, deadline_s=20, interval_s=0.05, explain=daemon.said)
        told(daemon, "app2 of shop (production) runs 1.0.0 again")
        moves = (daemon.folder / "moves").read_text().split("\n")
        assert moves == ["app1 1.0.0", "app2 1.0.0", ""]


def test_a_program_that_hangs_is_killed_whole_and_a_person_is_called(begun: Any, alert: Alert) -> None:
    """Also what ignores the request to end, and what has left its group."""
    executor = {"kind": "command", "argv": ["/bin/sh", "-c", HANGING], "timeout": "1s"}
    with begun(executor=executor, max_attempts=1) as daemon:
        daemon.deliver(alert())
        rollback = daemon.until_phase("failed")

        assert "not finished after 1 s, all its processes killed" in rollback["detail"]
        assert left(daemon) == []
        told(daemon, "A person must look")
        assert daemon.get("/health/ready").ok


def left(daemon: Any) -> list[str]:
    """Processes that carry the mark of a run of this daemon."""
    mark = f"MITA_ROLLBACK_RUN={daemon.settings['state_directory']}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append(process.name)
        except OSError:
            continue
    return found
