"""How the relay is: as it answers who looks, in words for a person, and as series for Prometheus."""

import json
import time
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from .errors import RelayError
from .settings import Settings
from .store import LOST, Store

TIMEOUT_S = 5
RECENT = 3
"""What was refused is told for so many `late_s`: longer than it takes until a failed unit is an alert."""
HELP = {
    "mita_relay_waiting": "Messages that are not told yet.",
    "mita_relay_oldest_seconds": "How long the oldest of them waits.",
    "mita_relay_messages_total": "Messages by what became of them: taken from Alertmanager, told, refused.",
}


def state(settings: Settings, store: Store, now: float) -> dict[str, Any]:
    """Return what waits for each address, and what was set aside lately."""
    waiting = store.waiting()
    names = [*settings.addresses, *(one for one in waiting if one not in settings.addresses)]
    found: dict[str, Any] = {name: _one(*waiting.get(name, (0, now)), now) for name in names}
    for name, why, number in store.refused_since(now - RECENT * settings.late_s):
        found.setdefault(name, _one(0, now, now))["refused"][why] = number
    return found


def _one(count: int, oldest: float, now: float) -> dict[str, Any]:
    return {"waiting": count, "oldest_s": max(0.0, now - oldest), "refused": {}}


def complaints(settings: Settings, found: Mapping[str, Any]) -> list[str]:
    """Return what a person must hear: messages that wait for too long, and those that are set aside."""
    said = []
    for name, one in found.items():
        if one["oldest_s"] > settings.late_s:
            since = f"the oldest for {one['oldest_s']:.0f} s"
            said.append(f"{one['waiting']} messages wait for the channel of {name}, {since}")
        for why, number in one["refused"].items():
            if why == LOST:
                said.append(
                    f"what waited for the channel of {name} is lost: the file of the queue was unusable"
                )
                continue
            said.append(f"{number} messages for the channel of {name} were refused for good: {why}")
    return said


def asked(settings: Settings) -> dict[str, Any]:
    """Ask the running relay how it is; RelayError where it does not say."""
    url = f"http://{settings.host}:{settings.port}/state"
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(url, timeout=TIMEOUT_S) as answer:
            found: dict[str, Any] = json.loads(answer.read())
    except (OSError, ValueError, HTTPException) as error:
        raise RelayError(f"expected the relay to answer at {url}, found: {error}") from error
    return found


def series(settings: Settings, store: Store) -> str:
    """Return the same in the text format of Prometheus."""
    lines: dict[str, list[str]] = {name: [] for name in HELP}
    for name, one in state(settings, store, time.time()).items():
        lines["mita_relay_waiting"].append(f'{{address="{name}"}} {one["waiting"]}')
        lines["mita_relay_oldest_seconds"].append(f'{{address="{name}"}} {one["oldest_s"]:.3f}')
    for name, what, why, number in store.counts():
        lines["mita_relay_messages_total"].append(
            f'{{address="{name}",became="{what}",reason="{why}"}} {number}'
        )
    text = []
    for metric, values in lines.items():
        kind = "counter" if metric.endswith("_total") else "gauge"
        text += [f"# HELP {metric} {HELP[metric]}", f"# TYPE {metric} {kind}"]
        text += [f"{metric}{value}" for value in values]
    return "\n".join(text) + "\n"
