"""The series of a large site: what the scrapes of 200 application instances and hosts would have brought.

The application's series are read from the reference application itself, so names, labels and buckets are its
own. Of other exporters there are the series that a rule reads: what no rule selects costs a rule nothing.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from prometheus_client import CollectorRegistry

from harness.target import api, operations
from harness.target.metrics import Metrics
from harness.target.middleware import declare_routes

STEP_S = 15
HOUR_S = 3600
DAY_S = 24 * HOUR_S
RECENT_S = 2 * HOUR_S + 600  # the longest window over raw application counters, and a little
RECORDED_S = 2 * STEP_S  # where history ends and the rules themselves go on
SPARSE_S = 300
PER_SERVICE = 25
BROKEN_EVERY = 20  # every twentieth host has a full disk: alerts that fire cost more than silent ones
COMPONENTS = ("database", "redis", "jwt", "queue")


@dataclass(frozen=True)
class Shape:
    """How a value goes: a counter grows by `rate` a second, with a rhythm; a level stays near `rate`."""

    rate: float
    counter: bool

    def at(self, step: int) -> float:
        """The value at a scrape, counted from 1970."""
        rhythm = ((step * 7919) % 101 - 50) / 50
        if self.counter:
            return float(int(self.rate * STEP_S * (step % 10_000_000 + 0.4 * rhythm)))
        return self.rate * (1 + 0.01 * rhythm)


@dataclass(frozen=True)
class Series:
    """One series and how far back it goes: `first_s` to `last_s` seconds before the end, each `step_s`."""

    labels: Mapping[str, str]
    shape: Shape
    first_s: int = RECENT_S
    last_s: int = 0
    step_s: int = STEP_S


def dataset(instances: int, history_days: float) -> Iterator[Series]:
    """Every series of the site. The same arguments give the same series."""
    chance = random.Random(7)  # noqa: S311 - a reproducible mixture, not a secret
    for number in range(instances):
        yield from _application(number, chance)
        yield from _recorded(number)
        yield from _host(number)
    services = sorted({_service(number) for number in range(instances)})
    for service in services:
        yield from _history(service, int(history_days * DAY_S))
        yield from _data(service)
    yield from _monitoring()


def _service(number: int) -> str:
    return f"service-{number // PER_SERVICE:02d}"


def _application(number: int, chance: random.Random) -> Iterator[Series]:
    service = _service(number)
    target = _target("mita-backend", service, f"app{number:03d}:8080", f"app{number:03d}")
    for name, labels, bound in _application_series():
        yield Series(
            {"__name__": name, **labels, **target}, _application_shape(name, labels, bound, service, chance)
        )
    for name, value in (
        ("up", 1.0),
        ("mita_middleware_health_status", 1.0),
        ("process_open_fds", 60.0),
        ("process_max_fds", 1024.0),
    ):
        yield _level(name, value, target)
    yield Series({"__name__": "process_start_time_seconds", **target}, Shape(1.7e9, counter=False))
    week = 7 * DAY_S
    yield Series(
        {"__name__": "daily_active_users", **target}, Shape(900, counter=False), week + 600, week - 1800
    )


@lru_cache
def _application_series() -> tuple[tuple[str, dict[str, str], float], ...]:
    """(name, labels, bucket) of what one process of the reference application exposes from its start."""
    metrics = Metrics(CollectorRegistry())
    metrics.declare("4.7.1")
    for router in (api.router, operations.router):
        declare_routes(metrics, router.routes)
    for component in COMPONENTS:
        metrics.component_health.labels(component)
        metrics.component_time.labels(component)
    return tuple(
        (sample.name, dict(sample.labels), float(sample.labels.get("le", "inf")))
        for family in metrics.registry.collect()
        for sample in family.samples
        if not sample.name.endswith("_created")
    )


def _application_shape(
    name: str, labels: Mapping[str, str], bound: float, service: str, chance: random.Random
) -> Shape:
    rate = 0.05 * chance.randint(1, 40)
    if name == "http_requests_total":
        failing = 0.3 if service.endswith("01") else 0.0005
        share = failing if labels["status"] == "500" else 0.01 if labels["status"] > "400" else 1.0
        return Shape(rate * share, counter=True)
    if name.startswith("http_request_duration_seconds"):
        return Shape(min(1.0, bound / 0.5) * 0.8, counter=True)
    if name.endswith("_errors_total"):
        return Shape(0.0, counter=True)
    if name.endswith("_total"):
        return Shape(rate, counter=True)
    return Shape({"mita_build_info": 1.0, "mita_middleware_component_health": 1.0}.get(name, 40.0), False)


def _target(job: str, service: str, instance: str, host: str) -> dict[str, str]:
    return {"job": job, "service": service, "env": "production", "instance": instance, "host": host}


def _level(name: str, value: float, target: Mapping[str, str], /, **labels: str) -> Series:
    return Series({"__name__": name, **labels, **target}, Shape(value, counter=False))


def _count(name: str, rate: float, target: Mapping[str, str], /, **labels: str) -> Series:
    return Series({"__name__": name, **labels, **target}, Shape(rate, counter=True))


def _host(number: int) -> Iterator[Series]:
    """Two processors, four file systems, the units of a small server; and what a probe from outside says."""
    host = f"app{number:03d}"
    target = _target("node", _service(number), f"{host}:9100", host)
    for cpu in ("0", "1"):
        for mode in ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"):
            yield _count(
                "node_cpu_seconds_total", 0.9 if mode == "idle" else 0.01, target, cpu=cpu, mode=mode
            )
    free = 0.03 if number % BROKEN_EVERY == 0 else 0.6
    for mount, fstype in (("/", "ext4"), ("/var", "ext4"), ("/boot", "ext4"), ("/run", "tmpfs")):
        where = {"device": f"/dev{mount}", "mountpoint": mount, "fstype": fstype}
        available = {"__name__": "node_filesystem_avail_bytes", **where, **target}
        yield Series(available, Shape(free * 4e10, counter=False), 6 * HOUR_S + 600)
        yield _level("node_filesystem_size_bytes", 4e10, target, **where)
        yield _level("node_filesystem_files", 2.6e6, target, **where)
        yield _level("node_filesystem_files_free", 2.4e6, target, **where)
        yield _level("node_filesystem_readonly", 0, target, **where)
    for unit in range(60):
        for state in ("active", "activating", "deactivating", "failed", "inactive"):
            yield _level(
                "node_systemd_unit_state", state == "active", target, name=f"u{unit}.service", state=state
            )
    for name, value in (
        ("up", 1.0),
        ("node_memory_MemAvailable_bytes", 3e9),
        ("node_memory_MemTotal_bytes", 8e9),
        ("node_timex_offset_seconds", 0.0001),
    ):
        yield _level(name, value, target)
    yield _count("node_vmstat_oom_kill", 0, target)
    url = _target("blackbox-http", _service(number), f"https://{host}/health/ready", host)
    for name, value in (("up", 1.0), ("probe_success", 1.0), ("probe_duration_seconds", 0.1)):
        yield _level(name, value, url)
    yield _level("probe_ssl_earliest_cert_expiry", 4e9, url)


def _history(service: str, seconds: int) -> Iterator[Series]:
    """What the rules recorded in the days before: the long windows of the objectives are made of it."""
    who = {"service": service, "env": "production"}
    for promise in ("availability", "latency"):
        for part, value in (("total", 800.0), ("errors", 0.2)):
            name = f"slo:{promise}:{part}:rate5m"
            shape = Shape(value, counter=False)
            yield Series({"__name__": name, **who}, shape, 6 * HOUR_S + 600, RECORDED_S)
            yield Series({"__name__": f"{name}_sparse", **who}, shape, seconds, RECORDED_S, SPARSE_S)


def _recorded(number: int) -> Iterator[Series]:
    """What the rules added up per process in the hours before, which the windows up to two hours read."""
    who = {"service": _service(number), "env": "production", "instance": f"app{number:03d}:8080"}
    for promise, parts in (("availability", ("total", "bad")), ("latency", ("total", "good"))):
        for part in parts:
            name = f"instance:slo_{promise}_{part}:sum"
            yield Series({"__name__": name, **who}, Shape(20.0, counter=True), RECENT_S, RECORDED_S)


def _data(service: str) -> Iterator[Series]:
    """One PostgreSQL and one Redis."""
    target = _target("postgres", service, f"{service}-data:9187", f"{service}-data")
    for name, value in (
        ("up", 1),
        ("pg_up", 1),
        ("pg_settings_max_connections", 100),
        ("pg_replication_lag_seconds", 1),
        ("pg_replication_lag", 1),
    ):
        yield _level(name, value, target)
    for datname in ("mita", "postgres", "template0", "template1"):
        for state in ("active", "idle", "idle in transaction", "disabled"):
            yield _level("pg_stat_activity_count", 3, target, datname=datname, state=state)
            yield _level("pg_stat_activity_max_tx_duration", 1, target, datname=datname, state=state)
        for name, rate in (
            ("blks_hit", 900),
            ("blks_read", 2),
            ("deadlocks", 0),
            ("xact_commit", 50),
            ("xact_rollback", 1),
        ):
            yield _count(f"pg_stat_database_{name}", rate, target, datname=datname)
    target = _target("redis", service, f"{service}-data:9121", f"{service}-data")
    for name, amount in (
        ("up", 1),
        ("redis_up", 1),
        ("redis_connected_clients", 26),
        ("redis_memory_max_bytes", 1e9),
        ("redis_memory_used_bytes", 2e8),
        ("redis_rdb_last_bgsave_status", 1),
    ):
        yield _level(name, amount, target)
    yield _count("redis_evicted_keys_total", 0, target)
    yield _count("redis_rejected_connections_total", 0, target)


def _monitoring() -> Iterator[Series]:
    """The monitoring host's own services."""
    target = _target("prometheus", "prometheus", "monitor:9090", "monitor")
    for name in ("up", "config_last_reload_successful", "notifications_alertmanagers_discovered"):
        yield _level(name if name == "up" else f"prometheus_{name}", 1, target)
    yield _count("prometheus_notifications_dropped_total", 0, target, alertmanager="http://monitor:9093")
    yield _count("prometheus_tsdb_head_samples_appended_total", 6000, target, type="float")
    for name in ("compactions_failed", "wal_corruptions"):
        yield _count(f"prometheus_tsdb_{name}_total", 0, target)
    for group in range(14):
        for name in ("evaluation_failures", "group_iterations_missed"):
            yield _count(f"prometheus_rule_{name}_total", 0, target, rule_group=f"rules/{group}")
    target = _target("alertmanager", "alertmanager", "monitor:9093", "monitor")
    for name in ("up", "alertmanager_cluster_members", "alertmanager_config_last_reload_successful"):
        yield _level(name, 1, target)
    for integration in ("email", "pagerduty", "slack", "webhook"):
        yield _count("alertmanager_notifications_total", 1, target, integration=integration)
        yield _count("alertmanager_notifications_failed_total", 0, target, integration=integration)
    target = _target("grafana", "grafana", "monitor:3000", "monitor")
    yield _level("up", 1, target)
    for handler in range(40):
        name, where = "grafana_http_request_duration_seconds_count", f"/api/{handler}"
        yield _count(name, 0.1, target, handler=where, status_code="200")
    yield from _daemon(_target("mita-rollback", "mita-rollback", "monitor:8000", "monitor"))


def _daemon(target: Mapping[str, str]) -> Iterator[Series]:
    for name, value in (
        ("up", 1.0),
        ("mita_rollback_in_progress", 0.0),
        ("mita_rollback_known_good_available", 1.0),
        ("mita_rollback_last_watchdog_timestamp_seconds", 4e9),
        ("mita_rollback_started_timestamp_seconds", 0.0),
    ):
        yield _level(name, value, target)
    for name, label, values in (
        ("mita_rollback_total", "result", ("succeeded", "failed")),
        ("mita_rollback_decisions_total", "reason", ("blind", "cooldown", "not_a_trigger")),
        ("mita_rollback_verifications_total", "verdict", ("fixed", "not_fixed", "worse", "blind")),
        ("mita_rollback_webhook_requests_total", "code", ("202", "401")),
    ):
        for each in values:
            yield Series({"__name__": name, label: each, **target}, Shape(0, counter=True))
