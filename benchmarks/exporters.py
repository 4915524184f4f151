"""What exporters and the services of monitoring expose of the generated site."""

from collections.abc import Iterator, Mapping

from benchmarks.series import HOUR_S, RECORDED_S, SPARSE_S, Series, Shape, count, level, service_of, target

UNITS = 60
DAEMON = target("mita-rollback", "mita-rollback", "monitor:8000", "monitor")
BROKEN_EVERY = 20  # every twentieth host has a full disk: alerts that fire cost more than silent ones


def host_series(number: int) -> Iterator[Series]:
    """A small server: two processors, four file systems, sixty units; and what a probe says of it."""
    host = f"app{number:03d}"
    labels = target("node", service_of(number), f"{host}:9100", host)
    for cpu in ("0", "1"):
        for mode in ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user"):
            yield count("node_cpu_seconds_total", 0.9 if mode == "idle" else 0.01, labels, cpu=cpu, mode=mode)
    free = 0.03 if number % BROKEN_EVERY == 0 else 0.6
    for mount, fstype in (("/", "ext4"), ("/var", "ext4"), ("/boot", "ext4"), ("/run", "tmpfs")):
        where = {"device": f"/dev{mount}", "mountpoint": mount, "fstype": fstype}
        space = Shape(free * 4e10, counter=False, noise=0.01)
        yield Series({"__name__": "node_filesystem_avail_bytes", **where, **labels}, space, 6 * HOUR_S + 600)
        yield level("node_filesystem_size_bytes", 4e10, labels, **where)
        yield level("node_filesystem_files", 2.6e6, labels, **where)
        yield level("node_filesystem_files_free", 2.4e6, labels, **where)
        yield level("node_filesystem_readonly", 0, labels, **where)
        if fstype != "tmpfs":
            yield from _looked_back_upon({**where, **labels}, space)
    yield from _levels(
        labels,
        ("up", 1.0),
        ("node_memory_MemAvailable_bytes", 3e9),
        ("node_memory_MemTotal_bytes", 8e9),
        ("node_timex_offset_seconds", 0.0001),
        ("node_timex_maxerror_seconds", 0.02),
        ("node_nf_conntrack_entries", 300),
        ("node_nf_conntrack_entries_limit", 262144),
    )
    yield count("node_vmstat_oom_kill", 0, labels)
    yield from _devices(labels)
    yield from _units(labels)
    yield from _probe(number, host)
    for name, value in (("mita_rollback_switching", 0), ("mita_rollback_rehearsal_ok", 1)):
        yield level(name, value, DAEMON, target_host=host, application=service_of(number))


def _looked_back_upon(labels: Mapping[str, str], space: Shape) -> Iterator[Series]:
    """What the rules recorded of a file system every five minutes."""
    writable = Shape(0, counter=False)
    for name, shape, hours in (("avail_bytes", space, 6), ("readonly", writable, 24)):
        recorded = {"__name__": f"mount:filesystem_{name}:sparse", **labels}
        yield Series(recorded, shape, hours * HOUR_S + 600, RECORDED_S, SPARSE_S)


def _levels(labels: Mapping[str, str], *values: tuple[str, float]) -> Iterator[Series]:
    for name, value in values:
        yield level(name, value, labels)


def _devices(labels: Mapping[str, str]) -> Iterator[Series]:
    for device in ("eth0", "lo"):
        for direction in ("receive", "transmit"):
            yield count(f"node_network_{direction}_errs_total", 0, labels, device=device)
            yield count(f"node_network_{direction}_packets_total", 300, labels, device=device)
    for device in ("vda", "vdb"):
        yield count("node_disk_io_time_weighted_seconds_total", 0.3, labels, device=device)


def _units(labels: Mapping[str, str]) -> Iterator[Series]:
    for unit in range(UNITS):
        name = f"u{unit}.service"
        yield count("node_systemd_service_restart_total", 0, labels, name=name)
        for state in ("active", "activating", "deactivating", "failed", "inactive"):
            yield level("node_systemd_unit_state", state == "active", labels, name=name, state=state)


def _probe(number: int, host: str) -> Iterator[Series]:
    url = target("blackbox-http", service_of(number), f"https://{host}/health/ready", host)
    for name, value in (("up", 1.0), ("probe_success", 1.0), ("probe_duration_seconds", 0.1)):
        yield level(name, value, url)
    yield level("probe_ssl_earliest_cert_expiry", 4e9, url)


def data_series(owner: str) -> Iterator[Series]:
    """One PostgreSQL, one Redis, and what a site may have besides: nginx, MySQL, jobs, single programs."""
    yield from _other_series(owner)
    labels = target("postgres", owner, f"{owner}-data:9187", f"{owner}-data")
    yield from _levels(
        labels,
        ("up", 1),
        ("pg_up", 1),
        ("pg_settings_max_connections", 100),
        ("pg_replication_lag_seconds", 1),
        ("pg_replication_lag", 1),
        ("pg_exporter_last_scrape_error", 0),
    )
    for collector in ("database", "locks", "replication", "stat_bgwriter", "stat_database", "wal"):
        yield level("pg_scrape_collector_success", 1, labels, collector=collector)
    for datname in ("mita", "postgres", "template0", "template1"):
        for state in ("active", "idle", "idle in transaction", "disabled"):
            yield level("pg_stat_activity_count", 3, labels, datname=datname, state=state)
            yield level("pg_stat_activity_max_tx_duration", 1, labels, datname=datname, state=state)
        for name, rate in (
            ("blks_hit", 900),
            ("blks_read", 2),
            ("deadlocks", 0),
            ("tup_deleted", 2),
            ("tup_inserted", 40),
            ("tup_updated", 20),
            ("xact_commit", 50),
            ("xact_rollback", 1),
        ):
            yield count(f"pg_stat_database_{name}", rate, labels, datname=datname)
    labels = target("redis", owner, f"{owner}-data:9121", f"{owner}-data")
    yield from _levels(
        labels,
        ("up", 1),
        ("redis_up", 1),
        ("redis_connected_clients", 26),
        ("redis_config_maxclients", 10000),
        ("redis_memory_max_bytes", 1e9),
        ("redis_memory_used_bytes", 2e8),
        ("redis_rdb_last_bgsave_status", 1),
    )
    yield count("redis_evicted_keys_total", 0, labels)
    yield count("redis_rejected_connections_total", 0, labels)


def _other_series(owner: str) -> Iterator[Series]:
    labels = target("nginx", owner, f"{owner}-data:9113", f"{owner}-data")
    for name in ("up", "nginx_up"):
        yield level(name, 1, labels)
    for name in ("accepted", "handled"):
        yield count(f"nginx_connections_{name}", 20, labels)
    labels = target("mysqld", owner, f"{owner}-data:9104", f"{owner}-data")
    yield from _levels(
        labels,
        ("up", 1),
        ("mysql_up", 1),
        ("mysql_global_status_threads_connected", 12),
        ("mysql_global_variables_max_connections", 150),
        ("mysql_slave_status_slave_io_running", 1),
        ("mysql_slave_status_slave_sql_running", 1),
        ("mysql_slave_status_seconds_behind_master", 0),
        ("mysql_slave_status_sql_delay", 0),
    )
    labels = target("pushgateway", owner, f"{owner}-data:9091", f"{owner}-data")
    yield from _levels(labels, ("up", 1), ("push_time_seconds", 4e9), ("push_failure_time_seconds", 0))
    labels = target("process", owner, f"{owner}-data:9256", f"{owner}-data")
    yield level("up", 1, labels)
    seen = {**labels, "groupname": "databases"}
    for name, value in (("num_procs", 1), ("oldest_start_time_seconds", 1.7e9)):
        yield level(f"namedprocess_namegroup_{name}", value, seen)


def monitoring_series() -> Iterator[Series]:
    """The monitoring host's own services."""
    labels = target("prometheus", "prometheus", "monitor:9090", "monitor")
    for name in ("up", "config_last_reload_successful", "notifications_alertmanagers_discovered"):
        yield level(name if name == "up" else f"prometheus_{name}", 1, labels)
    for name in ("dropped", "errors"):
        yield count(f"prometheus_notifications_{name}_total", 0, labels, alertmanager="http://monitor:9093")
    yield count("prometheus_tsdb_head_samples_appended_total", 6000, labels, type="float")
    for name in (
        "sd_file_read_errors",
        "target_scrapes_sample_duplicate_timestamp",
        "target_scrapes_sample_out_of_order",
        "template_text_expansion_failures",
        "tsdb_compactions_failed",
        "tsdb_wal_corruptions",
    ):
        yield count(f"prometheus_{name}_total", 0, labels)
    blackbox = target("blackbox", "blackbox", "monitor:9115", "monitor")
    for name in ("up", "blackbox_exporter_config_last_reload_successful"):
        yield level(name, 1, blackbox)
    for group in range(14):
        for name in ("evaluation_failures", "group_iterations_missed"):
            yield count(f"prometheus_rule_{name}_total", 0, labels, rule_group=f"rules/{group}")
    labels = target("alertmanager", "alertmanager", "monitor:9093", "monitor")
    for name in ("up", "alertmanager_cluster_members", "alertmanager_config_last_reload_successful"):
        yield level(name, 1, labels)
    for integration in ("email", "pagerduty", "slack", "webhook"):
        yield count("alertmanager_notifications_total", 1, labels, integration=integration)
        yield count("alertmanager_notifications_failed_total", 0, labels, integration=integration)
    labels = target("grafana", "grafana", "monitor:3000", "monitor")
    yield level("up", 1, labels)
    for handler in range(40):
        name, where = "grafana_http_request_duration_seconds_count", f"/api/{handler}"
        yield count(name, 0.1, labels, handler=where, status_code="200")
    yield from _daemon(DAEMON)
    yield from _expected()


PER_APPLICATION = (
    "mita_rollback_total",
    "mita_rollback_decisions_total",
    "mita_rollback_verifications_total",
)


def _expected() -> Iterator[Series]:
    """What the installation writes from its inventory."""
    for job in ("alertmanager", "blackbox", "grafana", "mita-rollback", "prometheus"):
        expected = {"__name__": "job:targets:expected", "job": job, "service": job, "env": "production"}
        yield Series(expected, Shape(1, counter=False))


def _daemon(labels: Mapping[str, str]) -> Iterator[Series]:
    yield from _levels(
        labels,
        ("up", 1.0),
        ("mita_rollback_in_progress", 0.0),
        ("mita_rollback_known_good_available", 1.0),
        ("mita_rollback_release_known", 1.0),
        ("mita_rollback_last_watchdog_timestamp_seconds", 4e9),
        ("mita_rollback_started_timestamp_seconds", 0.0),
        ("mita_rollback_held", 0.0),
        ("mita_rollback_proposals_open", 0.0),
        ("mita_rollback_recovering", 0.0),
        ("mita_rollback_rehearsal_timestamp_seconds", 4e9),
        ("mita_rollback_clock_seconds", 4e9),
        ("mita_rollback_inbox_pending", 0.0),
        ("mita_rollback_notices_waiting", 0.0),
        ("mita_rollback_notices_oldest_seconds", 0.0),
        ("mita_rollback_store_up", 1.0),
    )
    for name, label, values in (
        ("mita_rollback_total", "result", ("succeeded", "failed")),
        ("mita_rollback_decisions_total", "reason", ("blind", "cooldown", "evidence_unknown")),
        ("mita_rollback_verifications_total", "verdict", ("fixed", "not_fixed", "worse", "blind")),
        ("mita_rollback_requests_total", "code", ("202", "401")),
        ("mita_rollback_notices_total", "result", ("sent", "dropped")),
        ("mita_rollback_quarantined_alerts_total", "why", ("shape",)),
    ):
        named = {"application": "mita-backend"} if name in PER_APPLICATION else {}
        named |= {"door": "webhook"} if label == "code" else {}
        named |= {"trigger": "error_rate_threshold"} if name == "mita_rollback_total" else {}
        for each in values:
            yield Series({"__name__": name, label: each, **named, **labels}, Shape(0, counter=True))
    for name, label, values in (
        ("mita_rollback_unresolved", "state", ("failed", "unverified", "incomplete", "blind")),
        ("mita_rollback_breaker_open", "cause", ("repeated", "fruitless")),
        ("mita_rollback_loop_failing", "loop", ("decide", "dispatch", "care")),
    ):
        for each in values:
            yield level(name, 0, {label: each, **labels})
