"""A host that leaves keeps nothing of ours but what a person asked to keep."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from devtools.paths import REPO
from devtools.playbook import Run, run_playbook
from harness.scratch.host import Scratch
from harness.scratch.roles import Part, play_roles
from tests.roles.services import Service
from tests.roles.test_rollback_role import INPUTS

pytestmark = pytest.mark.lab
Remove = Callable[..., Run]
State = dict[str, list[str]]
# What the distribution's packages, the system and this test itself have under such names is no leftover.
SYSTEM = ("/proc", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/share", "/run", "/tmp", "/var/log")
PACKAGES = (
    "/var/lib/prometheus",
    "/var/lib/dpkg",
    "/var/lib/apt",
    "/etc/default",
    "/etc/init.d",
    "'/etc/rc*'",
)
NAMES = ("*mita*", "node-exporter*", "rollback*")
USERS = ("mita-rollback", "mita-deploy", "mita-backend", "node-exporter")


@pytest.fixture(scope="module")
def bare(scratch: Scratch) -> State:
    """What the host had before anything was installed."""
    return state(scratch)


@pytest.fixture(scope="module")
def installed(bare: State, scratch: Scratch, services: dict[str, Service]) -> Run:
    parts = [
        services["node-exporter"].part(),
        Part(
            "application",
            "application",
            {"application_redis_url": "redis://127.0.0.1/0", "application_database_url": "x"},
        ),
        Part("rollback", "rollback", INPUTS),
    ]
    return play_roles(parts, inventory=scratch.inventory).ok()


@pytest.fixture
def remove(scratch: Scratch) -> Remove:
    def run(*options: str) -> Run:
        return run_playbook(REPO / "playbooks" / "remove.yml", *options, inventory=scratch.inventory)

    return run


def state(scratch: Scratch) -> State:
    """Files, users and units that are ours by their names; a folder stands for what is in it."""
    named = " -o ".join(f"-name '{name}'" for name in NAMES)
    skipped = " -o ".join(f"-path {path}" for path in (*SYSTEM, *PACKAGES))
    find = f"find / -xdev \\( {skipped} \\) -prune -o \\( {named} \\) -print -prune"
    units = "systemctl list-units --all --plain --no-legend 'rollback*' 'node-exporter*' 'mita*'"
    return {
        "files": sorted(scratch.host.check_output(find).split()),
        "users": [name for name in USERS if scratch.host.user(name).exists],
        "units": scratch.host.check_output(units).splitlines(),
    }


def test_nobody_is_removed_by_mistake(installed: Run, remove: Remove, scratch: Scratch) -> None:
    before = state(scratch)

    assert "expected -e remove=HOST" in remove().failure()
    assert remove("--check", "-e", "remove=scratch").ok().changed()
    assert state(scratch) == before


def test_a_host_that_leaves_keeps_only_what_was_collected(
    installed: Run, bare: State, remove: Remove, scratch: Scratch
) -> None:
    left_open = "systemd-run --quiet --uid=mita-deploy sleep 900"  # as the daemon leaves its connections
    scratch.host.check_output(left_open)

    remove("-e", "remove=scratch").ok()

    collected = ["/var/backups/mita-rollback", "/var/lib/mita-rollback"]
    assert state(scratch) == {
        "files": sorted([*bare["files"], *collected]),
        "users": ["mita-rollback"],
        "units": bare["units"],
    }
    assert not remove("-e", "remove=scratch").ok().changed()


def test_with_its_data_nothing_is_left(installed: Run, bare: State, remove: Remove, scratch: Scratch) -> None:
    remove("-e", "remove=scratch", "-e", "remove_data=true").ok()

    assert state(scratch) == bare


GATEWAY: dict[str, Any] = {
    "exporter_instances": {"jobs": {"kind": "pushgateway", "listen_address": "127.0.0.1:9191"}}
}


@pytest.mark.long
def test_a_gateway_of_another_name_leaves_what_was_pushed_only_if_asked(
    remove: Remove, scratch: Scratch
) -> None:
    inputs = {"exporter_name": "pushgateway", "exporter_instance": "jobs", **GATEWAY}
    play_roles([Part("jobs", "exporter", inputs)], inventory=scratch.inventory).ok()
    site = ("-e", "remove=scratch", "-e", json.dumps(GATEWAY))
    pushed = scratch.host.file("/var/lib/jobs-exporter")
    assert pushed.is_directory

    remove(*site).ok()
    assert pushed.is_directory and not scratch.host.file("/etc/jobs-exporter").exists

    remove(*site, "-e", "remove_data=true").ok()
    assert not pushed.exists and not scratch.host.user("jobs-exporter").exists
