"""Redis from a bare host on: never without a password, sandboxed, and as it was after a refusal."""

import shlex
from typing import Any

import pytest

from devtools.playbook import Run
from harness.scratch.certificates import self_signed
from harness.scratch.host import Scratch
from harness.scratch.roles import Play

pytestmark = pytest.mark.lab
ROLE = "redis"
PASSWORD, NEXT = "planted re'd\"is $password", "planted-next-password"
INPUTS: dict[str, Any] = {"redis_listen_addresses": ["*"], "redis_password": PASSWORD}


def ask(scratch: Scratch, command: str, password: str = PASSWORD, options: str = "") -> str:
    """Run a command over the network and return what Redis answers."""
    secret = f"REDISCLI_AUTH={shlex.quote(password)}" if password else ""
    done = scratch.host.run(f"{secret} redis-cli --no-auth-warning -h $(hostname -i) {options} {command}")
    return f"{done.stdout}{done.stderr}".strip()


def test_check_mode_on_a_bare_host_changes_nothing(bare_check: Run, scratch: Scratch) -> None:
    assert bare_check.changed()
    assert not scratch.host.file("/etc/redis").exists


def test_service_runs_as_its_user_in_a_sandbox(installed: Run, scratch: Scratch) -> None:
    pid = scratch.host.check_output("systemctl show -P MainPID redis-server")
    report = scratch.host.check_output("systemd-analyze security --no-pager redis-server.service | tail -1")

    assert scratch.host.service("redis-server").is_enabled
    assert scratch.host.check_output(f"ps -o user= -p {pid}") == "redis"
    assert float(report.split(":")[1].split()[0]) <= 2.0, report


def test_password_opens_and_nothing_else_does(installed: Run, scratch: Scratch) -> None:
    assert ask(scratch, "PING") == "PONG"
    assert "NOAUTH" in ask(scratch, "PING", password="")
    assert "WRONGPASS" in ask(scratch, "PING", password="wrong")


def test_distribution_configuration_stays_as_it_was(installed: Run, scratch: Scratch) -> None:
    assert "/etc/" not in scratch.host.run("dpkg --verify redis-server").stdout


def test_no_password_is_shown_logged_stored_or_on_a_command_line(installed: Run, scratch: Scratch) -> None:
    told = scratch.host.check_output("journalctl --no-pager; ps -eo args; cat /etc/redis/*")

    assert "maxmemory 256mb" in installed.output
    assert PASSWORD not in installed.output + told


def test_data_survives_a_restart(installed: Run, scratch: Scratch) -> None:
    ask(scratch, "SET kept yes")

    scratch.host.check_output("systemctl restart redis-server")

    assert ask(scratch, "GET kept") == "yes"


def test_second_run_changes_nothing(installed: Run, play: Play) -> None:
    assert play().ok().changed() == []


def test_check_mode_shows_exactly_the_changed_setting(installed: Run, play: Play) -> None:
    """And nothing of all that is as it should be."""
    check = play("--check", "--diff", redis_max_clients=1234).ok()

    assert check.new_lines() == [{"maxclients 1234"}]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "size": ({"redis_max_memory": "plenty"}, "argument must be a memory value"),
    "setting": ({"redis_settings": {"no-such-setting": 1}}, "no-such-setting"),
    "short": ({"redis_password": "short"}, "at least 16 characters, found 5"),
    "absent": ({"redis_password": ""}, "at least 16 characters, found 0"),
    "address": ({"redis_listen_addresses": ["203.0.113.1"]}, "redis-server.service is active."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_input_is_explained(refused: Run, name: str) -> None:
    assert REFUSED[name][1] in refused.failure(name)


def test_refused_inputs_leave_everything_as_it_was(refused: Run, scratch: Scratch, before: str) -> None:
    assert state_of(scratch) == before
    assert ask(scratch, "PING") == "PONG"


def state_of(scratch: Scratch) -> str:
    return str(
        scratch.host.check_output("find /etc/redis /etc/systemd/system -type f | sort | xargs sha256sum")
    )


def test_new_password_replaces_the_old_one(installed: Run, play: Play, scratch: Scratch) -> None:
    play(redis_password=NEXT).ok()

    assert ask(scratch, "PING", password=NEXT) == "PONG"
    assert "WRONGPASS" in ask(scratch, "PING")
    assert play(redis_password=NEXT).ok().changed() == []


def test_certificate_makes_tls_the_only_way_in(installed: Run, play: Play, scratch: Scratch) -> None:
    certificate, key = self_signed("scratch")
    tls = {"redis_tls_cert": certificate, "redis_tls_key": key}
    shown = play("-vvv", "--diff", **tls).ok()

    assert key.splitlines()[1] not in shown.output
    assert ask(scratch, "PING", options="--tls --cacert /etc/redis/web/tls.crt --sni scratch") == "PONG"
    assert "PONG" not in ask(scratch, "PING")
    assert play(**tls).ok().changed() == []
