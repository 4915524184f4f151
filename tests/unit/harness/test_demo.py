"""What the demo says at its end: every other alert is explained, or named as one that nobody explains."""

import pytest

from harness.demo import report
from harness.demo.demo import of_release
from harness.faults import FAULTS
from harness.incident.receipts import Finding, Receipt
from monitoring.destinations import Destination


def told(*names: str) -> list[Receipt]:
    return [
        Receipt(
            destination=Destination("slack", "#mita-alerts"),
            subject=name,
            expected="may be told",
            firing=1,
            resolved=0,
            finding=Finding.TOLERATED,
        )
        for name in names
    ]


def test_every_other_alert_is_explained_or_named() -> None:
    words = report.others(
        told("HighErrorRate", "HostHighCpu", "RedisDown"), {"HighErrorRate"}, {"HostHighCpu"}
    )

    assert "The release explains: HighErrorRate. A lab is known for: HostHighCpu." in words
    assert words.endswith("NOTHING EXPLAINS: RedisDown.")
    assert report.others([], set(), set()) == "No other alert fired."


@pytest.mark.parametrize("name", FAULTS)
def test_the_catalogue_knows_what_the_releases_of_the_demo_cause(name: str) -> None:
    fault = FAULTS[name]

    assert fault.alert.name in of_release(fault.behaviour.name)
    assert "RedisDown" not in of_release(fault.behaviour.name)
