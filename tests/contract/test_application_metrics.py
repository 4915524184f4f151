"""What the application exposes is what rules and dashboards were written for, with two real workers."""

import asyncio
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest
import requests
from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.parser import text_string_to_metric_families

from application.cache import Cache
from application.database import Database
from application.processes import boot_time_s, read_stat
from devtools.wait import until
from harness.cli import main
from harness.release.backing import Backing
from harness.release.running import Running, started, until_ready
from monitoring import contract

Labels = dict[str, str]
Samples = dict[str, list[tuple[Labels, float]]]

PROMISED = [each for each in contract.series() if not each.optional]
COUNTERS = {each.name: set(each.labels) for each in PROMISED if each.kind == "counter"}
GAUGES = {each.name: set(each.labels) for each in PROMISED if each.kind != "counter"}


@pytest.fixture(scope="module")
def apps(backing: Backing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running]]:
    """One in the lab with two workers, and one outside of it, started at the same time."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "metrics").mkdir()
    (outside / "metrics" / "counter_1.db").write_bytes(b"left behind by an earlier start")
    # A Redis database each: jobs and today's users of other applications are none of theirs.
    own, others = (f"{backing.redis_url.removesuffix('/0')}/{number}" for number in (1, 2))
    production = {"MITA_LAB": "0", "REDIS_URL": others, "MITA_METRICS_CREDENTIALS": "prometheus:planted"}
    with (
        started(
            tmp_path_factory.mktemp("app"), backing, MITA_LAB="1", MITA_WORKERS="2", REDIS_URL=own
        ) as first,
        started(outside, backing, fault=None, **production) as second,
    ):
        yield first, second


@pytest.fixture(scope="module")
def app(apps: tuple[Running, Running]) -> Running:
    """The application with two workers, in the lab: headers may ask for faults."""
    return until_ready(apps[0])


@pytest.fixture(scope="module")
def outside(apps: tuple[Running, Running]) -> Running:
    """The application as in production: headers mean nothing and metrics ask for a name."""
    return until_ready(apps[1])


def scrape(app: Running) -> Samples:
    text = requests.get(f"{app.url}/metrics", timeout=10).text
    samples: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def value(samples: Samples, name: str, **labels: str) -> float:
    """Return the sum of the samples of that name which have these labels."""
    return sum(found for own, found in samples.get(name, []) if labels.items() <= own.items())


def requests_with(app: Running, **labels: str) -> float:
    return value(scrape(app), "http_requests_total", **labels)


def call(app: Running, method: str, path: str, **options: object) -> int:
    """Make a request on a connection of its own and return the status: any worker may take it."""
    return requests.request(method, app.url + path, timeout=20, **options).status_code  # type: ignore[arg-type]


def register(app: Running, email: str) -> int:
    answer = requests.post(f"{app.url}/api/register", json={"email": email}, timeout=20)
    assert answer.status_code == 201, answer.text
    return int(answer.json()["user_id"])


# In the order in which they must run: the first ones see an application that nobody used yet.


def test_command_for_other_applications_finds_everything_in_ours(app: Running) -> None:
    assert main(["contract", app.url]) == 0


def test_counters_exist_at_zero_before_the_first_request(app: Running) -> None:
    samples = scrape(app)

    for name, labels in COUNTERS.items():
        assert samples.get(name), f"{name} is missing"
        assert {frozenset(own) for own, _ in samples[name]} == {frozenset(labels)}, name
        assert value(samples, name) == 0, name


def test_gauges_exist_with_the_labels_that_rules_use(app: Running) -> None:
    samples = scrape(app)

    for name, labels in GAUGES.items():
        assert {frozenset(own) for own, _ in samples.get(name, [])} == {frozenset(labels)}, name
    assert {own["component"] for own, _ in samples["mita_middleware_component_health"]} == {
        "database",
        "redis",
        "jwt",
    }
    assert value(samples, "mita_build_info", version="1.0.0") == 1


@pytest.mark.parametrize("status", ["201", "500"])
@pytest.mark.parametrize("path", ["/api/register", "/api/transactions", "/api/revenue"])
def test_success_and_failure_of_each_route_are_known_at_zero(app: Running, path: str, status: str) -> None:
    found = [own for own, _ in scrape(app)["http_requests_total"] if own["path"] == path]

    assert {"method": "POST", "path": path, "status": status} in found


@pytest.mark.parametrize("edge", ["0.4", "1.0"])
def test_histogram_has_the_bucket_edges_of_the_alerts(app: Running, edge: str) -> None:
    edges = {own["le"] for own, _ in scrape(app)["http_request_duration_seconds_bucket"]}

    assert edge in edges


def test_histogram_has_a_bucket_above_the_highest_threshold(app: Running) -> None:
    """Without one a quantile never exceeds a second, however slow the answers are."""
    edges = {float(own["le"]) for own, _ in scrape(app)["http_request_duration_seconds_bucket"]}

    assert any(1.0 < edge < float("inf") for edge in edges)


def test_probes_and_scrapes_are_not_counted(app: Running) -> None:
    for path in ("/health/live", "/health/ready", "/metrics"):
        assert call(app, "GET", path) == 200

    assert requests_with(app) == 0


def test_path_is_the_template_whatever_the_user(app: Running) -> None:
    user = register(app, "template@example.org")
    for path in (f"/api/users/{user}", "/api/users/999999", "/api/users/no-number"):
        call(app, "GET", path)

    series = [own for own, _ in scrape(app)["http_requests_total"]]
    assert requests_with(app, path="/api/users/{user_id}") == 3
    assert not [own for own in series if "999999" in own["path"] or "no-number" in own["path"]]


def test_unknown_paths_and_methods_make_one_series_each(app: Running) -> None:
    for path in ("/wp-login.php", "/.env", "/api/nothing"):
        assert call(app, "GET", path) == 404
    call(app, "PROPFIND", "/coffee")

    samples = scrape(app)
    assert value(samples, "http_requests_total", path="unmatched", status="404", method="GET") == 3
    assert value(samples, "http_requests_total", path="unmatched", method="OTHER") == 1


def test_failure_asked_for_by_header_is_counted_as_500(app: Running) -> None:
    before = requests_with(app, status="500")

    assert call(app, "POST", "/api/revenue", json={"amount": 1}, headers={"X-Mita-Fail": "1"}) == 500

    assert requests_with(app, status="500") == before + 1
    assert value(scrape(app), "revenue_processing_total") == 0


def test_delay_asked_for_by_header_is_in_the_measured_duration(app: Running) -> None:
    path = "/api/queue/jobs"

    call(app, "POST", path, json={}, headers={"X-Mita-Delay": "0.5"})

    samples = scrape(app)
    assert value(samples, "http_request_duration_seconds_bucket", path=path, le="0.4") == 0
    assert value(samples, "http_request_duration_seconds_count", path=path) == 1


def test_requests_that_wait_are_seen_while_they_wait(app: Running) -> None:
    """Six at once, on either of the workers; counters do not move meanwhile."""
    path, before = "/api/queue/jobs", requests_with(app)

    def waiting() -> float:
        return value(scrape(app), "http_requests_inprogress", path=path, method="POST")

    def wait() -> int:
        return call(app, "POST", path, json={}, headers={"X-Mita-Delay": "6"})

    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(wait) for _ in range(6)]
        until("six requests in progress", lambda: waiting() == 6, deadline_s=6)
        assert requests_with(app) == before
        assert {answer.result() for answer in answers} == {202}
    until("none in progress", lambda: waiting() == 0, deadline_s=30)


def test_delay_that_makes_no_sense_is_refused(app: Running) -> None:
    assert call(app, "GET", "/api/users/1", headers={"X-Mita-Delay": "-1"}) == 400


def test_foreign_token_is_counted_as_exactly_401(app: Running) -> None:
    assert call(app, "GET", "/api/users/1", headers={"Authorization": "Bearer a.b.c"}) == 401

    assert requests_with(app, path="/api/users/{user_id}", status="401") == 1


def test_business_is_counted_once_and_stored(app: Running) -> None:
    before = scrape(app)
    user = register(app, "business@example.org")
    assert call(app, "POST", "/api/register", json={"email": "business@example.org"}) == 409
    assert call(app, "POST", "/api/transactions", json={"user_id": user, "amount": "12.50"}) == 201
    assert call(app, "POST", "/api/transactions", json={"user_id": 999999, "amount": 1}) == 404
    assert call(app, "POST", "/api/revenue", json={"amount": "0.99"}) == 201

    after = scrape(app)
    grown = {name: value(after, name) - value(before, name) for name in COUNTERS}
    assert grown["user_registration_attempts_total"] == 2
    assert grown["user_registration_success_total"] == 1
    assert grown["transaction_processing_total"] == 2
    assert grown["transaction_processing_errors_total"] == 0
    assert grown["revenue_processing_total"] == 1
    stored = requests.get(f"{app.url}/api/users/{user}", timeout=10).json()
    assert (stored["transactions"], float(stored["total"])) == (1, 12.5)


def test_users_of_today_are_counted_once_each(app: Running) -> None:
    user = register(app, "active@example.org")
    for _ in range(3):
        call(app, "GET", f"/api/users/{user}")

    registered = value(scrape(app), "user_registration_success_total")
    until(
        "every registered user to be active today",
        lambda: value(scrape(app), "daily_active_users") == registered,
        deadline_s=30,
    )


def test_queued_jobs_are_worked_off(app: Running) -> None:
    done = value(scrape(app), "mita_queue_processed_total")
    for _ in range(5):
        assert call(app, "POST", "/api/queue/jobs", json={"kind": "email"}) == 202

    until(
        "the queue to be empty",
        lambda: (
            value(scrape(app), "mita_queue_processed_total") >= done + 5
            and value(scrape(app), "mita_queue_depth") == 0
        ),
        deadline_s=30,
    )


def test_requests_of_both_workers_are_summed(app: Running) -> None:
    before = requests_with(app, path="/version")
    for _ in range(60):
        call(app, "GET", "/version")

    shares = [requests_of_worker(file, "/version") for file in sorted(app.metrics_dir.glob("counter_*.db"))]
    assert sum(1 for share in shares if share > 0) == 2, f"expected both workers to serve, found {shares}"
    assert requests_with(app, path="/version") == before + 60 == sum(shares)


def requests_of_worker(file: Path, path: str) -> float:
    """Return what the worker whose values are in this file counted for a path."""
    registry = CollectorRegistry()
    metrics = MultiProcessCollector(registry, path=str(file.parent)).merge([str(file)])  # type: ignore[no-untyped-call]
    samples = [sample for metric in metrics for sample in metric.samples]
    return float(
        sum(s.value for s in samples if s.name == "http_requests_total" and s.labels["path"] == path)
    )


def test_start_time_is_the_supervisors_whichever_worker_answers(app: Running) -> None:
    times = {value(scrape(app), "process_start_time_seconds") for _ in range(20)}

    supervisor = read_stat(Path(f"/proc/{app.process.pid}"))
    assert supervisor and times == {boot_time_s(Path("/proc")) + supervisor.started_s}


def test_worker_that_dies_takes_no_count_along(app: Running) -> None:
    before = requests_with(app)
    victim = int(next(app.metrics_dir.glob("gauge_livemin_*.db")).stem.rpartition("_")[2])
    os.kill(victim, signal.SIGKILL)

    def replaced() -> bool:
        pids = {file.stem.rpartition("_")[2] for file in app.metrics_dir.glob("gauge_livemin_*.db")}
        return len(pids) == 2 and str(victim) not in pids

    until("a new worker instead of the dead one", replaced, deadline_s=60, explain=app.log)
    assert requests_with(app) >= before
    assert value(scrape(app), "mita_build_info") == 1


def test_redis_outage_is_measured_and_over_when_redis_is_back(app: Running, backing: Backing) -> None:
    backing.redis.stop()
    try:
        until_health(app, "redis", 0)
        samples = scrape(app)
        assert 0 < value(samples, "mita_middleware_health_status") < 1
        until("no worker to be ready", lambda: not any_ready(app), deadline_s=30)
        assert call(app, "GET", "/health/live") == 200
    finally:
        backing.redis.start()
    until_health(app, "redis", 1)


def test_connections_that_a_restart_of_redis_closed_are_not_used(backing: Backing) -> None:
    """A pool that hands them out fails a request for each of them."""

    async def ask(cache: Cache) -> None:
        async with asyncio.TaskGroup() as together:
            for _ in range(5):
                together.create_task(cache.depth("any"))

    async def restarted_in_between() -> None:
        cache = Cache(backing.redis_url)
        await ask(cache)
        backing.redis.stop()
        backing.redis.start()
        await asyncio.sleep(0.1)  # the ends of the connections are read
        await ask(cache)
        await cache.close()

    asyncio.run(restarted_in_between())


def any_ready(app: Running) -> bool:
    return any(call(app, "GET", "/health/ready") == 200 for _ in range(6))


def test_database_outage_fails_transactions_and_counts_them(app: Running, backing: Backing) -> None:
    user = register(app, "outage@example.org")
    before = value(scrape(app), "transaction_processing_errors_total")
    backing.postgres.stop()
    try:
        assert call(app, "POST", "/api/transactions", json={"user_id": user, "amount": 1}) == 500
        until_health(app, "database", 0)
        assert value(scrape(app), "transaction_processing_errors_total") == before + 1
    finally:
        backing.postgres.start()
    until_health(app, "database", 1)
    until("transactions to work", lambda: transacts(app, user), deadline_s=30)


def transacts(app: Running, user: int) -> bool:
    return call(app, "POST", "/api/transactions", json={"user_id": user, "amount": 1}) == 201


def until_health(app: Running, component: str, health: float) -> None:
    until(
        f"health {health} of {component}",
        lambda: value(scrape(app), "mita_middleware_component_health", component=component) == health,
        deadline_s=20,
        explain=app.log,
    )


def test_schema_is_made_once_by_many_at_the_same_time(backing: Backing) -> None:
    async def race() -> None:
        empty = await asyncpg.connect(backing.database_url)
        await empty.execute("DROP TABLE transactions, revenue, users")
        await empty.close()
        racers = [Database(backing.database_url, []) for _ in range(8)]
        await asyncio.gather(*(racer.open() for racer in racers))
        await asyncio.gather(*(racer.create_schema() for racer in racers))
        await asyncio.gather(*(racer.close() for racer in racers))

    asyncio.run(race())


def test_values_of_an_earlier_start_are_gone(outside: Running) -> None:
    assert not (outside.metrics_dir / "counter_1.db").exists()


def test_headers_are_ignored_outside_the_lab(outside: Running) -> None:
    until_ready(outside)  # it saw the outages of the tests before, too
    headers = {"X-Mita-Fail": "1", "X-Mita-Delay": "nonsense"}

    assert call(outside, "POST", "/api/queue/jobs", json={}, headers=headers) == 202


def test_metrics_ask_for_credentials_where_there_are_some(outside: Running) -> None:
    assert call(outside, "GET", "/metrics") == 401
    assert call(outside, "GET", "/metrics", auth=("prometheus", "wrong")) == 401
    assert call(outside, "GET", "/metrics", auth=("prometheus", "planted")) == 200


def test_service_ends_when_asked(outside: Running) -> None:
    assert outside.stop() in (0, -signal.SIGTERM)
