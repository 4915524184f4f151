"""Which faults prove something now: some alerts are silent at certain hours, whatever is wrong."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from harness.faults.fault import Fault

TELLING_S = 300
"""What receivers take, after an alert fires and after its end, until they are told."""


def in_time(
    batch: Sequence[Fault], begin: datetime, seconds: Mapping[str, float]
) -> tuple[list[Fault], list[Fault]]:
    """Those that prove something when they begin then, and the others; *seconds* as in `waves`."""
    found: tuple[list[Fault], list[Fault]] = ([], [])
    for fault in batch:
        takes = max(seconds[alert] for alert in fault.proves) + TELLING_S
        found[not fault.proves_from(begin, takes)].append(fault)
    return found


def nothing_now(batches: Mapping[str, Sequence[Fault]], now: datetime) -> str:
    """Why there is nothing to play at this time of the day, as a sentence; empty where there is something."""
    every = [fault for batch in batches.values() for fault in batch]
    if any(fault.proves_from(now) for fault in every):
        return ""
    return f"expected a fault that proves something at {now:%H:%M} UTC, found only {in_words(every)}"


def in_words(faults: Iterable[Fault]) -> str:
    """The faults with their hours."""
    return ", ".join(f"{one.name} (from {one.hours[0]} to {one.hours[1]} o'clock)" for one in faults)
