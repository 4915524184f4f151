"""PostgreSQL from a bare host on: reachable by password alone, sandboxed, and as it was after a refusal."""

import shlex
from typing import Any

import pytest

from devtools.playbook import Run
from harness.scratch.certificates import self_signed
from harness.scratch.host import Scratch
from harness.scratch.roles import Play

pytestmark = pytest.mark.lab
ROLE = "postgresql"
PASSWORD, NEXT, WATCHER = "planted:post\\gres'pa$$word", "planted-next-password", "planted-watcher-password"
INPUTS: dict[str, Any] = {
    "postgresql_listen_addresses": ["*"],
    "postgresql_roles": [
        {"name": "mita", "password": PASSWORD},
        {"name": "watcher", "password": WATCHER, "member_of": ["pg_monitor"]},
    ],
    "postgresql_databases": [{"name": "mita", "owner": "mita"}],
    "postgresql_access": [
        {"database": "mita", "role": "mita", "from": ["samenet"]},
        {"database": "all", "role": "watcher", "from": ["127.0.0.1/32"]},
    ],
}


def ask(
    scratch: Scratch, role: str, password: str, *, database: str = "mita", options: str = ""
) -> tuple[int, str]:
    """Connect over the network and return psql's status with what it printed."""
    command = f"psql -h $(hostname -i) {options} -At -U {role} {database} -c 'SELECT current_user'"
    done = scratch.host.run(f"PGPASSWORD={shlex.quote(password)} {command}")
    return done.rc, (done.stdout + done.stderr).strip()


def test_check_mode_on_a_bare_host_changes_nothing(bare_check: Run, scratch: Scratch) -> None:
    assert bare_check.changed()
    assert not scratch.host.file("/etc/postgresql").exists


def test_service_runs_as_its_user_in_a_sandbox(installed: Run, scratch: Scratch) -> None:
    pid = scratch.host.check_output("systemctl show -P MainPID postgresql")
    report = scratch.host.check_output("systemd-analyze security --no-pager postgresql.service | tail -1")

    assert scratch.host.service("postgresql").is_enabled
    assert scratch.host.check_output(f"ps -o user= -p {pid}") == "postgres"
    assert float(report.split(":")[1].split()[0]) <= 2.0, report


def test_distribution_unit_is_masked(installed: Run, scratch: Scratch) -> None:
    units = scratch.host.check_output(
        "systemctl list-units --plain --no-legend 'postgresql*' --state=running"
    )

    assert [line.split()[0] for line in units.splitlines()] == ["postgresql.service"]


def test_role_reaches_its_database_with_its_password(installed: Run, scratch: Scratch) -> None:
    assert ask(scratch, "mita", PASSWORD) == (0, "mita")


@pytest.mark.parametrize(
    ("role", "password", "database"),
    [
        ("mita", "wrong", "mita"),
        ("mita", PASSWORD, "postgres"),
        ("watcher", WATCHER, "mita"),
        ("postgres", "", "mita"),
    ],
)
def test_nobody_else_gets_in_over_the_network(
    installed: Run, scratch: Scratch, role: str, password: str, database: str
) -> None:
    status, words = ask(scratch, role, password, database=database)

    assert status != 0
    assert "authentication failed" in words or "no pg_hba.conf entry" in words


def test_database_is_utf8_and_belongs_to_its_role(installed: Run, scratch: Scratch) -> None:
    query = "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding) FROM pg_database"

    assert superuser(scratch, f"{query} WHERE datname = 'mita'") == "mita|UTF8"


def superuser(scratch: Scratch, query: str) -> str:
    return str(scratch.host.check_output(f"runuser -u postgres -- psql -At -c {shlex.quote(query)}"))


def test_monitoring_role_may_see_what_monitoring_needs(installed: Run, scratch: Scratch) -> None:
    assert superuser(scratch, "SELECT pg_has_role('watcher', 'pg_monitor', 'member')") == "t"


def test_password_is_stored_as_a_scram_verifier(installed: Run, scratch: Scratch) -> None:
    stored = superuser(scratch, "SELECT rolpassword FROM pg_authid WHERE rolname = 'mita'")

    assert stored.startswith("SCRAM-SHA-256$4096:")


def test_no_password_is_shown_logged_or_on_a_command_line(installed: Run, scratch: Scratch) -> None:
    told = scratch.host.check_output("journalctl --no-pager; ps -eo args; cat /var/log/postgresql/* || true")

    assert "mita_hba.conf" in installed.output
    assert [secret for secret in (PASSWORD, WATCHER) if secret in installed.output + told] == []


def test_second_run_changes_nothing(installed: Run, play: Play) -> None:
    assert play().ok().changed() == []


def test_check_mode_shows_exactly_the_changed_setting(installed: Run, play: Play) -> None:
    """And nothing of all that is as it should be."""
    check = play("--check", "--diff", postgresql_max_connections=123).ok()

    assert check.new_lines() == [{"max_connections = 123"}]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "size": ({"postgresql_shared_buffers": "plenty"}, 'invalid value for parameter "shared_buffers"'),
    "setting": ({"postgresql_settings": {"no_such_setting": 1}}, "no_such_setting"),
    "password": ({"postgresql_roles": [{"name": "mita", "password": "short"}]}, "at least 16"),
    "name": ({"postgresql_roles": [{"name": "Mi;ta", "password": PASSWORD}]}, "found 'Mi;ta'"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_input_is_explained(refused: Run, name: str) -> None:
    assert REFUSED[name][1] in refused.failure(name)


def test_refused_inputs_leave_everything_as_it_was(refused: Run, scratch: Scratch, before: str) -> None:
    assert state_of(scratch) == before
    assert ask(scratch, "mita", PASSWORD)[0] == 0


def state_of(scratch: Scratch) -> str:
    files = "find /etc/postgresql /etc/systemd/system -type f | sort | xargs sha256sum"
    return str(scratch.host.check_output(f"{files}; systemctl show -P MainPID postgresql"))


def test_new_password_replaces_the_old_one(installed: Run, play: Play, scratch: Scratch) -> None:
    roles = [{"name": "mita", "password": NEXT}, INPUTS["postgresql_roles"][1]]

    changed = play("--diff", postgresql_roles=roles).ok()

    assert len(changed.changed()) == 1 and "password of" in str(changed.events)
    assert ask(scratch, "mita", NEXT)[0] == 0
    assert ask(scratch, "mita", PASSWORD)[0] != 0
    assert play(postgresql_roles=roles).ok().changed() == []


def test_certificate_makes_tls_the_only_way_in(installed: Run, play: Play, scratch: Scratch) -> None:
    certificate, key = self_signed("scratch")
    tls = {"postgresql_tls_cert": certificate, "postgresql_tls_key": key}
    shown = play("-vvv", "--diff", **tls).ok()

    assert key.splitlines()[1] not in shown.output
    scratch.host.run("install -m 0644 /etc/postgresql/*/main/web/tls.crt /tmp/ca.crt")
    verified = "'sslmode=verify-ca sslrootcert=/tmp/ca.crt dbname=mita'"
    assert ask(scratch, "mita", PASSWORD, database=verified) == (0, "mita")
    assert ask(scratch, "mita", PASSWORD, database="'sslmode=disable dbname=mita'")[0] != 0
    assert play(**tls).ok().changed() == []


def test_service_is_back_after_it_died(installed: Run, scratch: Scratch) -> None:
    scratch.host.check_output("systemctl kill --signal=KILL --kill-whom=main postgresql")

    assert scratch.host.run("timeout 20 sh -c 'until pg_isready -q; do sleep 0.2; done'").succeeded
