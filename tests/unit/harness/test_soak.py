"""Who slept has heard nothing, and what was there before is nobody's noise."""

import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from harness.lab import addresses
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


def test_what_was_there_before_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    known = frozenset({"Watchdog", "HostDown"})

    assert heard(monkeypatch, "Watchdog", "HostDown", said=[SAID], known=known).nothing
