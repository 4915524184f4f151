"""Whom PagerDuty calls, by the playbook itself, at a stand-in that answers and refuses as its API does."""

import json
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from devtools.paths import REPO
from devtools.playbook import Run, run_playbook
from devtools.ports import free_port
from devtools.wait import until
from harness.clients import Receivers
from monitoring.escalation import SOURCE
from monitoring.yaml_text import read_yaml
from tests.contract.processes import watched

pytestmark = pytest.mark.slow
TOKEN = secrets.token_hex(10)
CALLS = {
    "L1": ["MITA first"],
    "L2": ["MITA second", "dana@mita.finance"],
    "L3": ["Head of Operations"],
    "L4": ["Dana@mita.finance"],
}
OTHER = {"id": "POTHER", "name": "MITA Finance Production EU", "escalation_rules": [], "services": []}
ACCOUNT: dict[str, Any] = {
    "token": TOKEN,
    "page": 2,
    "users": [
        {"id": f"U{number}", "name": name, "email": f"{name.lower()}@mita.finance"}
        for number, name in enumerate(("Alex", "Boris", "Dana"))
    ],
    "schedules": [
        {"id": f"S{number}", "name": name}
        for number, name in enumerate(
            ("Other", "Head of Operations", "MITA second", "MITA first", "Twice", "Twice")
        )
    ],
    "escalation_policies": [OTHER],
}
THERE = {
    "id": "PTHERE",
    "name": "MITA Finance Production",
    "description": "by hand",
    "num_loops": 3,
    "services": [{"id": "PSHOP", "summary": "MITA critical"}],
    "escalation_rules": [
        {
            "escalation_delay_in_minutes": 30,
            "targets": [{"id": "S0", "type": "schedule_reference", "summary": "Other"}],
        }
    ],
}
AFTER = [
    "1. MITA first, for 5 min",
    "2. MITA second, dana@mita.finance, for 5 min",
    "3. Head of Operations, for 5 min",
    "4. dana@mita.finance, for 5 min",
]


class Site:
    """A controller with an inventory, and PagerDuty."""

    def __init__(self, home: Path, **account: Any) -> None:
        self._home, self._port, self._smtp = home, free_port(), free_port()
        self.pagerduty = Receivers(f"http://127.0.0.1:{self._port}")
        settings = {
            "credentials": {"slack": {}, "pagerduty": {}, "pagerduty_rest": {**ACCOUNT, **account}},
            "smtp_username": "u",
            "smtp_password": "p",
            "address": "127.0.0.1",
            "http_port": self._port,
            "smtp_port": self._smtp,
        }
        (home / "receivers.json").write_text(json.dumps(settings))
        command = [sys.executable, "-m", "harness.receivers", "--settings", f"{home}/receivers.json"]
        self._process = subprocess.Popen(command, cwd=REPO)
        until("PagerDuty", lambda: self.pagerduty.ready("/health"), deadline_s=20)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)

    def play(self, *options: str, token: str = TOKEN, calls: dict[str, list[str]] = CALLS) -> Run:
        data = read_yaml(SOURCE.read_text())
        for level in data["levels"]:
            level["calls"] = calls[level["level"]]
        (self._home / "escalation.yml").write_text(yaml.safe_dump(data))
        said = {
            "site_name": "here",
            "escalation_file": f"{self._home}/escalation.yml",
            "pagerduty_api_token": token,
            "pagerduty_api_url": f"{self.pagerduty.base}/pagerduty-api",
        }
        inventory = self._home / "hosts.json"
        inventory.write_text(
            json.dumps({"all": {"vars": said, "children": {"monitoring": {"hosts": {"nowhere": {}}}}}})
        )
        return run_playbook("playbooks/escalation.yml", *options, inventory=inventory, cwd=REPO)

    def written(self) -> list[dict[str, Any]]:
        """What changed something."""
        found = self.pagerduty.requests(receiver="pagerduty_rest")
        return [one for one in found if one["method"] != "GET" and one["valid"]]

    def records(self) -> str:
        return json.dumps(self.pagerduty.requests())


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    running = Site(tmp_path, **getattr(request, "param", {}))
    try:
        yield running
    finally:
        running.stop()


def test_a_dry_run_shows_what_would_be_and_the_run_makes_it_once(site: Site) -> None:
    """Two of a list are on one page: who is asked for stands on later ones."""
    imagined = site.play("--check", "--diff").ok()
    assert site.written() == []
    assert [line for line in AFTER if f"+{line}" not in imagined.output] == []
    assert "no service of PagerDuty uses the policy MITA Finance Production yet" in " ".join(
        imagined.output.split()
    )

    with watched() as processes:
        site.play().ok()
    [made] = site.written()
    again = site.play("--diff").ok()

    assert (made["method"], made["status"]) == ("POST", 201)
    rules = made["body"]["escalation_policy"]["escalation_rules"]
    assert [rule["escalation_delay_in_minutes"] for rule in rules] == [5, 5, 5, 5]
    assert [[one["id"] for one in rule["targets"]] for rule in rules] == [
        ["S3"],
        ["S2", "U2"],
        ["S1"],
        ["U2"],
    ]
    assert len(site.written()) == 1 and again.changed() == []
    for told in (imagined.output, again.output, site.records()):
        assert TOKEN not in told
    assert any(b"AnsiballZ_pagerduty_escalation" in one for one in processes)
    assert not any(TOKEN.encode() in one for one in processes)


@pytest.mark.parametrize(
    "site", [{"escalation_policies": [OTHER, THERE], "per_second": 2}], indirect=True, ids=["limited"]
)
def test_a_policy_that_is_there_gets_other_rules_and_keeps_the_rest(site: Site) -> None:
    """Though PagerDuty takes two requests a second."""
    done = site.play("--diff").ok()
    [changed] = site.written()

    assert (changed["method"], changed["path"]) == ("PUT", "escalation_policies/PTHERE")
    kept = {name: changed["body"]["escalation_policy"][name] for name in ("description", "num_loops")}
    assert kept == {"description": "by hand", "num_loops": 3}
    assert "-1. Other, for 30 min" in done.output and "no service" not in done.output
    statuses = [one["status"] for one in site.pagerduty.requests(receiver="pagerduty_rest")]
    assert 429 in statuses


@pytest.mark.long
def test_who_is_not_known_is_named_in_one_sentence_and_nothing_changes(site: Site) -> None:
    unknown = {**CALLS, "L2": ["Nobody", "no.one@mita.finance"], "L3": ["Twice"]}
    said = " ".join(site.play(calls=unknown).output.split())

    assert (
        "PagerDuty: expected PagerDuty to know each of them once, found schedule Nobody (L2) not, "
        "user no.one@mita.finance (L2) not, schedule Twice (L3) twice; nothing was changed"
    ) in said
    assert site.written() == []


@pytest.mark.long
def test_what_cannot_be_applied_is_a_sentence_without_the_token(site: Site) -> None:
    wrong = secrets.token_hex(10)
    refused = " ".join(site.play(token=wrong).output.split())
    silent = " ".join(site.play(calls={**CALLS, "L3": []}).output.split())

    assert (
        "to be taken, found 401: Unauthorized; give a key of the REST API in pagerduty_api_token" in refused
    )
    assert wrong not in refused
    assert "expected calls for each level, found none for L3" in silent
    assert site.written() == []
