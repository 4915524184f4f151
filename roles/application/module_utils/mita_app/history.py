"""What was live on a host, when, and how it ended. The latest entry about a version is what holds of it."""

import json
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Event(StrEnum):
    """What happened to a version on this host."""

    LIVE = "live"  # it answered ready with its own version
    FAILED = "failed"  # it did not, and the host was put back
    REJECTED = "rejected"  # a rollback left it
    REPLACED = "replaced"  # another archive took its name


@dataclass(frozen=True)
class Entry:
    """One line of history.jsonl; `at` is UTC in ISO 8601, `by` is deploy or rollback."""

    at: str
    event: str
    version: str
    by: str
    detail: str = ""


def read(path: Path) -> list[Entry]:
    """Return the entries, oldest first. A last line that a crash cut short is no entry."""
    entries = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            entries.append(Entry(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return entries


def append(path: Path, entries: Iterable[Entry]) -> None:
    """Add entries in one durable write."""
    text = "".join(json.dumps(asdict(entry)) + "\n" for entry in entries)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        if needs_newline(path):
            text = "\n" + text
        os.write(handle, text.encode())
        os.fsync(handle)
    finally:
        os.close(handle)


def needs_newline(path: Path) -> bool:
    """Whether the last line was cut short."""
    text = path.read_bytes()
    return bool(text) and not text.endswith(b"\n")


def status(entries: Sequence[Entry]) -> dict[str, str]:
    """Return what holds of each version, in the order of their latest entries."""
    known: dict[str, str] = {}
    for entry in entries:
        known.pop(entry.version, None)
        known[entry.version] = entry.event
    return known


def last_live(entries: Sequence[Entry]) -> str | None:
    """Return the version that went live last, rejected since or not."""
    return next((entry.version for entry in reversed(entries) if entry.event == Event.LIVE), None)


def known_good(entries: Sequence[Entry], complete: Collection[str], current: str | None) -> str | None:
    """Return the newest version that was live, is still here, was not left as bad, and is not current."""
    for version, event in reversed(list(status(entries).items())):
        if event == Event.LIVE and version in complete and version != current:
            return version
    return None


def times(entries: Iterable[Entry]) -> dict[str, str]:
    """Return when each version last went live."""
    return {entry.version: entry.at for entry in entries if entry.event == Event.LIVE}
