"""The real Compose file, run from nothing: targets, messages, secrets, and a bad release that is rolled back.

The release goes bad first, so that what else is asked is asked while the alert is on its way.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from devtools.wait import until
from harness.clients import Http
from harness.containers.brought_up import (
    BAD,
    ENV,
    GOOD,
    HOST,
    PROJECT,
    SECRETS,
    SERVICE,
    Scene,
    railway_executor,
)
from harness.load.run import Wanted, running

pytestmark = [pytest.mark.lab, pytest.mark.long]
ALERT = "CriticalErrorRate"
RATE, LONGEST_S = 25, 240.0
SOON_S, ROLLED_BACK_S = 20.0, 90.0


@pytest.fixture(scope="module", autouse=True)
def bad_release(stack: Scene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Users come, and a release that fails two requests of five goes live."""
    wanted = Wanted(
        targets=[stack.application.base], out=tmp_path_factory.mktemp("load"), rate=RATE, duration=LONGEST_S
    )
    stack.daemon.register_live(SERVICE, GOOD, [HOST], "")
    stack.daemon.mark(SERVICE, GOOD, "good")
    with running(wanted) as load:
        until("users to be served", lambda: len(load.seconds()) >= 2, deadline_s=SOON_S)
        stack.daemon.register_live(SERVICE, BAD, [HOST], "")
        assert stack.platform.send("POST", f"/versions/{BAD}").ok
        yield


def test_every_target_is_up(stack: Scene) -> None:
    jobs = {
        *("mita-backend", "mita-rollback", "prometheus", "alertmanager", "grafana"),
        *("node", "postgres", "redis", "blackbox", "blackbox-http"),
    }

    until("every target to be up", lambda: _health(stack) == dict.fromkeys(jobs, "up"), deadline_s=SOON_S)


def test_stores_are_asked_with_their_passwords(stack: Scene) -> None:
    asked = ("pg_up", "redis_up")

    until(
        "both stores to answer",
        lambda: [stack.prometheus.value(series) for series in asked] == [1, 1],
        deadline_s=SOON_S,
    )


def test_no_secret_is_seen_of_a_container_that_lasts(stack: Scene) -> None:
    for name in stack.states():
        inside = stack.engine.containers.get(name)
        if name.startswith("mita-") and not name.startswith(f"{PROJECT}-"):
            told = json.dumps([inside.attrs["Config"], inside.attrs["Args"]])
            running_as = inside.top(ps_args="-eo pid,args")["Processes"] if inside.status == "running" else []
            assert not [one for one in SECRETS if one in told + json.dumps(running_as)], name


def test_no_secret_is_in_the_environment_of_a_process(stack: Scene) -> None:
    """As the kernel has it, which also knows what a shell in the container exported."""
    for name in ("mita-redis-exporter", "mita-postgres-exporter", "mita-alertmanager", "mita-backend"):
        pid = stack.engine.containers.get(name).attrs["State"]["Pid"]
        shown = b"".join(Path(f"/proc/{pid}/{file}").read_bytes() for file in ("environ", "cmdline"))
        assert shown
        assert not [one for one in SECRETS if one.encode() in shown], name


def test_another_container_cannot_read_the_files_of_one(stack: Scene) -> None:
    for name, volume in {"mita-relay": "/etc/alertmanager", "mita-prometheus": "/etc/mita-rollback"}.items():
        done = stack.engine.containers.get(name).exec_run(["ls", volume])
        assert b"secrets" not in done.output, name


def test_root_of_a_container_that_lasts_cannot_be_written_to(stack: Scene) -> None:
    done = stack.engine.containers.get("mita-alertmanager").exec_run(["touch", "/etc/alertmanager/x", "/x"])

    assert done.exit_code != 0
    assert done.output.count(b"Read-only file system") == 2


def test_ports_are_open_where_env_says_and_nowhere_else(stack: Scene) -> None:
    address = stack.prometheus.base.split("/")[2].split(":")[0]
    bound = {
        port["HostIp"]
        for name in stack.states()
        for ports in stack.engine.containers.get(name).ports.values()
        for port in ports or ()
    }

    assert bound == {"127.0.0.1", address}


def test_dashboards_are_those_of_monitoring(stack: Scene) -> None:
    """The stand-in refuses what Grafana would refuse; the administrator has the password of .env."""
    grafana = Http(stack.prometheus.base.replace(":9090", ":3000"), ("admin", ENV["GRAFANA_ADMIN_PASSWORD"]))

    assert "mita-main" in {one["uid"] for one in grafana.ask("GET", "/api/search?type=dash-db")}


def test_bad_release_is_told_and_rolled_back(stack: Scene) -> None:
    """Alert, routing, command, measured recovery, no human."""
    until(
        "the rollback to have succeeded",
        lambda: [one["phase"] for one in stack.daemon.rollbacks(SERVICE)] == ["succeeded"],
        deadline_s=ROLLED_BACK_S,
        explain=lambda: json.dumps(
            [stack.prometheus.alerts(), stack.daemon.decisions(SERVICE), stack.daemon.rollbacks(SERVICE)]
        )[:6000],
    )

    (rollback,) = stack.daemon.rollbacks(SERVICE)
    assert (rollback["from_version"], rollback["to_version"]) == (BAD, GOOD)
    assert rollback["verification"]["verdict"] == "fixed"
    assert stack.application.version() == GOOD


def test_way_back_of_the_page_for_railway_is_rehearsed(stack: Scene) -> None:
    """What rolled back is the page's executor; its rehearsal touches nothing, and says what is not there."""
    argv = railway_executor()["rehearsal_argv"]

    for version, ends in ((GOOD, 0), ("3.0.0", 1)):
        filled = [one.replace("{service}", SERVICE).replace("{to_version}", version) for one in argv]
        done = stack.engine.containers.get("mita-backend").exec_run(filled)
        assert done.exit_code == ends, done.output
    assert b"expected a deployment of 3.0.0 that may be gone back to among the last 3" in done.output
    assert stack.application.version() == GOOD


@pytest.mark.parametrize(
    ("receiver", "place"),
    [("pagerduty", "critical"), ("slack", "#mita-alerts"), ("smtp", "mikhail@mita.finance")],
)
def test_people_are_told_at_the_right_receivers(stack: Scene, receiver: str, place: str) -> None:
    def told() -> bool:
        found = stack.receivers.requests(receiver=receiver)
        return any(ALERT in json.dumps(one) and place in json.dumps(one) and one["valid"] for one in found)

    until(f"{ALERT} to reach {place}", told, deadline_s=SOON_S)


def _health(stack: Scene) -> dict[str, str]:
    return {one["labels"]["job"]: one["health"] for one in stack.prometheus.targets()}
