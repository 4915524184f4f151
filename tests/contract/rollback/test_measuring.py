"""Numbers of expressions, as Prometheus gives them over HTTP."""

from pathlib import Path
from typing import Any

import pytest

from rollback.adapters.http_source import Endpoint
from rollback.adapters.monitoring import HttpMonitoring


@pytest.fixture
def prometheus(daemon: Any) -> Any:
    return daemon.world


@pytest.fixture
def monitoring(prometheus: Any, tmp_path: Path) -> HttpMonitoring:
    endpoint = Endpoint(url=prometheus.url)
    return HttpMonitoring(lambda: endpoint, lambda: endpoint, lambda: "traffic", lambda: ["critical"])


def sample(value: str, **labels: str) -> dict[str, Any]:
    return {"metric": labels, "value": [0, value]}


@pytest.mark.parametrize(
    ("samples", "version", "number", "healthy"),
    [
        ([], None, None, None),
        ([sample("0.3"), sample("0.2"), sample("NaN")], None, 0.2, False),
        ([sample("1", version="1"), sample("0", version="2")], None, 0, True),
        ([sample("1", version="1"), sample("0", version="2")], "1", 1, True),
        ([sample("1", version="2")], "1", None, None),
        ([sample("1")], "1", 1, True),
    ],
)
def test_where_samples_carry_a_version_only_the_wanted_one_counts(
    prometheus: Any,
    monitoring: HttpMonitoring,
    samples: list[dict[str, Any]],
    version: str | None,
    number: float | None,
    healthy: bool | None,
) -> None:
    prometheus.samples = samples

    assert monitoring.number("x", version) == number
    assert monitoring.measure("x", version or "1") is healthy
