"""The monitoring of the drawn site: Prometheus, Alertmanager, Grafana and the rollback daemon."""

from collections.abc import Iterator

from harness.drawing.curves import (
    MINUTE,
    Curve,
    Series,
    between,
    counter,
    either,
    events,
    gauge,
    latest,
    product,
    since_epoch,
    total,
    wave,
)
from harness.drawing.users import LIVE, ROLLED_BACK, ROLLED_OUT, target

HOST = "monitor"
APPLICATION = {"application": "mita-backend"}
DECIDED = -57.0
FROZEN = -30.0
"""Minute at which somebody froze rollbacks, so that the second bad release waits for a person."""


def watchers() -> Iterator[Series]:
    """All that the monitoring says of itself."""
    yield from _prometheus(target("prometheus", HOST))
    yield from _alertmanager(target("alertmanager", HOST))
    yield from _grafana(target("grafana", HOST))
    for name in ("up", "blackbox_exporter_config_last_reload_successful"):
        yield gauge(name, target("blackbox", HOST), 1)
    yield from _daemon(target("mita-rollback", HOST))
    yield from _switching(target("mita-rollback", HOST))


def _prometheus(labels: dict[str, str]) -> Iterator[Series]:
    for name in (
        "up",
        "prometheus_config_last_reload_successful",
        "prometheus_notifications_alertmanagers_discovered",
    ):
        yield gauge(name, labels, 1)
    for name in ("dropped", "errors"):
        address = {"alertmanager": "http://monitor:9093/api/v2/alerts"} if name == "errors" else {}
        yield counter(f"prometheus_notifications_{name}_total", {**labels, **address}, 0)
    yield counter("prometheus_tsdb_head_samples_appended_total", {**labels, "type": "float"}, wave(610, 0.02))
    for name in (
        "sd_file_read_errors",
        "target_scrapes_sample_duplicate_timestamp",
        "target_scrapes_sample_out_of_order",
        "template_text_expansion_failures",
        "tsdb_compactions_failed",
        "tsdb_wal_corruptions",
    ):
        yield counter(f"prometheus_{name}_total", labels, 0)
    for group in ("http", "slo", "traffic"):
        for name in ("evaluation_failures", "group_iterations_missed"):
            yield counter(
                f"prometheus_rule_{name}_total",
                {**labels, "rule_group": f"rules/{group}.rules.yml;{group}"},
                0,
            )


def _alertmanager(labels: dict[str, str]) -> Iterator[Series]:
    for name in ("up", "alertmanager_cluster_members", "alertmanager_config_last_reload_successful"):
        yield gauge(name, labels, 1)
    first, second = between(ROLLED_OUT[0] + 2, ROLLED_BACK[0] + 6), between(LIVE[0] + 2)
    for integration, usual in (("email", 0.002), ("pagerduty", 0.0), ("slack", 0.004), ("webhook", 0.0034)):
        where = {**labels, "integration": integration}
        rate = total(usual, product(0.03, either(first, second)))
        yield counter("alertmanager_notifications_total", where, rate)
        failed = 0.02 if integration == "slack" else 0.0
        yield counter(
            "alertmanager_notifications_failed_total",
            {**where, "reason": "serverError"},
            product(failed, first),
        )
        yield from _latency(where, rate, 0.9 if integration == "email" else 0.25)
    for state, usual in (("active", 2), ("suppressed", 1)):
        yield gauge("alertmanager_alerts", {**labels, "state": state}, total(usual, product(5, second)))
    yield gauge("alertmanager_silences", {**labels, "state": "active"}, between(FROZEN))


def _latency(labels: dict[str, str], rate: Curve, median: float) -> Iterator[Series]:
    name = "alertmanager_notification_latency_seconds"
    for limit in (1.0, 5.0, 10.0, 15.0, 20.0):
        within = product(rate, 1 / (1 + (median / limit) ** 2))
        yield counter(f"{name}_bucket", {**labels, "le": f"{limit:g}"}, within)
    yield counter(f"{name}_bucket", {**labels, "le": "+Inf"}, rate)
    yield counter(f"{name}_count", labels, rate)


def _grafana(labels: dict[str, str]) -> Iterator[Series]:
    yield gauge("up", labels, 1)
    for code, rate in (("200", 0.8), ("500", 0.002)):
        where = {**labels, "handler": "/api/ds/query", "method": "POST", "status_code": code}
        yield counter("grafana_http_request_duration_seconds_count", where, rate)


def _daemon(labels: dict[str, str]) -> Iterator[Series]:
    own = {**labels, **APPLICATION}
    for name, value in (("up", 1), ("mita_rollback_store_up", 1), ("mita_rollback_release_known", 1)):
        yield gauge(name, own if name.endswith("known") else labels, value)
    yield gauge("mita_rollback_known_good_available", own, 1)
    yield gauge("mita_rollback_in_progress", own, between(DECIDED, ROLLED_BACK[1] + 0.2))
    started = between(DECIDED, 1, DECIDED * MINUTE, -200 * MINUTE)
    yield gauge("mita_rollback_started_timestamp_seconds", own, since_epoch(started))
    yield gauge("mita_rollback_recovering", own, between(ROLLED_BACK[1] + 0.2, ROLLED_BACK[1] + 3))
    yield gauge("mita_rollback_frozen", own, between(FROZEN))
    yield gauge("mita_rollback_held", own, between(LIVE[0] + 3))
    yield gauge("mita_rollback_proposals_open", own, between(LIVE[0] + 3.5))
    yield gauge(
        "mita_rollback_last_watchdog_timestamp_seconds",
        labels,
        since_epoch(latest(240)),
    )
    yield gauge("mita_rollback_rehearsal_timestamp_seconds", own, since_epoch(latest(3600)))
    yield gauge("mita_rollback_clock_seconds", labels, since_epoch(lambda at: at + 0.02))
    yield from _queue(labels)
    yield from _counted(labels)


def _queue(labels: dict[str, str]) -> Iterator[Series]:
    for name in ("inbox_pending", "notices_waiting", "notices_oldest_seconds"):
        late = between(LIVE[0] + 3, LIVE[0] + 4, 3) if name == "notices_waiting" else between(1, 2)
        yield gauge(f"mita_rollback_{name}", labels, late)
    for source in ("prometheus", "alertmanager", "hosts"):
        yield gauge("mita_rollback_source_up", {**labels, "source": source}, 1)
    for loop in ("decide", "dispatch", "care"):
        yield gauge("mita_rollback_loop_failing", {**labels, "loop": loop}, 0)
    for state in ("failed", "unverified", "incomplete", "blind"):
        yield gauge("mita_rollback_unresolved", {**labels, **APPLICATION, "state": state}, 0)
    for cause in ("repeated", "fruitless"):
        yield gauge("mita_rollback_breaker_open", {**labels, **APPLICATION, "cause": cause}, 0)
    for code, rate in (("202", 0.02), ("401", 0.0)):
        yield counter("mita_rollback_requests_total", {**labels, "code": code, "door": "webhook"}, rate)
    for result in ("sent", "dropped"):
        yield events(
            "mita_rollback_notices_total",
            {**labels, "result": result},
            *([-57, -56, -54, -5] if result == "sent" else []),
        )
    yield counter("mita_rollback_quarantined_alerts_total", labels, 0)


DECISIONS: tuple[tuple[str, str, str, tuple[float, ...]], ...] = (
    ("error_rate_threshold", "roll_back", "accepted", (-222.0, DECIDED)),
    ("latency_degradation", "ignore", "rollback_in_progress", (-56.8,)),
    ("error_rate_threshold", "hold", "frozen", (LIVE[0] + 3,)),
    ("latency_degradation", "hold", "frozen", (LIVE[0] + 3.5,)),
    ("journey_failing", "propose", "not_enough_evidence", (-200.0, LIVE[0] + 3.5)),
    ("latency_degradation", "hold", "blind", ()),
    ("database_error", "ignore", "no_deployment_in_window", (-240.0, -180.0)),
)


def _counted(labels: dict[str, str]) -> Iterator[Series]:
    own = {**labels, **APPLICATION}
    for trigger, verdict, reason, minutes in DECISIONS:
        where = {**own, "trigger": trigger, "verdict": verdict, "reason": reason}
        yield events("mita_rollback_decisions_total", where, *minutes)
    for result in ("succeeded", "unverified", "failed", "called_off"):
        where = {**own, "result": result, "trigger": "error_rate_threshold"}
        yield events("mita_rollback_total", where, *([-220.0, -54.0] if result == "succeeded" else []))
    for verdict in ("fixed", "not_fixed", "worse", "blind"):
        yield events(
            "mita_rollback_verifications_total",
            {**own, "verdict": verdict},
            *([-219.0, -53.0] if verdict == "fixed" else []),
        )
    for limit in (5, 10, 15, 30, 60, 120, 300, 600):
        where = {**own, "result": "succeeded", "le": str(limit)}
        done = [minute for minute, took in ((-220.0, 41), (-54.0, 58)) if took <= limit]
        yield events("mita_rollback_duration_seconds_bucket", where, *done)
    yield events(
        "mita_rollback_duration_seconds_bucket", {**own, "result": "succeeded", "le": "+Inf"}, -220.0, -54.0
    )


def _switching(labels: dict[str, str]) -> Iterator[Series]:
    for number, host in enumerate(("app1", "app2")):
        where = {**labels, **APPLICATION, "target_host": host}
        moves = [between(each[number] - 0.3, each[number] + 0.5) for each in (ROLLED_OUT, ROLLED_BACK, LIVE)]
        yield gauge("mita_rollback_switching", where, either(*moves))
        yield gauge("mita_rollback_rehearsal_ok", where, 1)
