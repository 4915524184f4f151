"""Hosts are installed side by side, but what needs others waits for them."""

import json
from pathlib import Path

import pytest

from devtools.paths import REPO
from devtools.playbook import run_playbook
from monitoring.yaml_text import read_yaml

pytestmark = pytest.mark.slow
NO_HOST = {"ansible_host": "127.0.0.1", "ansible_port": 1, "ansible_ssh_retries": 0}
LATER = "TASK [Let no daemon in"
WITHOUT = dict.fromkeys(("pagerduty", "slack", "mail", "dead_man"), "a site of a test")


def play(tmp_path: Path, *databases: str) -> str:
    """Play the databases and what follows on hosts of which only that of the application answers."""
    hosts = {"app": {"ansible_connection": "local"}, **dict.fromkeys(databases, NO_HOST)}
    children = {
        "redis": {"hosts": dict.fromkeys(hosts.keys() - {"app"})},
        "application": {"hosts": {"app": {}}},
    }
    said = {"site_name": "nowhere", "redis_password": "planted-password", "alertmanager_without": WITHOUT}
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts, "children": children, "vars": said}}))
    return run_playbook("site.yml", "--check", "--tags=databases,rollback", inventory=inventory).output


def test_what_needs_a_lost_database_is_not_begun(tmp_path: Path) -> None:
    told = play(tmp_path, "data")

    assert "none is left of redis; mend what failed above" in told
    assert LATER not in told


def test_a_site_without_databases_goes_on(tmp_path: Path) -> None:
    told = play(tmp_path)

    assert "none is left" not in told
    assert LATER in told


@pytest.mark.parametrize(
    "playbook", [REPO / "site.yml", *sorted((REPO / "playbooks").glob("*.yml"))], ids=lambda path: path.stem
)
def test_hosts_of_the_application_wait_for_each_other(playbook: Path) -> None:
    """Ansible's `throttle` holds no host back where each goes on by itself: all would restart together."""
    plays = read_yaml(playbook.read_text())

    free = [play for play in plays if play.get("strategy", "linear") != "linear"]
    included = [task["ansible.builtin.include_role"]["name"] for play in free for task in play["tasks"]]
    assert "application" not in included + [role for play in free for role in play.get("roles", [])]


def test_prometheus_comes_after_all_that_it_watches_but_the_application() -> None:
    """A host that is installed later than it is watched counts as down: that would wake somebody."""
    plays = read_yaml((REPO / "site.yml").read_text())

    def includes(role: str) -> list[int]:
        return [
            place
            for place, play in enumerate(plays)
            for task in play.get("tasks", [])
            if task.get("ansible.builtin.include_role", {}).get("name") == role
        ]

    [prometheus] = includes("prometheus")
    watched = ("postgresql", "redis", "exporter", "alertmanager", "rollback")
    assert all(place < prometheus for role in watched for place in includes(role))
    assert all(includes(role) for role in watched)
