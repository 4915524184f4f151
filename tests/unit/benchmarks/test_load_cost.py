"""The benchmark of the load compares turns of the same round, and fails above its limits."""

import os
import time

import pytest

from benchmarks.load_cost import Cost, cpu_s, report


def turns(*per_request_ms: float, first_s: float = 1.0) -> list[Cost]:
    return [Cost(first_s, cost, 200.0) for cost in per_request_ms]


@pytest.mark.parametrize(
    ("ours", "first_s", "code", "words"),
    [
        ((0.3, 0.3, 0.6), 1.0, 0, "kept: 1.50 times"),
        ((0.32, 0.32, 0.64), 1.0, 1, "NOT KEPT: 1.60 times"),
        ((0.2, 0.2, 0.2), 3.1, 1, "first request after 3.10 s"),
    ],
)
def test_limits(
    ours: tuple[float, ...], first_s: float, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    others = {"FastHttpUser": turns(0.2, 0.2, 0.4), "HttpUser": turns(1, 1, 1)}

    assert report({"ours": turns(*ours, first_s=first_s), **others}) == code
    assert words in capsys.readouterr().out


def test_processor_time_is_that_of_the_process() -> None:
    before = cpu_s(os.getpid())
    until = time.process_time() + 0.05
    while time.process_time() < until:
        pass

    assert 0.03 <= cpu_s(os.getpid()) - before < 1
