"""Nothing fires while everything is installed, nor while the first release goes out, nor after it."""

import pytest

from harness.soak import quiet

TEN_MINUTES_S = 600.0

pytestmark = pytest.mark.lab


def test_nothing_fires_from_the_first_minute_on(new_lab: float) -> None:
    """What fires only in the installation wakes a person at every new site."""
    heard = quiet.since(new_lab)
    assert heard.nothing, heard


@pytest.mark.incident
def test_nothing_fires_for_ten_minutes(new_lab: float) -> None:
    """At the lab's pace these are two and a half hours of production; `make soak` is for longer."""
    heard = quiet.left_alone(new_lab, TEN_MINUTES_S)
    assert heard.nothing, heard
