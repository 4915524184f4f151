"""Locust's web form: what no run could start from is said there, and what is right starts one."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from devtools.paths import REPO
from devtools.ports import free_port
from devtools.wait import until

pytestmark = pytest.mark.slow

PATIENCE = 60.0
FORM = {"user_count": "20", "spawn_rate": "20", "error_ratio": "0.5", "slow_over": "", "seed": "1"}


@pytest.fixture
def page(server: Any) -> Iterator[str]:
    port = free_port()
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "locust", "-f", "harness/load/locustfile.py", "--host", server.url),
            *("--web-host", "127.0.0.1", "--web-port", str(port), "--loglevel", "WARNING"),
        ],
        cwd=REPO,
    )
    url = f"http://127.0.0.1:{port}"
    until("locust's page", lambda: requests.get(url, timeout=30).ok, deadline_s=PATIENCE)
    yield url
    process.terminate()
    process.wait(PATIENCE)


def test_form_is_refused_in_a_sentence_or_starts_a_run(page: str, server: Any) -> None:
    for field, value, words in (
        ("error_ratio", "lots", "--error-ratio: expected a number from 0 to 1, found 'lots'"),
        ("error_ratio", "7", "expected a number from 0 to 1, found '7'"),
        ("max_in_flight", "", "--max-in-flight: expected a whole number, 1 or more, found ''"),
        ("seed", "luck", "--seed: expected a whole number"),
        ("plan", "/no/such/plan.yml", "/no/such/plan.yml"),
        ("journeys", "/no/such/journeys.py", "/no/such/journeys.py"),
        ("user_count", "0", "expected at least 1 user"),
        ("user_count", "many", "Invalid user_count value: 'many'"),
        ("host", "http://example.org", "expected a target on this machine"),
    ):
        answer = requests.post(f"{page}/swarm", data={**FORM, field: value}, timeout=PATIENCE).json()
        assert not answer["success"]
        assert words in answer["message"]
    assert not server.seen

    assert requests.post(f"{page}/swarm", data=FORM, timeout=PATIENCE).json()["success"]
    until("requests", lambda: len(server.seen) > 10, deadline_s=PATIENCE)
    requests.get(f"{page}/stop", timeout=PATIENCE)

    def counted() -> bool:
        stats = requests.get(f"{page}/stats/requests", timeout=PATIENCE).json()
        return bool(stats["stats"][-1]["num_requests"] == len(server.seen) and 0 < stats["fail_ratio"] < 1)

    until("every request to be counted, half of them as failures", counted, deadline_s=PATIENCE)
