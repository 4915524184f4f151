"""A fault belongs to a release: each one is seen where its alert looks, with the real application."""

import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from harness.release.backing import Backing, backing_services
from harness.release.running import READY_S, Running, started, until_ready
from harness.target import faults
from harness.wait import until


@pytest.fixture(scope="module")
def backing() -> Iterator[Backing]:
    with backing_services() as services:
        yield services


def release(*specs: str) -> dict[str, dict[str, float]] | None:
    """Return what the manifest of a release with these faults says."""
    return faults.to_manifest([faults.parse(spec) for spec in specs])


def gauge(app: Running, line: str) -> float | None:
    text = requests.get(f"{app.url}/metrics", timeout=10).text
    found = [row.split()[-1] for row in text.splitlines() if row.startswith(f"{line} ")]
    return float(found[0]) if found else None


def test_error_ratio_fails_its_share_of_requests_and_no_probe(backing: Backing, tmp_path: Path) -> None:
    with started(tmp_path, backing, fault=release("error-ratio=0.5")) as app:
        until_ready(app)

        codes = [requests.get(f"{app.url}/api/users/1", timeout=10).status_code for _ in range(120)]

        assert 0.3 < codes.count(500) / len(codes) < 0.7
        assert requests.get(f"{app.url}/health/ready", timeout=10).ok


def test_added_latency_is_drawn_from_its_distribution(backing: Backing, tmp_path: Path) -> None:
    with started(tmp_path, backing, fault=release("added-latency=0.05/0.1")) as app:
        until_ready(app)

        times = [
            requests.get(f"{app.url}/api/users/1", timeout=10).elapsed.total_seconds() for _ in range(20)
        ]

        assert statistics.fmean(times) > 0.03
        assert statistics.pstdev(times) > 0.005


def test_no_metrics_answers_200_with_nothing(backing: Backing, tmp_path: Path) -> None:
    with started(tmp_path, backing, fault=release("no-metrics")) as app:
        until_ready(app)

        answer = requests.get(f"{app.url}/metrics", timeout=10)

        assert (answer.status_code, answer.text) == (200, "")


def test_unhealthy_reports_zero_after_it_was_ready(backing: Backing, tmp_path: Path) -> None:
    with started(tmp_path, backing, fault=release("unhealthy=1")) as app:
        until_ready(app)

        until(
            "health status 0",
            lambda: gauge(app, "mita_middleware_health_status") == 0,
            deadline_s=20,
            explain=app.log,
        )


def test_slow_database_is_measured_as_slow_and_half_healthy(backing: Backing, tmp_path: Path) -> None:
    with started(tmp_path, backing, fault=release("slow-database=1.1")) as app:
        until_ready(app)

        time_ms = gauge(app, 'mita_middleware_component_response_time_ms{component="database"}')
        assert time_ms is not None and time_ms > 1100
        assert gauge(app, 'mita_middleware_component_health{component="database"}') == 0.5


def test_crash_loop_ends_before_it_answers(backing: Backing, tmp_path: Path) -> None:
    with started(tmp_path, backing, fault=release("crash-loop")) as app:
        assert app.process.wait(READY_S) == 1

        assert "crashes when it starts" in app.log()


def test_fault_of_a_newer_release_is_refused_with_the_known_ones(backing: Backing, tmp_path: Path) -> None:
    with started(tmp_path, backing, fault={"time-travel": {}}) as app:
        assert app.process.wait(READY_S) == 1

        assert "error-ratio" in app.log() and "Traceback" not in app.log()
