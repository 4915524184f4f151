"""A site without a rollback daemon: people are told, nothing posts to nobody, nobody misses the daemon."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devtools.playbook import Run, run_playbook
from devtools.wait import until
from harness.scratch.host import Scratch, scratch_host
from tests.roles.services import MAIL, PLANTED, WITHOUT

pytestmark = pytest.mark.lab
PASSWORD = "planted-password-of-the-site"
NEEDED = ("slack_webhook_url", "pagerduty_critical_key", "pagerduty_error_key", "smtp_password")
SITE = {
    "alertmanager_mail": MAIL,
    "alertmanager_without": WITHOUT,
    "alertmanager_secrets": {name: PLANTED[name] for name in NEEDED},
    "redis_password": PASSWORD,
    "exporter_redis_password": PASSWORD,
    "prometheus_time_scale": 15,
}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    groups = ("monitoring", "application", "redis")
    with scratch_host("scratch", tmp_path_factory.mktemp("scratch"), groups) as host:
        yield host


def install(host: Scratch) -> Run:
    beside = host.inventory.with_name("site.json")
    beside.write_text(json.dumps({"all": {"vars": SITE}}))
    return run_playbook("site.yml", "--inventory", str(beside), inventory=host.inventory)


@pytest.fixture(scope="module")
def installed(alone: Scratch) -> Run:
    return install(alone)


def asked(host: Scratch, path: str) -> Any:
    return json.loads(host.host.check_output(f"curl -sS 'http://127.0.0.1:9090/api/v1/{path}'"))["data"]


def test_site_is_installed_and_a_second_run_changes_nothing(installed: Run, alone: Scratch) -> None:
    installed.ok()

    assert install(alone).ok().changed() == []
    assert not alone.host.file("/etc/systemd/system/rollback.service").exists


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ("severity=critical rollback=auto", "rollback,critical-pager,critical"),
        ("severity=error", "error-pager,error"),
        ("severity=critical component=rollback", "slack-deployments,critical-pager,critical"),
    ],
)
def test_alerts_reach_people_and_no_message_goes_to_a_daemon(
    installed: Run, alone: Scratch, labels: str, receivers: str
) -> None:
    config = Path("/etc/alertmanager/alertmanager.yml")

    routed = alone.host.check_output(f"amtool config routes test --config.file={config} {labels}")

    assert routed.split() == [receivers]
    assert "/api/admin/rollback" not in alone.host.file(str(config)).content_string


def test_daemon_that_the_inventory_does_not_know_is_not_missed(installed: Run, alone: Scratch) -> None:
    until(
        "the inventory to be recorded",
        lambda: asked(alone, "query?query=job:targets:expected")["result"],
        deadline_s=30,
    )

    def state() -> str:
        groups = asked(alone, "rules?type=alert")["groups"]
        [found] = [
            rule for group in groups for rule in group["rules"] if rule["name"] == "RollbackDaemonDown"
        ]
        return f"{found['health']} {found['state']}"

    until("the alert to be evaluated and quiet", lambda: state() == "ok inactive", deadline_s=15)
