"""Exporters of servers that the lab does not have, each beside a real server: what rules read is there.

One host with nginx, a gateway for jobs, MariaDB that is a replica of a second one on the same host, a program
that comes and goes, and an exporter that only a site knows.
"""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from devtools.paths import REPO
from devtools.playbook import Run
from devtools.wait import until
from harness.scratch.host import Scratch
from harness.scratch.roles import Part, play_roles
from monitoring.catalog import load
from monitoring.exporters import load_exporters
from monitoring.promql import Selector, walk
from monitoring.promql_parse import parse
from monitoring.rule_files import read
from ruletools.house.lint.dashboards import load_dashboards
from ruletools.house.lint.runbooks import commands
from tests.roles.services import EXPORTERS

pytestmark = pytest.mark.lab
PASSWORD = 'planted `#;"mysqld password'
INPUTS: dict[str, dict[str, Any]] = {
    "nginx": {},
    "mysqld": {"exporter_mysqld_password": PASSWORD},
    "pushgateway": {},
    "process": {
        "exporter_process_names": [
            {"name": "databases", "comm": ["mariadbd"]},
            {"name": "nap", "exe": ["/usr/bin/sleep"], "cmdline": ["4321"]},
        ]
    },
}
OWN = REPO / "tests" / "own_exporter" / "batch.yml"
KINDS = load_exporters(EXPORTERS, [str(OWN)])
PARTS = [
    *(Part(kind, "exporter", {"exporter_name": kind, **inputs}) for kind, inputs in INPUTS.items()),
    Part("batch", "exporter", {"exporter_name": "batch", "exporter_files": [str(OWN)]}),
]
RULES = REPO / "monitoring" / "rules"
SOON_S = 15
SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.M)
LABEL = re.compile(r'(\w+)="([^"]*)"')

STATUS_PAGE = "server { listen 127.0.0.1:8090; location = /stub_status { stub_status; access_log off; } }"
WATCHER = f"""
CREATE USER mysqld_exporter@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';
GRANT PROCESS, SLAVE MONITOR ON *.* TO mysqld_exporter@'127.0.0.1';
"""
PRIMARY = """
CREATE USER replica@'127.0.0.1' IDENTIFIED BY 'replica';
GRANT REPLICATION SLAVE ON *.* TO replica@'127.0.0.1';
CREATE DATABASE shop; CREATE TABLE shop.sold (number INT);
"""
REPLICA = """
CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT=3308, MASTER_USER='replica', MASTER_PASSWORD='replica',
    MASTER_SSL=0, MASTER_CONNECT_RETRY=1;
START SLAVE;
"""
SECOND = "/var/lib/second"


def sql(scratch: Scratch, statements: str, socket: str = "/run/mysqld/mysqld.sock") -> str:
    """What a MariaDB answers; the second one has another socket."""
    return str(scratch.host.check_output(f"mariadb -S {socket} -e {shlex.quote(statements)}"))


def metrics(scratch: Scratch, kind: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """What an exporter exposes now, by the name of the series as Prometheus would store it."""
    page = scratch.host.check_output(f"curl --fail --silent http://127.0.0.1:{KINDS[kind].port}/metrics")
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for name, labels, number in SAMPLE.findall(page):
        found.setdefault(name, []).append((dict(LABEL.findall(labels)), float(number)))
    return found


def value(scratch: Scratch, kind: str, series: str, **labels: str) -> float:
    """The only value of a series with these labels."""
    [found] = [number for own, number in metrics(scratch, kind)[series] if labels.items() <= own.items()]
    return found


@pytest.fixture(scope="module")
def servers(scratch: Scratch) -> Scratch:
    """The host with nginx and both MariaDB, set up as docs/operations.md says."""
    run = scratch.host.check_output
    run(
        "DEBIAN_FRONTEND=noninteractive apt-get -y install --no-install-recommends nginx-light mariadb-server"
    )
    run(f"echo {shlex.quote(STATUS_PAGE)} > /etc/nginx/conf.d/status.conf")
    run("systemctl restart nginx.service")
    run(f"mariadb-install-db --no-defaults --user=mysql --datadir={SECOND} --skip-test-db")
    run(
        f"systemd-run --unit=second mariadbd --no-defaults --user=mysql --datadir={SECOND} --port=3308 "
        f"--bind-address=127.0.0.1 --socket={SECOND}/socket --server-id=2 --log-bin=log"
    )
    until("the second MariaDB", lambda: sql(scratch, "SELECT 1", f"{SECOND}/socket"), deadline_s=SOON_S)
    sql(scratch, PRIMARY, f"{SECOND}/socket")
    sql(scratch, WATCHER)
    sql(scratch, REPLICA)
    return scratch


@pytest.fixture(scope="module")
def installed(servers: Scratch) -> Run:
    run = play_roles(PARTS, "-vvv", "--diff", inventory=servers.inventory).ok()
    assert push(servers, "backup", "# TYPE copied counter\ncopied 3")
    return run


def push(scratch: Scratch, job: str, text: str) -> bool:
    """Whether the gateway takes what a job pushes; Debian 13's gives no answer at all when it refuses."""
    address = f"http://127.0.0.1:{KINDS['pushgateway'].port}/metrics/job/{job}"
    curl = f"curl --fail --silent --data-binary @- {address}"
    return bool(scratch.host.run(f"echo {shlex.quote(text)} | {curl}").succeeded)


def read_of(kind: str) -> Iterator[Selector]:
    """What rules and panels read of an exporter, but whether it can be scraped."""
    rules = [rule["expr"] for group in read(RULES / f"{kind}.rules.yml")["groups"] for rule in group["rules"]]
    boards = load_dashboards(REPO / "monitoring" / "dashboards")
    panels = [expression for board in boards for panel in board.panels for expression in panel.expressions]
    for node in (node for expression in [*rules, *panels] for node in walk(parse(expression))):
        if isinstance(node, Selector) and ("job", kind) in {(one.name, one.value) for one in node.matchers}:
            yield node


@pytest.mark.parametrize("kind", INPUTS)
def test_what_rules_and_panels_read_is_exposed(installed: Run, scratch: Scratch, kind: str) -> None:
    """By the names, and with the labels, that Debian's exporter of the real server has."""
    asked = {
        (one.metric, tuple((label.name, label.value) for label in one.matchers if label.op == "="))
        for one in read_of(kind)
    }
    replicates = "mysql_slave_status_seconds_behind_master"
    until(
        "the replica to follow",
        lambda: kind != "mysqld" or replicates in metrics(scratch, "mysqld"),
        deadline_s=SOON_S,
    )
    found = metrics(scratch, kind)

    assert asked
    for metric, labels in asked:
        own = {name: text for name, text in labels if name != "job"}
        assert any(own.items() <= each.items() for each, _ in found.get(metric, [])), (metric, own)


def test_no_secret_is_shown(installed: Run, scratch: Scratch) -> None:
    told = scratch.host.check_output("journalctl --no-pager -u mysqld-exporter; ps -eo args")

    assert PASSWORD not in installed.output + told
    assert scratch.host.file("/etc/mysqld-exporter/secrets/my.cnf").mode == 0o400


@pytest.mark.parametrize(
    ("kind", "unit", "series"),
    [("nginx", "nginx", "nginx_up"), ("mysqld", "mariadb", "mysql_up")],
)
def test_a_server_that_is_stopped_is_down_and_back_it_is_up(
    installed: Run, scratch: Scratch, kind: str, unit: str, series: str
) -> None:
    assert value(scratch, kind, series) == 1

    scratch.host.check_output(f"systemctl stop {unit}.service")
    assert value(scratch, kind, series) == 0

    scratch.host.check_output(f"systemctl start {unit}.service")
    assert value(scratch, kind, series) == 1


def test_a_connection_that_nginx_drops_is_accepted_and_not_handled(installed: Run, scratch: Scratch) -> None:
    def dropped() -> float:
        return value(scratch, "nginx", "nginx_connections_accepted") - value(
            scratch, "nginx", "nginx_connections_handled"
        )

    assert dropped() == 0
    few = "s/worker_connections .*/worker_connections 12;/; s/^worker_processes .*/worker_processes 1;/"
    scratch.host.check_output(f"sed -i '{few}' /etc/nginx/nginx.conf; systemctl restart nginx.service")

    # Half a request: a connection that only waits would be closed to make room.
    many = "for n in {1..30}; do exec {held}<>/dev/tcp/127.0.0.1/8090; printf GET >&$held; done; sleep 1"
    scratch.host.check_output(f"bash -c {shlex.quote(many)}")

    until("nginx to say that it dropped some", lambda: dropped() > 0, deadline_s=SOON_S)


def test_clients_take_the_connections_that_are_allowed(installed: Run, scratch: Scratch) -> None:
    taken, allowed = "mysql_global_status_threads_connected", "mysql_global_variables_max_connections"
    sql(scratch, "SET GLOBAL max_connections = 20")
    clients = "for n in {1..17}; do mariadb -e 'SELECT SLEEP(3)' & done; wait"
    scratch.host.check_output(f"systemd-run --unit=clients bash -c {shlex.quote(clients)}")

    until("the clients to come", lambda: value(scratch, "mysqld", taken) > 17, deadline_s=SOON_S)

    assert value(scratch, "mysqld", allowed) == 20


def test_a_replica_that_cannot_apply_lags_and_without_its_primary_it_is_broken(
    installed: Run, scratch: Scratch
) -> None:
    lag, fetches = "mysql_slave_status_seconds_behind_master", "mysql_slave_status_slave_io_running"
    until("the replica to follow", lambda: value(scratch, "mysqld", lag) == 0, deadline_s=SOON_S)
    assert value(scratch, "mysqld", fetches) == 1

    scratch.host.check_output(
        "systemd-run --unit=reader mariadb -e 'LOCK TABLES shop.sold READ; SELECT SLEEP(60)'"
    )
    sql(scratch, "INSERT INTO shop.sold VALUES (1)", f"{SECOND}/socket")
    until("the lag to grow", lambda: value(scratch, "mysqld", lag) > 1, deadline_s=SOON_S)
    scratch.host.check_output("systemctl stop reader.service")

    scratch.host.check_output("systemctl stop second.service")
    until(
        "the replica to say that it is cut off",
        lambda: value(scratch, "mysqld", fetches) == 0,
        deadline_s=SOON_S,
    )


def test_the_commands_of_their_runbooks_run_as_they_are_written(installed: Run, scratch: Scratch) -> None:
    """Those on the host of the server; silence with status 1 is how a search finds nothing."""
    pages = {alert.name for alert in load(RULES) if alert.file.removesuffix(".rules.yml") in INPUTS}
    scratch.host.check_output("systemctl restart nginx.service mariadb.service")
    answers = {
        one.text: scratch.host.run(f"bash -o pipefail -c {shlex.quote(one.text)}")
        for one in commands()
        if one.page in pages and one.host == "data"
    }

    assert len(answers) > 8
    assert {
        text: done.stderr for text, done in answers.items() if done.rc and (done.rc, done.stdout) != (1, "")
    } == {}


def test_a_second_run_changes_nothing(installed: Run, scratch: Scratch) -> None:
    assert play_roles(PARTS, "--diff", inventory=scratch.inventory).ok().changed() == []


def test_what_a_job_pushed_is_still_there_after_a_restart(installed: Run, scratch: Scratch) -> None:
    pushed = value(scratch, "pushgateway", "push_time_seconds", job="backup")
    assert pushed > 1e9

    scratch.host.check_output("systemctl restart pushgateway-exporter.service")
    until(
        "the gateway to answer",
        lambda: value(scratch, "pushgateway", "push_time_seconds", job="backup") == pushed,
        deadline_s=SOON_S,
    )


def test_a_push_that_contradicts_another_job_is_dated_as_refused(installed: Run, scratch: Scratch) -> None:
    assert value(scratch, "pushgateway", "push_failure_time_seconds", job="backup") == 0

    assert not push(scratch, "report", "# TYPE copied gauge\ncopied 3")

    failed = value(scratch, "pushgateway", "push_failure_time_seconds", job="report")
    assert failed > value(scratch, "pushgateway", "push_time_seconds", job="report") == 0


def test_an_exporter_that_only_the_site_knows_is_installed_as_ours_are(
    installed: Run, scratch: Scratch
) -> None:
    pid = scratch.host.check_output("systemctl show -P MainPID batch-exporter")

    assert scratch.host.check_output(f"ps -o user= -p {pid}").startswith("batch-")
    assert value(scratch, "batch", "batch_last_success_seconds", batch="example") == 1


def test_a_program_is_there_is_gone_and_was_started_anew(installed: Run, scratch: Scratch) -> None:
    start = "systemctl reset-failed nap.service; systemd-run --unit=nap sleep 4321"

    def naps(series: str) -> float:
        return value(scratch, "process", f"namedprocess_namegroup_{series}", groupname="nap")

    servers = int(scratch.host.check_output("pgrep -c -x mariadbd"))  # a test before has ended one of two
    assert value(scratch, "process", "namedprocess_namegroup_num_procs", groupname="databases") == servers
    scratch.host.run(start)
    until("it to be seen", lambda: naps("num_procs") == 1, deadline_s=SOON_S)
    first = naps("oldest_start_time_seconds")
    assert first > 1e9

    scratch.host.check_output("systemctl stop nap.service")
    until("it to be gone", lambda: naps("num_procs") == 0, deadline_s=SOON_S)
    assert naps("oldest_start_time_seconds") <= 0  # no start: the rule leaves it out

    scratch.host.run(start)
    until("it to be back", lambda: naps("num_procs") == 1, deadline_s=SOON_S)
    until("its new start to be seen", lambda: naps("oldest_start_time_seconds") > first, deadline_s=SOON_S)
