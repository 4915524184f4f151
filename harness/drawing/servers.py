"""Servers beside the application in the drawn site: nginx, two MariaDB, jobs that push, programs."""

from collections.abc import Iterator

from harness.drawing.curves import (
    Series,
    counter,
    gauge,
    latest,
    since_epoch,
    wave,
    whole,
)
from harness.drawing.users import target

JOBS = {"backup": 3600.0, "report": 7200.0}
PROGRAMS = {"databases": 2.0, "queue": 1.0}
"""How many processes each has."""


def servers() -> Iterator[Series]:
    """All that their exporters expose."""
    watched = target("process", "data")
    yield gauge("up", watched, 1)
    for program in PROGRAMS:
        labels = {**watched, "groupname": program}
        yield gauge("namedprocess_namegroup_num_procs", labels, PROGRAMS[program])
        yield gauge("namedprocess_namegroup_oldest_start_time_seconds", labels, 1.7e9)
    gateway = target("pushgateway", "monitor")
    yield gauge("up", gateway, 1)
    yield from _nginx(target("nginx", "app1"))
    for host in ("data", "data2"):
        yield from _mysqld(target("mysqld", host))
    yield from _replica(target("mysqld", "data2"))
    for job, every in JOBS.items():
        labels = {**gateway, "exported_job": job}
        yield gauge("push_time_seconds", labels, since_epoch(latest(every)))
        yield gauge("push_failure_time_seconds", labels, 0)


def _nginx(labels: dict[str, str]) -> Iterator[Series]:
    yield gauge("up", labels, 1)
    yield gauge("nginx_up", labels, 1)
    served = wave(40, 0.3, 80)
    yield counter("nginx_http_requests_total", labels, served)
    yield counter("nginx_connections_handled", labels, served)
    yield counter("nginx_connections_accepted", labels, served)
    for state, usual in (("reading", 0.4), ("writing", 6), ("waiting", 30)):
        yield gauge(f"nginx_connections_{state}", labels, whole(wave(usual, 0.4, 45, usual)))


def _mysqld(labels: dict[str, str]) -> Iterator[Series]:
    yield gauge("up", labels, 1)
    yield gauge("mysql_up", labels, 1)
    yield gauge("mysql_global_variables_max_connections", labels, 151)
    yield gauge(
        "mysql_global_status_threads_connected", labels, whole(wave(40, 0.3, 50, len(labels["host"])))
    )
    yield counter("mysql_global_status_queries", labels, wave(120, 0.2, 70, len(labels["host"])))
    yield counter("mysql_global_status_aborted_connects", labels, 0.01)


def _replica(labels: dict[str, str]) -> Iterator[Series]:
    source = {**labels, "master_host": "data", "connection_name": ""}
    for name, value in (("slave_io_running", 1), ("slave_sql_running", 1), ("sql_delay", 0)):
        yield gauge(f"mysql_slave_status_{name}", source, value)
    yield gauge("mysql_slave_status_seconds_behind_master", source, whole(wave(2, 0.9, 15)))
