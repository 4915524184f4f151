"""The application of the drawn site: a bad release that was rolled back, and one that is live at the end."""

from collections.abc import Iterator

from harness.drawing.curves import (
    LENGTH,
    Curve,
    Series,
    between,
    choice,
    counter,
    either,
    gauge,
    product,
    since_epoch,
    total,
    wave,
    whole,
)

ENV = {"env": "production"}
OLD, FIRST, SECOND = "1.0.0", "1.1.0", "1.2.0"
ROLLED_OUT, ROLLED_BACK = (-62.0, -61.0), (-56.5, -55.5)
"""Minutes at which app1 and app2 were switched to the first bad release, and back."""
LIVE = (-8.0, -7.0)
"""Minutes at which they were switched to the second one, which is live at the end."""
DEAD = (-160.0, -148.0)
"""Minutes between which app2 did not answer at all."""
SHARE = 0.35
PATHS = {"/api/items": 0.75, "/api/register": 0.05, "/api/transactions": 0.15, "/api/revenue": 0.05}
BUCKETS = (0.05, 0.1, 0.25, 0.4, 0.5, 1.0, 2.5, 5.0, 10.0)
COMPONENTS = {"database": 12.0, "redis": 2.0, "jwt": 1.0, "queue": 4.0}


def application() -> Iterator[Series]:
    """All that the two instances expose, and whether they answer."""
    for number in (0, 1):
        yield from _instance(number)


def _bad(number: int) -> Curve:
    first, second = between(ROLLED_OUT[number], ROLLED_BACK[number]), between(LIVE[number])
    return either(first, second)


def _instance(number: int) -> Iterator[Series]:
    labels = target("mita-backend", f"app{number + 1}")
    alive = between(*DEAD, yes=0, no=1) if number else product(1)
    bad = _bad(number)
    traffic = wave(18, 0.15, 240, number)
    yield gauge("up", labels, alive)
    yield from _versions(labels, number, alive)
    for path, part in PATHS.items():
        yield from _answers({**labels, "path": path, "method": "GET"}, part, traffic, bad, alive)
    yield from _business(labels, traffic, bad, alive)
    yield from _inside(labels, number, bad, alive)


def _versions(labels: dict[str, str], number: int, alive: Curve) -> Iterator[Series]:
    first, second = between(ROLLED_OUT[number], ROLLED_BACK[number]), between(LIVE[number])
    lives: dict[str, Curve] = {
        OLD: product(alive, choice(either(first, second), 0, 1)),
        FIRST: first,
        SECOND: second,
    }
    for version, living in lives.items():
        yield gauge("mita_build_info", {**labels, "version": version}, 1, living)
    starts = sorted([-90000.0, *(60 * each[number] for each in (ROLLED_OUT, ROLLED_BACK, LIVE))])
    yield gauge("process_start_time_seconds", labels, since_epoch(_last(starts)), alive)


def _last(starts: list[float]) -> Curve:
    return lambda at: max(start for start in starts if start <= at)


def _answers(
    labels: dict[str, str], part: float, traffic: Curve, bad: Curve, alive: Curve
) -> Iterator[Series]:
    rate = product(part, traffic, alive)
    failing = choice(bad, SHARE, 0.0005)
    shares = {
        "200": total(0.97, product(-1, failing)),
        "500": failing,
        "404": product(0.02),
        "401": product(0.01),
    }
    for status, share in shares.items():
        yield counter("http_requests_total", {**labels, "status": status}, product(rate, share), alive)
    name = "http_request_duration_seconds"
    for limit in BUCKETS:
        within = product(rate, choice(bad, _faster(limit, 1.2), _faster(limit, 0.09)))
        yield counter(f"{name}_bucket", {**labels, "le": f"{limit:g}"}, within, alive)
    yield counter(f"{name}_bucket", {**labels, "le": "+Inf"}, rate, alive)
    yield counter(f"{name}_count", labels, rate, alive)
    yield gauge("http_requests_inprogress", labels, whole(product(rate, choice(bad, 1.2, 0.1))), alive)


def _faster(limit: float, median: float) -> float:
    return float(1 / (1 + (median / limit) ** 3))


def _business(labels: dict[str, str], traffic: Curve, bad: Curve, alive: Curve) -> Iterator[Series]:
    for name, part, fails in (("transaction_processing", 0.15, 0.3), ("revenue_processing", 0.05, 0.0)):
        rate = product(part, traffic, alive)
        yield counter(f"{name}_total", labels, rate, alive)
        yield counter(f"{name}_errors_total", labels, product(rate, fails, bad), alive)
    tries = product(0.05, traffic, alive)
    yield counter("user_registration_attempts_total", labels, tries, alive)
    yield counter("user_registration_success_total", labels, product(tries, choice(bad, 0.6, 0.96)), alive)
    yield gauge("daily_active_users", labels, lambda at: 1800 + at / 30, alive)


def _inside(labels: dict[str, str], number: int, bad: Curve, alive: Curve) -> Iterator[Series]:
    yield gauge("mita_middleware_health_status", labels, choice(bad, 0.5, 1), alive)
    for component, usual in COMPONENTS.items():
        slow = product(bad, float(component == "database"))
        where = {**labels, "component": component}
        yield gauge("mita_middleware_component_health", where, choice(slow, 0, 1), alive)
        took = product(wave(usual, 0.1, 30, number), choice(slow, 40, 1))
        yield gauge("mita_middleware_component_response_time_ms", where, took, alive)
    yield gauge("mita_queue_depth", {**labels, "queue": "transactions"}, choice(bad, 300, 12), alive)
    for name, level in (("cpu", 35.0), ("memory", 52.0), ("disk", 41.0)):
        yield gauge(f"mita_{name}_usage_percent", labels, wave(level, 0.06, 45, number), alive)
    for name, amount in (
        ("open_fds", 62),
        ("max_fds", 1024),
        ("resident_memory_bytes", 2e8),
        ("virtual_memory_bytes", 9e8),
    ):
        yield gauge(f"process_{name}", labels, amount, alive)
    yield counter("process_cpu_seconds_total", labels, 0.12, alive)


BEFORE = range(-30 * 86400, -LENGTH, 300)
"""The rest of the thirty days, of which only what the rules recorded every five minutes is kept."""
REQUESTS, FAILURES, LATE = 10800.0, 4.0, 30.0


def month() -> Iterator[Series]:
    """What was recorded of thirty quiet days."""
    labels = {"service": "mita-backend", **ENV}
    for promise, errors in (("availability", FAILURES), ("latency", LATE)):
        for part, value in (("total", REQUESTS), ("errors", errors)):
            name = f"slo:{promise}:{part}:increase5m_sparse"
            yield Series(name, labels, [value] * len(BEFORE), BEFORE)


def target(job: str, host: str, *, service: str = "", instance: str = "") -> dict[str, str]:
    """The labels that the list of targets gives."""
    return {"job": job, "service": service or job, "instance": instance or host, "host": host, **ENV}
