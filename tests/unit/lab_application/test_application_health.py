"""What is measured is what is published."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from application import faults
from application.faults import Fault
from application.health import SLOW_MS, Check, Health
from application.metrics import Metrics


async def works() -> None:
    return None


async def breaks() -> None:
    raise ConnectionRefusedError


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def sampled(
    registry: CollectorRegistry, checks: dict[str, Check], *carried: Fault, slow_ms: float = SLOW_MS
) -> Health:
    """Return a health whose components were measured once each."""
    found = Health(checks, Metrics(registry), list(carried), slow_ms)

    async def all_once() -> None:
        for name in checks:
            await found.sample(name)

    asyncio.run(all_once())
    return found


def test_working_components_are_ready_and_healthy(registry: CollectorRegistry) -> None:
    assert sampled(registry, {"database": works, "redis": works}).ready

    assert registry.get_sample_value("mita_middleware_health_status") == 1
    assert registry.get_sample_value("mita_middleware_component_health", {"component": "redis"}) == 1


def test_one_failing_component_halves_the_status_and_ends_readiness(registry: CollectorRegistry) -> None:
    found = sampled(registry, {"database": works, "redis": breaks})

    assert not found.ready
    assert found.last["redis"].error == "ConnectionRefusedError"
    assert registry.get_sample_value("mita_middleware_health_status") == 0.5


def test_slow_component_is_half_healthy_and_still_ready(registry: CollectorRegistry) -> None:
    found = sampled(registry, {"database": works}, slow_ms=0)

    labels = {"component": "database"}
    assert found.ready
    assert registry.get_sample_value("mita_middleware_component_health", labels) == 0.5
    assert (registry.get_sample_value("mita_middleware_component_response_time_ms", labels) or 0) > 0


def test_status_does_not_exist_before_every_component_was_measured(registry: CollectorRegistry) -> None:
    found = Health({"database": works, "redis": works}, Metrics(registry), [])
    asyncio.run(found.sample("database"))

    assert not found.ready
    assert registry.get_sample_value("mita_middleware_health_status") is None


def test_unhealthy_release_reports_zero_though_everything_works(registry: CollectorRegistry) -> None:
    found = sampled(registry, {"database": works}, faults.parse("unhealthy=0"))

    assert not found.ready
    assert registry.get_sample_value("mita_middleware_health_status") == 0
