"""Who slept has heard nothing, and what was there before is nobody's noise."""

import time
from collections.abc import Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest

from harness.cli import main
from harness.lab import addresses
from harness.proof import preparing, watching
from harness.soak import quiet

SAID: Mapping[str, Any] = {
    "receiver": "slack",
    "channel": "alerts",
    "headers": {"User-Agent": "Alertmanager/0.28"},
    "body": {"text": "HostDown of app1"},
}


def heard(
    monkeypatch: pytest.MonkeyPatch, *fired: str, said: list[Mapping[str, Any]], known: frozenset[str]
) -> quiet.Heard:
    series = [{"metric": {"alertname": name}} for name in fired]
    monkeypatch.setattr(addresses, "prometheus", lambda: SimpleNamespace(query=lambda _: series))
    monkeypatch.setattr(addresses, "receivers", lambda: SimpleNamespace(requests=lambda: said))
    return quiet.since(time.time() - 60, known)


def test_only_the_heartbeat_is_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    assert heard(monkeypatch, "Watchdog", said=[], known=frozenset({"Watchdog"})).nothing
    assert not heard(monkeypatch, said=[], known=frozenset({"Watchdog"})).nothing
    found = heard(monkeypatch, "Watchdog", "HostDown", said=[SAID], known=frozenset({"Watchdog"}))
    assert ([*found.fired], len(found.told), found.nothing) == (["HostDown"], 1, False)


@pytest.mark.parametrize(("asleep", "status"), [("", 1), ("Prometheus missed 9 evaluations", 3)])
def test_what_only_waits_to_fire_is_not_known_and_a_witness_who_slept_is_not_believed(
    monkeypatch: pytest.MonkeyPatch, asleep: str, status: int
) -> None:
    found = [
        {"labels": {"alertname": name}, "state": state}
        for name, state in (("Watchdog", "firing"), ("HostDown", "firing"), ("RedisDown", "pending"))
    ]
    known: list[set[str]] = []

    def left_alone(_began: float, _seconds: float, before: set[str]) -> quiet.Heard:
        known.append(before)
        return quiet.Heard(fired=frozenset({"RedisDown"}), told=(), awake=True)

    monkeypatch.setattr(preparing, "ready", lambda *_, **__: nullcontext())
    monkeypatch.setattr(addresses, "prometheus", lambda: SimpleNamespace(alerts=lambda: found))
    monkeypatch.setattr(addresses, "receivers", lambda: SimpleNamespace(reset=lambda: None))
    monkeypatch.setattr(watching, "asleep", lambda *_: asleep)
    monkeypatch.setattr(quiet, "left_alone", left_alone)

    assert main(["soak", "--minutes", "1"]) == status
    assert known == [{"HostDown"}]


def test_what_was_there_before_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    known = frozenset({"Watchdog", "HostDown"})

    assert heard(monkeypatch, "Watchdog", "HostDown", said=[SAID], known=known).nothing
