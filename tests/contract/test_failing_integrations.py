"""Whatever one service outside does, its alerts still reach a person through another, on both versions.

One that refuses, one that asks for less and one that never answers are tried for each of the three. The
daemon's webhook is no way to a person: while it fails, all three still tell.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from devtools.wait import until
from harness.clients import Alertmanager, Receivers
from tests.contract.playing import DEADLINE_S, Player, alert_of, post

pytestmark = pytest.mark.slow
VERSIONS = ("alertmanager", "alertmanager-0.28")
HANGS = 600.0
WAYS: dict[str, dict[str, Any]] = {
    "refuses": {"status": 500},
    "asks for less": {"status": 429},
    "hangs": {"delay": HANGS},
}
PEOPLE = {"slack", "pagerduty", "smtp"}
TOLD = {
    "critical": PEOPLE,
    "error": PEOPLE,
    "warning": {"slack", "smtp"},
    "misspelt": {"slack", "smtp"},
}
"""Through what each severity is told; nothing is told through one alone."""


@pytest.fixture(scope="module", params=VERSIONS)
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Alertmanager, Receivers]]:
    by_day = {"alertmanager_without": {"mute_hours": "a test at any hour"}}
    with Player(request.param, tmp_path_factory.mktemp("site"), by_day).running() as running:
        yield running


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("broken", sorted({*PEOPLE, "webhook"}))
def test_a_person_is_told_through_another(
    both: tuple[Alertmanager, Receivers], broken: str, way: str
) -> None:
    alertmanager, recorder = both
    with ExitStack() as stack:
        recorder.behave(broken, **WAYS[way])
        stack.callback(recorder.reset)
        post(alertmanager, [alert_of(labels(severity, broken, way)) for severity in TOLD])
        until(
            "each severity to be told through all others",
            lambda: missing(recorder, broken, way) == {},
            deadline_s=DEADLINE_S,
            explain=lambda: str(missing(recorder, broken, way)),
        )


def missing(recorder: Receivers, broken: str, way: str) -> dict[str, set[str]]:
    """By severity, what works and has not told of it yet."""
    wanted = {
        severity: through - {broken} - heard(recorder, subject(severity, broken, way))
        for severity, through in TOLD.items()
    }
    assert all(through - {broken} for through in TOLD.values())
    return {severity: through for severity, through in wanted.items() if through}


def subject(severity: str, broken: str, way: str) -> str:
    """No other word of a message is written so."""
    return f"{severity}-while-{broken}-{way}".replace(" ", "-")


def labels(severity: str, broken: str, way: str) -> dict[str, str]:
    """An alert of its own that is also for the daemon."""
    own = subject(severity, broken, way)
    told = {"alertname": "Planted", "service": "shop", "env": own, "subject": own, "symptom": "planted"}
    return {**told, "severity": severity, "rollback": "propose", "owner": "platform", "component": "backend"}


def heard(recorder: Receivers, own: str) -> set[str]:
    """Which services took a message about it."""
    return {str(one["receiver"]) for one in recorder.requests() if one["valid"] and own in str(one["body"])}
