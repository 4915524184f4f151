"""A removal touches the hosts that are named, and no other: least of all the controller."""

import json
from pathlib import Path

import pytest

from devtools.paths import REPO
from devtools.playbook import run_playbook

pytestmark = pytest.mark.slow

PLAYBOOK = REPO / "playbooks" / "remove.yml"
HOSTS = {"all": {"vars": {"site_name": "nowhere"}, "children": {"shop": {"hosts": {"app1": {}, "app2": {}}}}}}


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "hosts.json"
    path.write_text(json.dumps(HOSTS))
    return path


def hosts(inventory: Path, remove: str) -> list[str]:
    """The hosts that the play would touch: none is."""
    told = run_playbook(PLAYBOOK, "--list-hosts", inventory=inventory, variables={"remove": remove}).output
    listed = told.partition("Remove from these hosts")[2].partition("):\n")[2]
    return sorted(listed.split())


@pytest.mark.parametrize(
    ("remove", "touched"),
    [
        ("app1", ["app1"]),
        ("app2,app1", ["app1", "app2"]),
        ("shop", ["app1", "app2"]),
        ("all", ["app1", "app2"]),
        ("localhost", []),
        ("", []),
    ],
)
def test_hosts_of_the_inventory_are_touched_and_not_the_controller(
    inventory: Path, remove: str, touched: list[str]
) -> None:
    assert hosts(inventory, remove) == touched


@pytest.mark.parametrize(
    ("remove", "found"), [("", "nothing"), ("nohost", "nohost"), ("app1,nohost", "nohost"), ("*", "*")]
)
def test_a_name_that_is_none_stops_before_any_host(inventory: Path, remove: str, found: str) -> None:
    run = run_playbook(PLAYBOOK, "--check", inventory=inventory, variables={"remove": remove})

    assert run.returncode
    assert f"with commas (all for every host), found {found}" in run.output
    assert "PLAY [Remove" not in run.output
