"""A service that was lost with all its hosts stops the installation before what needs it."""

import json
from pathlib import Path

import pytest

from devtools.playbook import run_playbook

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
