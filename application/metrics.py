"""Every series the application exposes. Counters and histograms exist at 0 before the first request.

All of them work with several worker processes: prometheus_client keeps each worker's values in a file and the
scrape adds them up; each gauge says how the workers' values become one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

from fastapi import HTTPException
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

LATENCY_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0, 1.5, 2.5, 5.0, 10.0)
UNMATCHED = "unmatched"  # the `path` of whatever no route knows, so that scanners cannot add series
QUEUES = ("jobs",)


class Metrics:
    """The application's series in one registry. The names are the seed's; `path` is the route's template."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = registry

        def counter(name: str, text: str) -> Counter:
            return Counter(name, text, registry=registry)

        def gauge(name: str, text: str, labels: tuple[str, ...] = (), mode: str = "livemax") -> Gauge:
            return Gauge(name, text, labels, registry=registry, multiprocess_mode=mode)  # type: ignore[arg-type]

        self.requests = Counter(
            "http_requests_total", "Answered API requests.", ("method", "path", "status"), registry=registry
        )
        self.duration = Histogram(
            "http_request_duration_seconds",
            "Time to answer an API request.",
            ("method", "path"),
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.in_progress = gauge(
            "http_requests_inprogress", "API requests not answered yet.", ("method", "path"), mode="livesum"
        )
        self.transactions = counter("transaction_processing_total", "Transactions taken for processing.")
        self.transaction_errors = counter("transaction_processing_errors_total", "Transactions that failed.")
        self.registration_attempts = counter("user_registration_attempts_total", "Registrations asked for.")
        self.registrations = counter("user_registration_success_total", "Registrations that succeeded.")
        self.revenue = counter("revenue_processing_total", "Revenue events taken for processing.")
        self.revenue_errors = counter("revenue_processing_errors_total", "Revenue events that failed.")
        self.jobs = counter("mita_queue_processed_total", "Queued jobs that were worked off.")
        self.active_users = gauge("daily_active_users", "Users seen since midnight UTC.")
        self.queue_depth = gauge("mita_queue_depth", "Jobs waiting.", ("queue",))
        self.component_health = gauge(
            "mita_middleware_component_health", "1 works, 0.5 slow, 0 fails.", ("component",), mode="livemin"
        )
        self.component_time = gauge(
            "mita_middleware_component_response_time_ms", "Time of the last health check.", ("component",)
        )
        self.cpu = gauge("mita_cpu_usage_percent", "CPU time of the host in use.")
        self.memory = gauge("mita_memory_usage_percent", "Memory of the host in use.")
        self.disk = gauge("mita_disk_usage_percent", "Disk space in use where the application runs.")
        self.build_info = gauge("mita_build_info", "Always 1; the label is the release.", ("version",))

    @cached_property
    def health(self) -> Gauge:
        """The mean of the components, made when it is first known: a 0 until then would be an alarm."""
        return Gauge(
            "mita_middleware_health_status",
            "Mean health of components, 0 to 1.",
            registry=self.registry,
            multiprocess_mode="livemin",
        )

    def declare_route(self, method: str, path: str, statuses: tuple[int, ...]) -> None:
        """Make the series of a route exist at 0 with every status it is known to answer."""
        self.duration.labels(method, path)
        self.in_progress.labels(method, path)
        for status in statuses:
            self.requests.labels(method, path, str(status))

    def declare(self, version: str) -> None:
        """Make what has labels exist where its value is known from the start."""
        self.build_info.labels(version).set(1)
        for queue in QUEUES:
            self.queue_depth.labels(queue).set(0)
        self.declare_route("GET", UNMATCHED, (404,))

    @contextmanager
    def processing(self, total: Counter, errors: Counter) -> Iterator[None]:
        """Count one piece of work and, unless it was the client's mistake, its failure."""
        total.inc()
        try:
            yield
        except HTTPException:
            raise
        except Exception:
            errors.inc()
            raise
