"""The daemon as a process, in incidents: real programs, the real clock, a Prometheus that comes and goes."""

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devtools.wait import until
from harness.incident.story import Stage, from_ledger

Alert = Callable[..., Any]
TOLD = [
    Stage.DEPLOYING,
    Stage.LIVE,
    Stage.WEBHOOK,
    Stage.DECIDED,
    Stage.STARTED,
    Stage.HOST,
    Stage.RESTORED,
    Stage.VERIFIED,
    Stage.FINISHED,
]
PROGRAM = r"""
import json, os, pathlib, sys
here, rehearsing = pathlib.Path(sys.argv[1]), sys.argv[2] == "rehearse"
version, only = sys.argv[3], [host for host in sys.argv[4].split(",") if host]
def say(host, step, status, detail=""):
    with open(os.environ["MITA_ROLLBACK_EVENTS"], "a") as events:
        events.write(json.dumps({"host": host, "step": step, "status": status, "detail": detail}) + "\n")
for host in only or ["app1", "app2"]:
    state = (here / host).read_text() if (here / host).exists() else "well"
    if rehearsing:
        say(host, "rehearsal", "ok" if state == "well" else "unreachable")
    elif state == "well":
        (here / f"{host}-runs").write_text(version)
        say(host, "host", "done")
    else:
        say(host, "host", state)
"""


@pytest.fixture
def site(daemon: Any) -> Any:
    """Two hosts that answer with the version that a program puts on them; 1.0.0 is good, 2.0.0 is live."""
    program = [sys.executable, "-c", PROGRAM, str(daemon.folder)]
    daemon.configure(
        executor={
            "kind": "command",
            "argv": [*program, "run", "{to_version}", "{hosts}"],
            "rehearsal_argv": [*program, "rehearse", "{to_version}", ""],
        },
        probes={"shop": {host: f"{daemon.world.url}/{host}" for host in ("app1", "app2")}},
        rehearsal_interval="1s",
        verification_interval="5s",
        retry_after="50s",
        reconcile_interval="10s",
    )
    runs(daemon, app1="2.0.0", app2="2.0.0")
    return daemon


def runs(daemon: Any, **versions: str) -> None:
    """The hosts answer so from now on."""
    daemon.world.live.update(versions)


def begin(daemon: Any) -> None:
    daemon.start()
    runs(daemon, app1="1.0.0", app2="1.0.0")
    daemon.deploy("1.0.0", hosts=["app1", "app2"])
    daemon.good("1.0.0")
    runs(daemon, app1="2.0.0", app2="2.0.0")
    daemon.deploy("2.0.0", hosts=["app1", "app2"])


def host(daemon: Any, name: str, state: str) -> None:
    (daemon.folder / name).write_text(state)


def until_restored(daemon: Any, name: str) -> None:
    """The program has put 1.0.0 on the host, which now says so."""
    file = Path(daemon.folder / f"{name}-runs")
    until(f"{name} to be restored", file.exists, deadline_s=15, interval_s=0.02, explain=daemon.said)
    runs(daemon, **{name: "1.0.0"})


def texts(daemon: Any) -> list[str]:
    return [str(message) for message in daemon.world.slack]


def until_told(daemon: Any, words: str) -> None:
    what = f"a message with {words!r}"
    until(what, lambda: any(words in text for text in texts(daemon)), deadline_s=30, interval_s=0.05)


def test_one_host_without_power_does_not_keep_the_other_bad_and_is_repaired_when_it_is_back(
    site: Any, alert: Alert
) -> None:
    begin(site)
    host(site, "app2", "unreachable")
    runs(site, app2="")

    site.deliver(alert())
    until_restored(site, "app1")
    site.until_phase("succeeded")
    assert not (site.folder / "app2-runs").exists()
    until_told(site, "app2 did not answer")

    host(site, "app2", "well")
    runs(site, app2="2.0.0")
    until_restored(site, "app2")

    repair = site.until_phase("succeeded", number=len(site.ask("/rollbacks")["rollbacks"]))
    assert repair["to_version"] == "1.0.0"
    until_told(site, "app2 of shop (production) runs 1.0.0 again")


def test_the_bench_reads_the_whole_history_of_an_incident(site: Any, alert: Alert) -> None:
    """The story that a proof tells comes from these entries."""
    begin(site)
    site.deliver(alert())
    until_restored(site, "app1")
    runs(site, app1="1.0.0", app2="1.0.0")
    site.until_phase("succeeded")
    name = site.decisions("shop")[0]["alert"]["alertname"]

    story = [moment.stage for moment in from_ledger(site.ask("/ledger")["entries"], "shop", name)]

    assert [stage for stage in TOLD if stage in story] == TOLD


def test_an_alert_that_is_over_before_a_host_is_touched_touches_none(site: Any, alert: Alert) -> None:
    begin(site)
    asked: list[str] = []
    answer = site.world.answer

    def once(path: str) -> Any:
        """Prometheus has it as firing when it is decided, and not any more at the gate."""
        if path.startswith("/api/v1/alerts"):
            asked.append(path)
            site.world.active = site.world.active if len(asked) < 2 else []
        return answer(path)

    site.world.answer = once
    site.deliver(alert())

    site.until_phase("called_off")
    assert not list(site.folder.glob("app?-runs"))
    until_told(site, "Called off before a host was touched")
    assert not any("Rolling back" in text for text in texts(site))


def test_prometheus_that_is_away_from_the_decision_on_stops_nothing_and_is_asked_again_when_it_is_back(
    site: Any, alert: Alert
) -> None:
    begin(site)
    answer, asked = site.world.answer, list[str]()

    def dying(path: str) -> Any:
        if path.startswith("/api/v1/alerts"):
            asked.append(path)
        if len(asked) > 1:
            site.world.status["prometheus"] = 503
        return answer(path)

    site.world.answer = dying
    site.deliver(alert())
    for name in ("app1", "app2"):
        until_restored(site, name)

    assert site.until_phase("unverified")["verification"]["verdict"] == "blind"

    site.world.answer = answer
    del site.world.status["prometheus"]
    assert site.until_phase("succeeded")["verification"]["verdict"] == "fixed"


def test_the_way_back_is_rehearsed_before_it_is_needed(site: Any) -> None:
    begin(site)

    def proven(**wanted: bool) -> bool:
        connection = sqlite3.connect(site.folder / "rollback.db")
        found = {row[0]: bool(row[1]) for row in connection.execute("SELECT host, ok FROM rehearsals")}
        connection.close()
        return found == wanted

    until("both hosts", lambda: proven(app1=True, app2=True), deadline_s=30, explain=site.said)
    host(site, "app2", "unreachable")
    until("one host", lambda: proven(app1=True, app2=False), deadline_s=30, explain=site.said)
