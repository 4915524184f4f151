"""The alerts of each scene, as Prometheus would post them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from monitoring.yaml_text import read_yaml

SOURCE = Path(__file__).with_name("scenes.yml")
BEGAN = "2026-03-29T00:12:07Z"
"""48 minutes before clocks in Sofia go forward: a moment that a wrong zone would show."""
LONG = "a thousand characters " * 45 + "and the end"
Posted = dict[str, Any]


@dataclass(frozen=True)
class Scene:
    """One message: what it shows, who gets it, and its alerts while they fire and when some have ended."""

    name: str
    says: str
    receiver: str
    firing: tuple[Posted, ...]
    ended: tuple[Posted, ...]

    @property
    def alertname(self) -> str:
        """The name that makes the alerts of the scene one group."""
        return str(self.firing[0]["labels"]["alertname"])


@cache
def scenes() -> tuple[Scene, ...]:
    """Every scene, in the order in which a page shows them."""
    read = read_yaml(SOURCE.read_text(encoding="utf-8"))
    return tuple(_scene(name, told) for name, told in read.items())


def _scene(name: str, told: Mapping[str, Any]) -> Scene:
    pairs = [(_posted(one, n), one) for one in told["alerts"] for n in range(1, one.get("times", 1) + 1)]
    ended = tuple({**posted, "endsAt": one["ended"]} for posted, one in pairs if "ended" in one)
    return Scene(name, told["says"], told["receiver"], tuple(posted for posted, _ in pairs), ended)


def _posted(told: Mapping[str, Any], number: int) -> Posted:
    def filled(texts: Mapping[str, str]) -> dict[str, str]:
        return {
            key: text.replace("{n}", str(number)).replace("{long}", LONG)
            for key, text in texts.items()
            if text
        }

    return {
        "labels": filled(told["labels"]),
        "annotations": filled(told.get("annotations", {})),
        "startsAt": BEGAN,
        "generatorURL": "https://prometheus.mita.finance/graph?g0.expr=up&g0.tab=1",
    }
