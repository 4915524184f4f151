"""The hosts, databases and probes of the drawn site."""

from collections.abc import Iterator

from harness.drawing.curves import END, Series, between, choice, counter, gauge, product, total, wave, whole
from harness.drawing.users import DEAD, LIVE, target

HOSTS = ("monitor", "app1", "app2", "data")
STATES = ("active", "activating", "deactivating", "failed", "inactive")
PROBES = {
    "http://app1:8080/health/ready": ("blackbox-http", "app1"),
    "http://app2:8080/health/ready": ("blackbox-http", "app2"),
    "https://www.example.org/health": ("blackbox-public", ""),
}


def machines() -> Iterator[Series]:
    """All that exporters expose."""
    for number, host in enumerate(HOSTS):
        yield from _host(number, target("node", host))
    for url, (job, host) in PROBES.items():
        yield from _probe(url, job, host)
    yield from _postgres(target("postgres", "data"))
    yield from _redis(target("redis", "data"))


def _host(number: int, labels: dict[str, str]) -> Iterator[Series]:
    yield gauge("up", labels, 1)
    busy = wave(0.2 + 0.07 * number, 0.2, 50, number)
    for mode, share in (("user", 0.7), ("system", 0.25), ("iowait", 0.04), ("steal", 0.01)):
        yield counter("node_cpu_seconds_total", {**labels, "cpu": "0", "mode": mode}, product(share, busy))
    yield counter(
        "node_cpu_seconds_total", {**labels, "cpu": "0", "mode": "idle"}, total(1, product(-1, busy))
    )
    yield gauge("node_memory_MemTotal_bytes", labels, 8e9)
    yield gauge("node_memory_MemAvailable_bytes", labels, wave(4e9 + 5e8 * number, 0.05, 90, number))
    for mount, free in (("/", 0.6), ("/var", 0.45 - 0.08 * number)):
        yield from _disk({**labels, "mountpoint": mount, "fstype": "ext4", "device": f"/dev{mount}"}, free)
    yield from _kernel(labels)
    for unit in ("ssh.service", "cron.service"):
        yield counter("node_systemd_service_restart_total", {**labels, "name": unit}, 0)
        for state in STATES:
            where = {**labels, "name": unit, "state": state}
            broken = host_broken(labels["host"], unit)
            yield gauge("node_systemd_unit_state", where, float(state == ("failed" if broken else "active")))


def host_broken(host: str, unit: str) -> bool:
    """Whether a unit of a host has failed: one has, on the host of the databases."""
    return (host, unit) == ("data", "cron.service")


def _disk(labels: dict[str, str], free: float) -> Iterator[Series]:
    yield gauge("node_filesystem_size_bytes", labels, 4e10)
    yield gauge("node_filesystem_avail_bytes", labels, lambda at: 4e10 * free - at * 2e4)
    yield gauge("node_filesystem_files", labels, 2.6e6)
    yield gauge("node_filesystem_files_free", labels, 2.2e6)
    yield gauge("node_filesystem_readonly", labels, 0)


def _kernel(labels: dict[str, str]) -> Iterator[Series]:
    yield gauge("node_timex_offset_seconds", labels, wave(0.0004, 0.8, 20, len(labels["host"])))
    yield gauge("node_timex_maxerror_seconds", labels, wave(0.02, 0.3, 15))
    yield gauge("node_timex_sync_status", labels, 1)
    yield gauge("node_nf_conntrack_entries", labels, wave(900, 0.2))
    yield gauge("node_nf_conntrack_entries_limit", labels, 262144)
    yield counter("node_vmstat_oom_kill", labels, 0)
    for direction in ("receive", "transmit"):
        yield counter(f"node_network_{direction}_packets_total", {**labels, "device": "eth0"}, 300)
        yield counter(f"node_network_{direction}_errs_total", {**labels, "device": "eth0"}, 0.01)
    yield counter("node_disk_io_time_weighted_seconds_total", {**labels, "device": "vda"}, wave(0.3, 0.5, 40))


def _probe(url: str, job: str, host: str) -> Iterator[Series]:
    labels = {**target(job, host or "monitor", service="mita-backend", instance=url)}
    down = between(*DEAD) if host == "app2" else between(1, 2)
    slow = between(LIVE[0])
    yield gauge("up", labels, 1)
    yield gauge("probe_success", labels, choice(down, 0, 1))
    yield gauge("probe_duration_seconds", labels, total(choice(slow, 0.9, 0.06), wave(0.01, 0.5)))
    if url.startswith("https"):
        yield gauge("probe_ssl_earliest_cert_expiry", labels, END + 41 * 86400)


def _postgres(labels: dict[str, str]) -> Iterator[Series]:
    for name, value in (
        ("up", 1),
        ("pg_up", 1),
        ("pg_settings_max_connections", 100),
        ("pg_exporter_last_scrape_error", 0),
    ):
        yield gauge(name, labels, value)
    yield gauge("pg_replication_lag_seconds", labels, wave(0.4, 0.5, 12))
    for collector in ("database", "locks", "stat_database"):
        yield gauge("pg_scrape_collector_success", {**labels, "collector": collector}, 1)
    for datname in ("mita", "postgres"):
        for state, usual in (("active", 4), ("idle", 12), ("idle in transaction", 1)):
            where = {**labels, "datname": datname, "state": state}
            yield gauge("pg_stat_activity_count", where, whole(wave(usual, 0.3, 25)))
            yield gauge("pg_stat_activity_max_tx_duration", where, wave(0.3, 0.8, 18))
        for name, rate in (
            ("blks_hit", 900),
            ("blks_read", 4),
            ("deadlocks", 0),
            ("tup_deleted", 2),
            ("tup_inserted", 40),
            ("tup_updated", 20),
            ("xact_commit", 50),
            ("xact_rollback", 0.4),
        ):
            yield counter(f"pg_stat_database_{name}", {**labels, "datname": datname}, wave(rate, 0.1, 70))


def _redis(labels: dict[str, str]) -> Iterator[Series]:
    for name, value in (
        ("up", 1),
        ("redis_up", 1),
        ("redis_config_maxclients", 1000),
        ("redis_memory_max_bytes", 2.56e8),
        ("redis_rdb_last_bgsave_status", 1),
    ):
        yield gauge(name, labels, value)
    yield gauge("redis_connected_clients", labels, whole(wave(24, 0.2, 35)))
    yield gauge("redis_memory_used_bytes", labels, wave(9e7, 0.08, 120))
    yield counter("redis_evicted_keys_total", labels, 0)
    yield counter("redis_rejected_connections_total", labels, 0)
