"""Faults as the command line and the manifest name them."""

import random
import statistics

import pytest

from application import faults
from application.faults.added_latency import AddedLatency

SPECS = {
    "error-ratio=0.35": {"ratio": 0.35},
    "added-latency=1.5": {"mean": 1.5, "p95": 3.0},
    "added-latency=0.2/0.5": {"mean": 0.2, "p95": 0.5},
    "unhealthy": {"after": 10.0},
    "unhealthy=0": {"after": 0.0},
    "crash-loop": {"after": 0.0},
    "hang": {},
    "no-metrics": {},
    "slow-database=2": {"delay": 2.0},
    "failing-payments": {"ratio": 0.3},
    "failing-payments=0.5": {"ratio": 0.5},
    "refused-registrations": {},
    "forgotten-cache=20": {"after": 20.0},
}


def test_every_fault_is_tried_here() -> None:
    untried = faults.FAULTS.keys() - {spec.partition("=")[0] for spec in SPECS}

    assert not untried, f"expected {untried} among the SPECS of {__file__}"


@pytest.mark.parametrize(("spec", "parameters"), SPECS.items())
def test_spec_survives_the_manifest(spec: str, parameters: dict[str, float]) -> None:
    entry = faults.to_manifest([faults.parse(spec)])

    assert entry == {spec.partition("=")[0]: parameters}
    assert faults.from_manifest(entry) == [faults.parse(spec)]
    assert faults.parse(faults.parse(spec).spec) == faults.parse(spec)


def test_healthy_release_has_no_fault_in_its_manifest() -> None:
    assert faults.to_manifest([]) is None
    assert faults.from_manifest(None) == []


@pytest.mark.parametrize(
    "spec",
    [
        "error-ratio",
        "error-ratio=0",
        "error-ratio=1.1",
        "error-ratio=many",
        "added-latency=0",
        "added-latency=1/9",
        "added-latency=1/0.5",
        "no-metrics=1",
        "slow-database=10",
        "unhealthy=-1",
        "failing-payments=0",
        "refused-registrations=1",
        "forgotten-cache=-1",
    ],
)
def test_value_that_makes_no_sense_is_refused_with_the_usage(spec: str) -> None:
    with pytest.raises(faults.FaultError, match=f"expected {spec.partition('=')[0]}.*found '{spec}'"):
        faults.parse(spec)


def test_unknown_fault_is_refused_with_the_known_ones() -> None:
    with pytest.raises(faults.FaultError, match=r"error-ratio.*found 'gremlins'"):
        faults.parse("gremlins=1")


@pytest.mark.parametrize(("mean", "p95"), [(1.5, 3.0), (0.2, 0.25), (1.0, 3.5)])
def test_added_latency_has_the_mean_and_the_p95_it_was_given(mean: float, p95: float) -> None:
    fault, source = AddedLatency(mean, p95), random.Random(1)  # noqa: S311 - a seed, so that it repeats

    times = [fault.draw(source) for _ in range(20_000)]

    assert statistics.fmean(times) == pytest.approx(mean, rel=0.05)
    assert statistics.quantiles(times, n=20)[-1] == pytest.approx(p95, rel=0.05)


def test_unhealthy_release_is_healthy_until_its_time() -> None:
    fault = faults.parse("unhealthy=10")

    assert fault.component_health(1.0, age_s=9.9) == 1.0
    assert fault.component_health(1.0, age_s=10) == 0.0
