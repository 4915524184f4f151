"""The daemon's role from a bare host on: bundle, key, checked settings, sandbox, TLS, refusals."""

import json
from typing import Any

import pytest

from devtools.playbook import Run
from devtools.wait import until
from harness.scratch.certificates import self_signed
from harness.scratch.host import Scratch
from harness.scratch.roles import Play
from rollback.domain.policy import MODES

pytestmark = pytest.mark.lab
ROLE = "rollback"
HOOK, ADMIN, SLACK = "planted-webhook-secret", "planted-admin-secret", "http://127.0.0.1:9/planted-slack-url"
READER = "planted-reader-secret"
WEB = {"rollback_web_auth_username": "prometheus", "rollback_web_auth_password": "planted-web-password"}
# No Prometheus stands on the bare host: asked in vain, the daemon would hold every decision.
SETTINGS = {"cooldown": "11m", "prometheus_url": "", "alertmanager_url": ""}
INPUTS: dict[str, Any] = {
    "rollback_webhook_secret": HOOK,
    "rollback_admin_secret": ADMIN,
    "rollback_slack_webhook_url": SLACK,
    "rollback_settings": SETTINGS,
}
EXPOSURE_BUDGET = 1.5
PORTS = "ss -Hltn 'sport = :8000 or sport = :8001'"


def ask(scratch: Scratch, path: str) -> str:
    """The status code that the daemon answers on its own host."""
    code = "import sys, urllib.request as u\ntry: print(u.urlopen(sys.argv[1], timeout=30).status)\n"
    code += "except u.HTTPError as e: print(e.code)"
    return str(scratch.host.check_output("python3 -c %s %s", code, f"http://127.0.0.1:8000{path}"))


def test_check_mode_on_a_bare_host_changes_nothing(bare_check: Run, scratch: Scratch) -> None:
    assert bare_check.changed()
    assert not scratch.host.file("/etc/mita-rollback").exists
    assert not scratch.host.file("/opt/mita-rollback").exists
    assert not scratch.host.user("mita-rollback").exists


def test_service_runs_as_its_user_in_a_sandbox_and_answers(installed: Run, scratch: Scratch) -> None:
    pid = scratch.host.check_output("systemctl show -P MainPID rollback")
    report = scratch.host.check_output("systemd-analyze security --no-pager rollback.service | tail -1")

    assert scratch.host.service("rollback").is_enabled
    assert scratch.host.check_output(f"ps -o user:20= -p {pid}").strip() == "mita-rollback"
    assert float(report.split(":")[1].split()[0]) <= EXPOSURE_BUDGET, report
    assert ask(scratch, "/health/ready") == "200"
    assert ask(scratch, "/api/admin/rollback/status") == "200"
    assert ask(scratch, "/api/admin/rollback/decisions") == "401"


def test_runbooks_of_the_bundle_open_without_a_password(installed: Run, scratch: Scratch) -> None:
    assert ask(scratch, "/runbooks/") == "200"
    assert ask(scratch, "/runbooks/CriticalErrorRate") == "200"
    assert ask(scratch, "/runbooks/high-error-rate") == "200"
    assert ask(scratch, "/runbooks/..%2f..%2frollback%2fapp.py") == "404"


def test_runbooks_show_the_command_and_the_hosts_of_the_site(installed: Run, scratch: Scratch) -> None:
    page = scratch.host.check_output("curl -sS http://127.0.0.1:8000/runbooks/DeployVersionSkew")

    assert "<p>Site scratch, <code>-i " in page
    assert "ansible-playbook -i inventories/SITE" not in page
    assert "<figcaption>on scratch</figcaption>" in page


def test_port_is_on_loopback(installed: Run, scratch: Scratch) -> None:
    assert scratch.host.check_output("ss -Hltn 'sport = :8000'").split()[3] == "127.0.0.1:8000"


def test_settings_are_the_roles_and_the_sites(installed: Run, scratch: Scratch) -> None:
    text = scratch.host.file("/etc/mita-rollback/settings.yml").content_string

    assert "cooldown: 11m" in text
    assert "scratch: http://scratch:8080/health/ready" in text


def test_operator_sees_the_daemon_with_one_word(installed: Run, scratch: Scratch) -> None:
    status = json.loads(scratch.host.check_output("rollbackctl status --json"))

    assert status["services"] == {}
    assert "run this with sudo" in scratch.host.run("su -s /bin/sh nobody -c 'rollbackctl status'").stderr


def test_hosts_are_known_by_the_keys_that_ansible_trusts(installed: Run, scratch: Scratch) -> None:
    key = scratch.host.check_output("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub")

    assert scratch.host.file("/etc/mita-rollback/known_hosts").content_string == f"scratch {key}\n"
    private = scratch.host.file("/var/lib/mita-rollback/.ssh/id_ed25519")
    assert (private.user, private.mode) == ("mita-rollback", 0o600)


def test_no_secret_is_shown_logged_or_on_a_command_line(installed: Run, scratch: Scratch) -> None:
    told = installed.output + scratch.host.check_output("journalctl --no-pager; ps -eo args")

    assert "listen_port: 8000" in installed.output
    assert not [secret for secret in (HOOK, ADMIN, SLACK) if secret in told]
    for name in ("rollback_webhook_secret", "rollback_admin_secret", "slack_webhook_url"):
        file = scratch.host.file(f"/etc/mita-rollback/secrets/{name}")
        assert (file.user, file.group, file.mode) == ("root", "mita-rollback", 0o640)


def test_bundled_ansible_runs_in_the_sandbox(installed: Run, scratch: Scratch) -> None:
    """The daemon's own service may do what its playbook needs; SSH is tried on a host that refuses it."""
    body = {"service": "mita-backend", "hosts": ["scratch"], "rollback_safe": True}
    for version in ("1.0.0", "2.0.0"):
        started = call(scratch, "/deployments", {**body, "version": version})
        call(scratch, f"/deployments/{started['id']}/finish", {"outcome": "live"})
    wish = {"service": "mita-backend", "to_version": "1.0.0", "reason": "a test", "by": "the test"}
    call(scratch, "/rollbacks", wish)

    def ended() -> Any:
        found = json.loads(scratch.host.check_output("rollbackctl rollbacks --json"))["rollbacks"]
        return found and found[0]["finished_at"] and found[0]

    rollback = until("the rollback to end", ended, deadline_s=60)

    assert rollback["phase"] == "failed"
    hosts = [(s["host"], s["status"]) for s in rollback["steps"] if s["step"] == "host"]
    assert hosts == [("scratch", "unreachable")]
    assert "Permission denied" in str(rollback["steps"])


def call(scratch: Scratch, path: str, body: Any) -> Any:
    """Post to the daemon on its own host."""
    user = f"admin:{ADMIN}"
    code = (
        "import base64, sys, urllib.request as u\n"
        "r = u.Request(sys.argv[1], sys.argv[3].encode(), {'content-type': 'application/json',\n"
        "  'authorization': 'Basic ' + base64.b64encode(sys.argv[2].encode()).decode()})\n"
        "print(u.urlopen(r, timeout=30).read().decode())"
    )
    url = f"http://127.0.0.1:8000/api/admin/rollback{path}"
    return json.loads(scratch.host.check_output("python3 -c %s %s %s %s", code, url, user, json.dumps(body)))


def test_second_run_changes_nothing(installed: Run, play: Play) -> None:
    assert play().ok().changed() == []


def test_check_mode_shows_exactly_the_changed_setting(installed: Run, play: Play) -> None:
    """And nothing of all that is as it should be."""
    check = play("--check", "--diff", rollback_settings=SETTINGS | {"cooldown": "12m"}).ok()

    assert check.new_lines() == [{"cooldown: 12m"}]


def test_changed_setting_is_reloaded_without_a_restart(installed: Run, play: Play, scratch: Scratch) -> None:
    before = scratch.host.check_output("systemctl show -P MainPID rollback")

    play(rollback_settings=SETTINGS | {"triggers": {"error_rate_threshold": "off"}}).ok()

    assert scratch.host.check_output("systemctl show -P MainPID rollback") == before
    status = json.loads(scratch.host.check_output("rollbackctl status --json"))
    assert status["triggers"] == MODES | {"error_rate_threshold": "off"}


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "unknown setting": ({"rollback_settings": {"cooldwn": "1m"}}, "cooldwn: no such setting"),
    "duration": ({"rollback_settings": {"cooldown": "soon"}}, "expected a duration such as 30m"),
    "no webhook secret": ({"rollback_webhook_secret": ""}, "webhook_secret_file: expected a secret"),
    "no copy kept": ({"rollback_backup_keep": 0}, "rollback_backup_keep: expected at least 1 copy, found 0"),
    "calendar": ({"rollback_backup_calendar": "sometimes"}, "sometimes"),
    "certificate": ({"rollback_web_tls_cert": "x", "rollback_web_tls_key": "y"}, "web_tls_cert"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_input_is_explained(refused: Run, name: str) -> None:
    assert REFUSED[name][1] in refused.failure(name)


def test_refused_inputs_leave_everything_as_it_was(refused: Run, scratch: Scratch, before: str) -> None:
    assert state_of(scratch) == before
    assert ask(scratch, "/health/ready") == "200"


def state_of(scratch: Scratch) -> str:
    """Files of the daemon, with their content, and the process."""
    find = "find /etc/mita-rollback /etc/systemd/system/rollback.service -type f | sort | xargs sha256sum"
    return str(scratch.host.check_output(f"{find}; systemctl show -P MainPID rollback"))


def test_the_history_is_copied_every_night_and_a_copy_is_put_back(installed: Run, scratch: Scratch) -> None:
    timer = scratch.host.service("rollback-backup.timer")
    assert timer.is_enabled and timer.is_running

    scratch.host.check_output("systemctl start rollback-backup.service")
    [copy] = scratch.host.file("/var/backups/mita-rollback").listdir()
    path = f"/var/backups/mita-rollback/{copy}"
    assert scratch.host.check_output(f"stat -c '%U %a' {path}") == "mita-rollback 600"
    assert "systemctl stop rollback" in scratch.host.run(f"rollback-backup restore {path}").stderr

    scratch.host.check_output(
        f"systemctl stop rollback && rollback-backup restore {path} && systemctl start rollback"
    )
    until("the daemon to answer", lambda: ask(scratch, "/health/ready") == "200", deadline_s=30)
    owners = scratch.host.check_output("stat -c %U /var/lib/mita-rollback/rollback.db*").split()
    assert set(owners) == {"mita-rollback"}


def test_killed_it_comes_back_by_itself(installed: Run, scratch: Scratch) -> None:
    before = scratch.host.check_output("systemctl show -P MainPID rollback")

    scratch.host.check_output("systemctl kill --signal=KILL rollback")

    def back() -> bool:
        pid = scratch.host.check_output("systemctl show -P MainPID rollback")
        return pid not in ("0", before) and scratch.host.service("rollback").is_running

    until("the daemon to run again", back, deadline_s=30)


KNOCKING = """
import subprocess, sys, time, urllib.request
answers = 0
for times in range(5):
    ended = subprocess.Popen(["systemctl", "restart", "rollback"])
    while ended.poll() is None or answers < 20 * (times + 1):
        urllib.request.urlopen("http://127.0.0.1:8000/health/live", timeout=30).read()
        answers += 1
print(answers)
"""
"""A refused or reset connection ends it with an error."""


def test_a_restart_refuses_no_connection(installed: Run, scratch: Scratch) -> None:
    before = scratch.host.check_output("systemctl show -P MainPID rollback")

    answers = int(scratch.host.check_output("python3 -c %s", KNOCKING))

    assert answers >= 100
    assert scratch.host.check_output("systemctl show -P MainPID rollback") != before


def test_stopped_it_is_started_by_nobody_but_a_person(installed: Run, scratch: Scratch) -> None:
    scratch.host.check_output("systemctl stop rollback")

    refused = scratch.host.run(
        "python3 -c %s", "import socket; socket.create_connection(('127.0.0.1', 8000))"
    )

    assert "ConnectionRefusedError" in refused.stderr
    assert not scratch.host.service("rollback").is_running
    scratch.host.check_output("systemctl start rollback")


def listening(scratch: Scratch) -> list[str]:
    """Which of both ports are open."""
    lines = scratch.host.check_output(PORTS).splitlines()
    return [line.split()[3].rpartition(":")[2] for line in lines]


def test_another_port_is_another_socket(installed: Run, play: Play, scratch: Scratch) -> None:
    play(rollback_listen_port=8001).ok()

    assert listening(scratch) == ["8001"]


def test_certificate_and_account_guard_the_port(installed: Run, play: Play, scratch: Scratch) -> None:
    """A port that was given up is closed, whatever else changes with it."""
    certificate, key = self_signed("localhost")
    tls = {"rollback_web_tls_cert": certificate, "rollback_web_tls_key": key, **WEB}

    shown = play("-vvv", "--diff", **tls).ok()

    assert key.splitlines()[1] not in shown.output
    assert WEB["rollback_web_auth_password"] not in shown.output
    assert json.loads(scratch.host.check_output("rollbackctl status --json"))["version"]
    trust = "import ssl, urllib.request as u; c = ssl.create_default_context(cafile=sys.argv[2])"
    code = (
        f"import sys; {trust}\ntry: u.urlopen(sys.argv[1], context=c)\nexcept u.HTTPError as e: print(e.code)"
    )
    url = "https://localhost:8000/metrics"
    ca_file = "/etc/mita-rollback/web/tls.crt"
    assert scratch.host.check_output("python3 -c %s %s %s", code, url, ca_file) == "401"
    assert listening(scratch) == ["8000"]


def test_who_shows_no_certificate_is_not_answered(installed: Run, play: Play, scratch: Scratch) -> None:
    certificate, key = self_signed("localhost")
    own, own_key = self_signed("operator")  # an authority that signs itself alone
    asked = {
        "rollback_web_tls_cert": certificate,
        "rollback_web_tls_key": key,
        "rollback_web_tls_client_ca": own,
        "rollback_client_tls_cert": own,
        "rollback_client_tls_key": own_key,
        "rollback_reader_secret": READER,
        **WEB,
    }

    shown = play("-vvv", "--diff", **asked).ok()

    assert own_key.splitlines()[1] not in shown.output
    assert READER not in shown.output
    assert json.loads(scratch.host.check_output("rollbackctl status --json"))["version"]
    reader = "--username reader --secret-file /etc/mita-rollback/secrets/rollback_reader_secret"
    assert json.loads(scratch.host.check_output(f"rollbackctl {reader} decisions --json"))
    assert "may only read" in scratch.host.run(f"rollbackctl {reader} unfreeze --by ann").stderr
    unknown = "import ssl, sys, urllib.request as u\n"
    unknown += "u.urlopen(sys.argv[1], context=ssl._create_unverified_context())"
    assert scratch.host.run("python3 -c %s %s", unknown, "https://localhost:8000/health/live").rc != 0
    assert play(**asked).ok().changed() == []
