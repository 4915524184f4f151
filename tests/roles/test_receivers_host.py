"""The recording receivers on their lab host: installed twice, sandboxed, and deaf to strangers."""

import json

import pytest

from devtools.playbook import Run, run_playbook
from harness.lab import addresses, lab
from harness.lab.containers import get
from harness.lab.keys import SLACK
from harness.stack.rollout import RECEIVERS_PLAY

pytestmark = pytest.mark.lab
MOST_EXPOSED = 2.0


@pytest.fixture(scope="module")
def second_run() -> Run:
    """The play a second time, on a host where it has just run."""
    lab.up()
    run_playbook(RECEIVERS_PLAY).ok()
    return run_playbook(RECEIVERS_PLAY, "--diff").ok()


def on_host(*argv: str) -> str:
    return str(get("receivers").exec_run(list(argv)).output.decode())


def test_second_run_changes_nothing(second_run: Run) -> None:
    assert second_run.changed() == []


def test_secrets_are_not_shown(second_run: Run) -> None:
    names = ("smtp_password", "pagerduty_critical_key", "pagerduty_error_key", *SLACK)

    assert not [name for name in names if addresses.secret(name).rpartition("/")[2] in second_run.output]


def test_settings_are_readable_by_the_service_only(second_run: Run) -> None:
    found = on_host("stat", "-c", "%U %G %a", "/etc/mita-receivers/settings.json").strip()

    assert found == "root mita-receivers 640"


def test_unit_is_sandboxed(second_run: Run) -> None:
    report = on_host("systemd-analyze", "security", "--no-pager", "mita-receivers.service")

    assert float(report.rpartition("mita-receivers.service:")[2].split()[0]) <= MOST_EXPOSED


def test_other_hosts_reach_slack_and_mail_by_name(second_run: Run) -> None:
    path = addresses.secret("slack_webhook_url").partition(":9080")[2]
    url = f"http://receivers:9080{path}"
    body = json.dumps({"text": "hello", "channel": "#mita-alerts"})
    monitor = get("monitor")

    posted = monitor.exec_run(["curl", "-s", "-H", "Content-Type: application/json", "-d", body, url])
    greeted = monitor.exec_run(["curl", "-s", "--max-time", "5", "smtp://receivers:1025", "-X", "NOOP"])
    assert posted.output == b"ok"
    assert greeted.exit_code == 0
