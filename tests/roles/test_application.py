"""The application's place on a bare host: users with few rights, a sandboxed unit, and no release yet."""

from typing import Any

import pytest

from devtools.playbook import Run
from harness.scratch.host import Scratch
from harness.scratch.roles import Part, Play, play_roles

pytestmark = pytest.mark.lab
ROLE = "application"
SECRET = 'planted-$pass"word'
INPUTS: dict[str, Any] = {
    "application_database_url": f"postgresql://mita:{SECRET}@127.0.0.1/mita",
    "application_redis_url": "redis://127.0.0.1/0",
    "application_deploy_authorized_keys": ["ssh-ed25519 AAAAplanted somebody"],
}


def as_deployer(scratch: Scratch, command: str) -> tuple[int, str]:
    """Run a command as the user that deploys."""
    done = scratch.host.run(f"runuser -u mita-deploy -- {command}")
    return done.rc, f"{done.stdout}{done.stderr}"


def test_check_mode_on_a_bare_host_changes_nothing(bare_check: Run, scratch: Scratch) -> None:
    assert bare_check.changed()
    assert not scratch.host.user("mita-deploy").exists


def test_service_without_a_release_is_installed_and_not_started(installed: Run, scratch: Scratch) -> None:
    service = scratch.host.service("mita-backend")

    assert service.is_enabled and not service.is_running
    assert scratch.host.check_output("systemctl show -P NRestarts mita-backend") == "0"


def test_sandbox_keeps_the_exposure_within_budget(installed: Run, scratch: Scratch) -> None:
    report = scratch.host.check_output("systemd-analyze security --no-pager mita-backend.service | tail -1")

    assert float(report.split(":")[1].split()[0]) <= 2.0, report


def test_deployer_may_restart_start_and_stop_the_service(installed: Run, scratch: Scratch) -> None:
    allowed = scratch.host.check_output("sudo -l -U mita-deploy")

    rules = [line.split("NOPASSWD: ")[1] for line in allowed.splitlines() if "NOPASSWD" in line]
    unit = "mita-backend.service"
    assert sorted(rules) == [f"/usr/bin/systemctl {verb} {unit}" for verb in ("restart", "start", "stop")]


@pytest.mark.parametrize(
    "command",
    [
        "sudo -n systemctl restart ssh.service",
        "sudo -n systemctl stop",
        "sudo -n id",
        "cat /etc/mita-backend/env",
    ],
)
def test_deployer_may_do_nothing_else(installed: Run, scratch: Scratch, command: str) -> None:
    status, words = as_deployer(scratch, command)

    assert status != 0
    assert "password is required" in words or "Permission denied" in words


def test_service_may_not_write_its_own_releases(installed: Run, scratch: Scratch) -> None:
    done = scratch.host.run("runuser -u mita-backend -- touch /opt/mita-backend/releases/mine")

    assert "Permission denied" in done.stderr


def test_nobody_but_root_may_change_what_starts_releases(installed: Run, scratch: Scratch) -> None:
    launcher = scratch.host.file("/usr/local/lib/mita-backend/start.py")

    assert (launcher.user, oct(launcher.mode)) == ("root", "0o644")
    assert oct(scratch.host.file("/usr/local/lib/mita-backend").mode) == "0o755"


def test_keys_open_a_shell_and_no_tunnel(installed: Run, scratch: Scratch) -> None:
    keys = scratch.host.file("/var/lib/mita-deploy/.ssh/authorized_keys")

    lines = [line for line in keys.content_string.splitlines() if not line.startswith("#")]
    assert lines == ["restrict ssh-ed25519 AAAAplanted somebody"]
    assert (keys.user, keys.group, oct(keys.mode)) == ("root", "mita-deploy", "0o640")


def test_environment_reaches_the_service_unchanged(installed: Run, scratch: Scratch) -> None:
    show = "systemd-run --quiet --wait --pipe -p EnvironmentFile=/etc/mita-backend/env printenv DATABASE_URL"

    assert scratch.host.check_output(show) == INPUTS["application_database_url"]


def test_no_secret_is_shown_logged_or_readable_for_others(installed: Run, scratch: Scratch) -> None:
    told = scratch.host.check_output("journalctl --no-pager; ps -eo args")

    assert "(new secret)" in installed.output
    assert SECRET not in installed.output + told
    assert oct(scratch.host.file("/etc/mita-backend/env").mode) == "0o640"


def test_second_run_changes_nothing(installed: Run, play: Play) -> None:
    assert play().ok().changed() == []


def test_check_mode_shows_that_the_environment_changed_and_not_its_secrets(
    installed: Run, play: Play
) -> None:
    check = play("--check", "--diff", application_port=8181).ok()

    diffs = [diff for event in check.events for diff in event.diffs]
    assert len(diffs) == 1 and "(secret changed)" in str(diffs)
    assert SECRET not in check.output


def test_missing_database_is_refused_before_the_host_is_touched(installed: Run, scratch: Scratch) -> None:
    inputs = {name: value for name, value in INPUTS.items() if name != "application_redis_url"}

    run = play_roles(
        [Part("bad", "application", inputs | {"application_port": "high"})], inventory=scratch.inventory
    )

    assert "application_port" in run.failure() and run.changed() == []
