"""The faults of a stack: each by its name, undone whatever happens, and an alert that is late is no alert."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from devtools.errors import UserError
from devtools.wait import DeadlineError
from harness.faults import on_host
from harness.faults.fault import Fault
from harness.lab import addresses
from harness.stack.present import Faults
from monitoring.catalog import load
from ruletools.house.files import RULES

ALERTS = {alert.name: alert for alert in load(RULES)}


class Alerting:
    """A Prometheus that has these alerts."""

    def __init__(self, *states: str) -> None:
        self.states = states

    def alerts(self, **_: str) -> list[dict[str, str]]:
        return [{"state": state} for state in self.states]


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names of the faults that are on the lab."""
    names: list[str] = []
    monkeypatch.setattr(on_host, "inject", lambda fault, first="": names.append(fault.name))
    monkeypatch.setattr(on_host, "undo", lambda fault: names.remove(fault.name))
    yield names
    assert names == []


def test_a_fault_is_there_for_its_block(there: list[str]) -> None:
    with Faults(ALERTS, 15).redis_stopped():
        assert there == ["redis-stopped"]


def test_what_a_fault_needs_is_there_before_it_and_after_it(there: list[str]) -> None:
    with Faults(ALERTS, 15).nginx_stopped():
        assert there == ["program-nginx", "nginx-stopped"]


def test_a_fault_that_fails_halfway_is_undone(there: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def half(fault: Fault, first: object) -> None:
        there.append(fault.name)
        raise UserError("expected a host")

    monkeypatch.setattr(on_host, "inject", half)
    with pytest.raises(UserError, match="expected a host"), Faults(ALERTS, 15).redis_stopped():
        pytest.fail("it is not there")


def test_a_test_that_fails_leaves_no_fault(there: list[str]) -> None:
    with suppress(AssertionError), Faults(ALERTS, 15).redis_stopped():
        raise AssertionError(there)


def test_a_fault_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(UserError, match=r"redis-stopped.*found 'redis-halted'"):
        Faults(ALERTS, 15).redis_halted()


def test_an_alert_that_is_late_fails(there: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "prometheus", lambda: Alerting("pending", "firing"))
    with Faults(ALERTS, 15).redis_stopped() as fault:
        fault.fires("RedisDown")

    monkeypatch.setattr(addresses, "prometheus", lambda: Alerting("pending"))
    with Faults(ALERTS, 15).redis_stopped() as fault:
        late = type(fault)(fault.fault, fault.since - 3600, fault.rules, fault.scale)
        with pytest.raises(DeadlineError, match=r"RedisDown to fire at most \d+ s after redis-stopped"):
            late.fires("RedisDown")
