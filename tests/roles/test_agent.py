"""A Prometheus that is an agent, as Debian has it, beside one that receives what it writes."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools.playbook import Run, run_playbook
from devtools.wait import until
from harness.scratch.host import Scratch, scratch_host
from harness.scratch.roles import Part, play_roles

pytestmark = pytest.mark.lab
STORE = "http://127.0.0.1:9900/api/v1/write"
SITE = {
    "prometheus_mode": "agent",
    "prometheus_time_scale": 15,
    "prometheus_external_labels": {"site": "far"},
    "prometheus_remote_write": [{"url": STORE}],
    "prometheus_verify_timeout": 20,
    "time_service": "none",
}
RECEIVER = (
    "/usr/bin/prometheus --config.file=/dev/null --storage.tsdb.path=/srv/store --web.listen-address=:9900 "
    "--web.enable-remote-write-receiver"
)
ASKED = {"node", "blackbox", "prometheus"}

# The tests tell one story in order; each fixture is a scene and needs the one before.


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    with scratch_host("scratch", tmp_path_factory.mktemp("scratch"), ("monitoring",)) as host:
        host.inventory.with_name("site.json").write_text(json.dumps({"all": {"vars": SITE}}))
        yield host


def play(far: Scratch, playbook: str = "site.yml") -> Run:
    site = Path(far.inventory).with_name("site.json")
    return run_playbook(playbook, "--inventory", str(site), inventory=far.inventory)


def asked(far: Scratch, port: int, path: str) -> Any:
    return json.loads(far.host.run("curl -sSg %s", f"http://127.0.0.1:{port}/api/v1/{path}").stdout)


@pytest.fixture(scope="module")
def alone(far: Scratch) -> Run:
    """Installed before anybody takes what it sends."""
    return play(far)


def test_a_store_that_takes_nothing_fails_the_play_by_its_name(alone: Run) -> None:
    assert alone.returncode
    assert f"the store {STORE} has taken nothing yet" in alone.failure()


@pytest.fixture(scope="module")
def received(alone: Run, far: Scratch) -> Run:
    far.host.check_output(f"systemd-run --unit=store {RECEIVER}")
    return play(far)


def test_with_its_store_all_is_well_and_a_second_run_changes_nothing(received: Run) -> None:
    assert received.ok().changed() == []


def test_the_store_has_what_the_agent_measures_under_its_labels(received: Run, far: Scratch) -> None:
    def jobs() -> set[str]:
        found = asked(far, 9900, "query?query=up{site='far'}==1")["data"]["result"]
        return {one["metric"]["job"] for one in found}

    until("the store to have every job", lambda: jobs() == ASKED, deadline_s=30)


def test_an_agent_answers_no_query_and_nobody_waits_for_alerts(received: Run, far: Scratch) -> None:
    assert asked(far, 9090, "query?query=up")["status"] == "error"
    assert not far.host.file("/etc/prometheus/rules").exists
    assert not far.host.file("/etc/systemd/system/alertmanager.service").exists


def test_a_server_comes_of_the_agent_by_one_word(received: Run, far: Scratch) -> None:
    """The role alone: a whole site would want secrets."""
    part = Part("server", "prometheus", {**SITE, "prometheus_mode": "server"})

    play_roles([part], inventory=far.inventory).ok()

    assert asked(far, 9090, "query?query=vector(1)")["status"] == "success"
    assert far.host.file("/etc/prometheus/rules/redis.rules.yml").exists
