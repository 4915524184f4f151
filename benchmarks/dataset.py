"""The series of a large site: what the scrapes of 200 application instances and hosts would have brought.

The application's series are read from the reference application itself, so names, labels and buckets are its
own. Of other exporters there are the series that a rule reads: what no rule selects costs a rule nothing.
"""

import random
from collections.abc import Iterator, Mapping
from functools import lru_cache

from prometheus_client import CollectorRegistry
from starlette.routing import Route

from application import api, operations
from application.metrics import Metrics
from application.middleware import declare_routes
from benchmarks.exporters import data_series, host_series, monitoring_series
from benchmarks.series import (
    HOUR_S,
    PER_SERVICE,
    RECENT_S,
    RECORDED_S,
    SPARSE_S,
    Series,
    Shape,
    level,
    service_of,
    target,
)
from monitoring.contract import series

DAY_S = 24 * HOUR_S
RECORDED: tuple[tuple[str, dict[str, str]], ...] = (
    ("instance:slo_availability_total:sum", {}),  # four of yesterday
    ("instance:slo_availability_bad:sum", {}),
    ("instance:slo_latency_total:sum", {}),
    ("instance:slo_latency_good:sum", {}),
    ("instance:http_requests:sum", {"result": "any"}),
    ("instance:http_requests:sum", {"result": "error"}),
    *[
        ("instance:journey_requests:sum", {"journey": journey, "result": result})
        for journey in ("registration", "transactions", "revenue")
        for result in ("any", "error")
    ],
    ("instance:http_duration_buckets:sum", {"le": "0.4"}),
    ("instance:http_duration_buckets:sum", {"le": "+Inf"}),
)
COMPONENTS = ("database", "redis", "jwt", "queue")


def dataset(instances: int, history_days: float) -> Iterator[Series]:
    """Every series of the site. The same arguments give the same series."""
    chance = random.Random(7)  # noqa: S311 - a reproducible mixture, not a secret
    for number in range(instances):
        yield from _application(number, chance)
        yield from _recorded(number)
        yield from host_series(number)
    for owner in sorted({service_of(number) for number in range(instances)}):
        yield from _history(owner, int(history_days * DAY_S))
        yield from data_series(owner)
    yield from monitoring_series()


def _application(number: int, chance: random.Random) -> Iterator[Series]:
    service = service_of(number)
    whose = target("mita-backend", service, f"app{number:03d}:8080", f"app{number:03d}")
    for name, labels, bound in _application_series():
        yield Series(
            {"__name__": name, **labels, **whose}, _application_shape(name, labels, bound, service, chance)
        )
    for name, value in (
        ("up", 1.0),
        ("mita_middleware_health_status", 1.0),
        ("process_open_fds", 60.0),
        ("process_max_fds", 1024.0),
        ("process_resident_memory_bytes", 2e8),
        ("process_virtual_memory_bytes", 9e8),
    ):
        yield level(name, value, whose)
    yield Series({"__name__": "process_cpu_seconds_total", **whose}, Shape(0.1, counter=True))
    yield Series({"__name__": "process_start_time_seconds", **whose}, Shape(1.7e9, counter=False))
    week = 7 * DAY_S
    yield Series(
        {"__name__": "daily_active_users", **whose}, Shape(40, counter=False), week + 600, week - 1800
    )


@lru_cache
def _application_series() -> tuple[tuple[str, dict[str, str], float], ...]:
    """(name, labels, bucket) of what one process of the reference application exposes from its start."""
    metrics = Metrics(CollectorRegistry())
    metrics.declare("4.7.1")
    for router in (api.router, operations.router):
        declare_routes(metrics, [route for route in router.routes if isinstance(route, Route)])
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


def _history(service: str, seconds: int) -> Iterator[Series]:
    """What the rules recorded in the days before: the long windows of the objectives are made of it."""
    who = {"service": service, "env": "production"}
    for promised in series():
        name = {"__name__": "mita:contract_series:sparse", "series": promised.name, **who}
        yield Series(name, Shape(float(PER_SERVICE), counter=False), DAY_S, RECORDED_S, SPARSE_S)
    journeys = ({"journey": "registration"}, {"journey": "transactions"}, {"journey": "revenue"})
    for promise, parts in (("availability", ({},)), ("latency", ({},)), ("journey", journeys)):
        for part, value in (("total", 800.0), ("errors", 0.2)):
            for labels in parts:
                shape = Shape(value, counter=False, noise=0.01)
                for kind in ("rate5m", "increase5m"):  # as yesterday, and as now
                    name = {"__name__": f"slo:{promise}:{part}:{kind}", **who, **labels}
                    yield Series(name, shape, 6 * HOUR_S + 600, RECORDED_S)
                    sparse = {**name, "__name__": f"slo:{promise}:{part}:{kind}_sparse"}
                    yield Series(sparse, shape, seconds, RECORDED_S, SPARSE_S)


def _recorded(number: int) -> Iterator[Series]:
    """What the rules added up per process in the hours before, which the windows up to two hours read."""
    who = {"service": service_of(number), "env": "production", "instance": f"app{number:03d}:8080"}
    for name, labels in RECORDED:
        yield Series({"__name__": name, **labels, **who}, Shape(20.0, counter=True), RECENT_S, RECORDED_S)
