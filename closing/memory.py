"""What earlier looks saw, in one small file that survives a power cut."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MOST = 5_000
"""Alerts that are remembered; of more, the oldest are let go."""


@dataclass(kw_only=True)
class Remembered:
    """An alert that is listed, or was. That it is over may have been swallowed where it was `held` or `mute`.

    `told` says whether anybody can have heard that it fires, `rounds` since when it is posted as over.
    """

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: str
    generator_url: str
    groups: list[str]
    seen: float
    told: bool
    held: bool
    mute: bool = False
    rounds: dict[str, float] = field(default_factory=dict)


@dataclass(kw_only=True)
class Memory:
    """`known_since` is from when on every look was one that can be believed."""

    looked: float = 0.0
    known_since: float = 0.0
    started: str = ""
    alerts: dict[str, Remembered] = field(default_factory=dict)


def load(path: Path) -> tuple[Memory, str]:
    """Read *path*; what cannot be read is an empty memory, and a sentence about it."""
    try:
        return _parse(json.loads(path.read_text(encoding="utf-8"))), ""
    except FileNotFoundError:
        return Memory(), ""
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        return Memory(), f"expected what earlier looks wrote in {path}, found: {error!r}; it begins anew"


def save(path: Path, memory: Memory) -> None:
    """Replace the file as a whole."""
    newest = sorted(memory.alerts.items(), key=lambda item: item[1].seen)[-MOST:]
    values = {**vars(memory), "alerts": {key: vars(one) for key, one in newest}}
    replace(path, values)


def replace(path: Path, values: Any) -> None:
    """Write *values* in the place of what is there, whole, also over a power cut."""
    draft = path.with_suffix(".new")
    with os.fdopen(_private(draft), "w", encoding="utf-8") as file:
        file.write(json.dumps(values))  # json.dump would take ten times as long
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def _parse(values: Any) -> Memory:
    return Memory(
        looked=float(values["looked"]),
        known_since=float(values["known_since"]),
        started=str(values["started"]),
        alerts={key: _remembered(one) for key, one in values["alerts"].items()},
    )


def _remembered(one: Any) -> Remembered:
    """A word of a newer version is passed over; one of another type raises."""
    return Remembered(
        labels={str(name): str(value) for name, value in one["labels"].items()},
        annotations={str(name): str(value) for name, value in one["annotations"].items()},
        starts_at=str(one["starts_at"]),
        generator_url=str(one["generator_url"]),
        groups=[_group(group) for group in one["groups"]],
        seen=float(one["seen"]),
        told=bool(one["told"]),
        held=bool(one["held"]),
        mute=bool(one["mute"]),
        rounds={str(name): float(value) for name, value in one["rounds"].items()},
    )


def _group(written: str) -> str:
    receiver, labels = json.loads(written)
    return json.dumps([str(receiver), labels], sort_keys=True)
