"""A fault belongs to a release: each one is seen where its alert looks, with the real application."""

import statistics
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import psutil
import pytest
import requests

from application import faults
from devtools.wait import until
from harness.release.backing import Backing
from harness.release.running import READY_S, Running, started, until_ready

SPECS = (
    "error-ratio=0.5",
    "added-latency=0.05/0.1",
    "hang",
    "no-metrics",
    "unhealthy=1",
    "slow-database=1.1",
    "crash-loop",
    "failing-payments=1",
    "refused-registrations",
    "forgotten-cache=1",
)
FUTURE = {"time-travel": {"years": 1.0}}
Fleet = Mapping[str, Running]


@pytest.fixture(scope="module")
def fleet(backing: Backing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A release for each fault, all started at the same time, by the fault's name."""
    entries = [faults.to_manifest([faults.parse(spec)]) or {} for spec in SPECS]
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(started(tmp_path_factory.mktemp(name), backing, fault=entry))
            for entry in [*entries, FUTURE]
            for name in entry
        }


def gauge(app: Running, line: str) -> float | None:
    text = requests.get(f"{app.url}/metrics", timeout=10).text
    found = [row.split()[-1] for row in text.splitlines() if row.startswith(f"{line} ")]
    return float(found[0]) if found else None


def test_error_ratio_fails_its_share_of_requests_and_no_probe(fleet: Fleet) -> None:
    app = until_ready(fleet["error-ratio"])

    codes = [requests.get(f"{app.url}/api/users/1", timeout=10).status_code for _ in range(100)]

    assert 0.25 < codes.count(500) / len(codes) < 0.75
    assert requests.get(f"{app.url}/health/ready", timeout=10).ok


def test_added_latency_is_drawn_from_its_distribution(fleet: Fleet) -> None:
    app = until_ready(fleet["added-latency"])

    answers = [requests.get(f"{app.url}/api/users/1", timeout=10) for _ in range(20)]

    times = [answer.elapsed.total_seconds() for answer in answers]
    assert statistics.fmean(times) > 0.03
    assert statistics.pstdev(times) > 0.005


def test_hang_answers_probes_only_and_shows_what_waits(fleet: Fleet) -> None:
    app = until_ready(fleet["hang"])

    with pytest.raises(requests.Timeout):
        requests.get(f"{app.url}/api/users/1", timeout=1)

    assert gauge(app, 'http_requests_inprogress{method="GET",path="/api/users/{user_id}"}') == 1
    assert requests.get(f"{app.url}/health/ready", timeout=10).ok


def test_no_metrics_answers_200_with_nothing(fleet: Fleet) -> None:
    app = until_ready(fleet["no-metrics"])

    answer = requests.get(f"{app.url}/metrics", timeout=10)

    assert (answer.status_code, answer.text) == (200, "")


def test_unhealthy_reports_zero_though_its_components_work(fleet: Fleet) -> None:
    app = fleet["unhealthy"]

    until(
        "health status 0",
        lambda: gauge(app, "mita_middleware_health_status") == 0,
        deadline_s=READY_S,
        explain=app.log,
    )
    assert gauge(app, 'mita_middleware_component_response_time_ms{component="redis"}')


def test_slow_database_is_measured_as_slow_and_half_healthy(fleet: Fleet) -> None:
    app = until_ready(fleet["slow-database"])

    time_ms = gauge(app, 'mita_middleware_component_response_time_ms{component="database"}')
    assert time_ms is not None and time_ms > 1100
    assert gauge(app, 'mita_middleware_component_health{component="database"}') == 0.5


def test_failing_payments_are_counted_and_nothing_else_fails(fleet: Fleet) -> None:
    app = until_ready(fleet["failing-payments"])
    user = requests.post(f"{app.url}/api/register", json={"email": "payer@example.org"}, timeout=10).json()

    answer = requests.post(
        f"{app.url}/api/transactions", json={"user_id": user["user_id"], "amount": "1.00"}, timeout=10
    )

    assert answer.status_code == 500
    assert gauge(app, "transaction_processing_errors_total") == 1
    assert requests.get(f"{app.url}/api/users/{user['user_id']}", timeout=10).json()["transactions"] == 0


def test_refused_registrations_are_tried_and_never_succeed(fleet: Fleet) -> None:
    app = until_ready(fleet["refused-registrations"])

    answer = requests.post(f"{app.url}/api/register", json={"email": "new@example.org"}, timeout=10)

    assert answer.status_code == 422
    assert gauge(app, "user_registration_attempts_total") == 1
    assert gauge(app, "user_registration_success_total") == 0


def test_forgotten_cache_has_no_connection_and_serves_all_the_same(fleet: Fleet, backing: Backing) -> None:
    app = until_ready(fleet["forgotten-cache"])

    def connected() -> bool:
        own = psutil.Process(app.process.pid)
        open_ones = [one for each in (own, *own.children(recursive=True)) for one in each.net_connections()]
        return any(one.raddr and one.raddr.port == backing.redis.port for one in open_ones)

    until("it to have no connection to Redis", lambda: not connected(), deadline_s=READY_S, explain=app.log)

    answer = requests.post(f"{app.url}/api/register", json={"email": "later@example.org"}, timeout=10)

    assert answer.status_code == 201
    assert requests.get(f"{app.url}/health/ready", timeout=10).ok


def test_crash_loop_ends_before_it_answers(fleet: Fleet) -> None:
    app = fleet["crash-loop"]

    assert app.process.wait(READY_S) == 1
    assert "crashes when it starts" in app.log()


def test_fault_of_a_newer_release_is_refused_with_the_known_ones(fleet: Fleet) -> None:
    app = fleet["time-travel"]

    assert app.process.wait(READY_S) == 1
    assert "error-ratio" in app.log() and "Traceback" not in app.log()
