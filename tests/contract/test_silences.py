"""The silences of a site's data in a real Alertmanager of each tested version, by the playbook itself."""

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO
from devtools.playbook import Run, run_playbook
from devtools.ports import free_port
from devtools.tools import tool
from devtools.wait import until
from harness.clients import Alertmanager

pytestmark = pytest.mark.slow
START, END = (f"{datetime.now(UTC) + timedelta(hours=hours):%Y-%m-%d %H:%M}" for hours in (-1, 5))
WINDOW = {"owner": "dba", "reason": "it moves", "start": START, "end": END, "timezone": "UTC"}
MOVE = {**WINDOW, "name": "move", "matchers": ['instance="redis1"', 'component=~"redis|database"']}
QUEUE = {**WINDOW, "name": "queue", "matchers": ['queue!=""', 'severity="warning"']}
OVER = {**QUEUE, "name": "done", "start": "2026-01-02 03:00", "end": "2026-01-02 04:00"}


@contextmanager
def running(version: str, tmp_path: Path) -> Iterator[Alertmanager]:
    client = Alertmanager(f"http://127.0.0.1:{free_port()}")
    (tmp_path / "alertmanager.yml").write_text("{route: {receiver: x}, receivers: [{name: x}]}")
    program = tool(version)
    argv = [
        f"./{program.name}",
        f"--config.file={tmp_path}/alertmanager.yml",
        f"--storage.path={tmp_path}/data",
        f"--web.listen-address={client.base.removeprefix('http://')}",
        "--cluster.listen-address=",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(argv, cwd=program.parent, stdout=log, stderr=log)
    until("Alertmanager", lambda: client.ready("/-/ready"), deadline_s=20)
    try:
        yield client
    finally:
        process.terminate()
        process.wait(10)


def play(site: Alertmanager, folder: Path, said: list[dict[str, Any]], *options: str) -> Run:
    inventory = folder / "hosts.json"
    host = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": "/usr/bin/python3",
    }
    own = {"alertmanager_listen_address": site.base.removeprefix("http://"), "alertmanager_silences": said}
    group = {"hosts": {"here": host}, "vars": own}
    inventory.write_text(
        json.dumps({"all": {"vars": {"site_name": "here"}, "children": {"monitoring": group}}})
    )
    return run_playbook("playbooks/silences.yml", *options, inventory=inventory, cwd=REPO)


def silenced(site: Alertmanager) -> dict[str, str]:
    found = site.ask("GET", "/api/v2/silences")
    return {
        one["comment"].partition(":")[0]: one["id"] for one in found if one["status"]["state"] == "active"
    }


def silence_by_hand(site: Alertmanager) -> None:
    now = datetime.now(UTC)
    by_hand = {
        "matchers": [{"name": "host", "value": "app1", "isRegex": False, "isEqual": True}],
        "startsAt": now.isoformat(),
        "endsAt": (now + timedelta(hours=1)).isoformat(),
        "createdBy": "alice",
        "comment": "by hand",
    }
    site.ask("POST", "/api/v2/silences", json=by_hand)


def test_refused_silence_is_named_and_stops_no_other(tmp_path: Path) -> None:
    odd = {
        **QUEUE,
        "name": "odd",
        "matchers": ['host=~"(?!app1)app.*"'],
    }  # Python reads it, Alertmanager does not
    with running("alertmanager", tmp_path) as site:
        failed = play(site, tmp_path, [odd, MOVE])

        assert silenced(site).keys() == {"move"}
    assert "alertmanager: odd: expected POST" in failed.output


def test_check_mode_shows_what_would_be_silenced_and_changes_nothing(tmp_path: Path) -> None:
    with running("alertmanager", tmp_path) as site:
        imagined = play(site, tmp_path, [MOVE, OVER], "--check", "--diff").ok()

        assert silenced(site) == {}
    assert 'instance="redis1" (dba: move: it moves. The rollback daemon still acts on' in imagined.output
    assert "done ended on 2026-01-02 at 04:00 UTC; take it out" in " ".join(imagined.output.split())


@pytest.mark.parametrize("version", ["alertmanager", "alertmanager-0.28"])
def test_alertmanager_has_what_the_data_says_and_what_people_made(version: str, tmp_path: Path) -> None:
    with running(version, tmp_path) as site:
        silence_by_hand(site)
        play(site, tmp_path, [MOVE, QUEUE]).ok()
        first = silenced(site)
        later = play(site, tmp_path, [MOVE]).ok()

        assert first.keys() == {"by hand", "move", "queue"}
        assert silenced(site) == {name: first[name] for name in ("by hand", "move")}
        assert len(later.changed()) == 1  # what stayed in the data is the same silence as before


def test_a_cluster_is_told_as_its_page_says(tmp_path: Path) -> None:
    """At the address where `kubectl port-forward` would have it."""
    page = (REPO / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"cat > inventories/cluster/hosts\.yml <<'END'\n(.*?)END\n", page, re.DOTALL)
    (tmp_path / "silences.yml").write_text(json.dumps({"alertmanager_silences": [MOVE]}))
    with running("alertmanager-0.28", tmp_path) as site:
        inventory = tmp_path / "cluster.yml"
        inventory.write_text(example.replace("127.0.0.1:9093", site.base.removeprefix("http://")))
        said = f"@{tmp_path / 'silences.yml'}"
        run_playbook("playbooks/silences.yml", "-e", said, inventory=inventory, cwd=REPO).ok()
        assert silenced(site).keys() == {"move"}
