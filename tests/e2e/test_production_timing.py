"""The same incident at factor 1: what other tests see in seconds takes minutes, as in production."""

import pytest

from harness.faults import FAULTS
from harness.incident.story import Stage
from harness.stack import Stack

pytestmark = [pytest.mark.lab, pytest.mark.factor1, pytest.mark.incident]


def test_error_rate_with_production_timing(
    production_stack: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    """The alert fires when its rule says; the time of every stage is printed."""
    stack = production_stack
    with stack.load() as load:
        witnesses = stack.follow("CriticalErrorRate", load)
        stack.deploy("3.0.0", fault=FAULTS["error"])
        stack.alerts.until_firing("CriticalErrorRate")
        witnesses.news()
        stack.rollbacks.until_phase("succeeded")
        stack.alerts.until_resolved("CriticalErrorRate")
        witnesses.news()

    story = witnesses.story
    with capsys.disabled():
        print("", *map(story.line, story.moments), sep="\n")  # noqa: T201
    held = stack.rules["CriticalErrorRate"].for_ms / 1000
    most = stack.patience("CriticalErrorRate").firing[2]
    # Before the load there was little traffic, so the ratio climbs early: only `for` is a least time.
    assert story.between(Stage.PENDING, Stage.FIRING) >= held - 1
    assert story.between(Stage.LIVE, Stage.FIRING) <= most + 1
    assert stack.rollbacks.only()["verification"]["verdict"] == "fixed"
    assert stack.live_version == "1.0.0"
