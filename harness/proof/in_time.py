"""At which hours a fault proves something: some alerts are silent at others, whatever is wrong.

Rules that ask for the hour ask for that of a day at their own pace: at the lab's it takes an hour and a half.
"""

from collections.abc import Iterable, Mapping, Sequence

from harness.faults.fault import ALL_DAY, Fault

LATER_S = 800
"""What a lab takes to be calm before the fault, and receivers to be told that its alert fires and ends."""
DAY_S = 24 * 3600


def hour_at(moment: float, scale: float) -> float:
    """The hour that rules of that time scale see at a moment in seconds since the epoch."""
    return moment % (DAY_S / scale) * scale / 3600


def waits_s(batch: Sequence[Fault], now: float, seconds: Mapping[str, float], scale: float) -> float:
    """After how many seconds all of a batch proves something; *seconds* as in `waves`."""
    return max((_waits_s(fault, now, seconds, scale) for fault in batch), default=0.0)


def _waits_s(fault: Fault, now: float, seconds: Mapping[str, float], scale: float) -> float:
    if fault.hours == ALL_DAY:
        return 0.0
    first, last = fault.hours
    takes = (max(seconds[alert] for alert in fault.proves) + LATER_S) * scale / 3600
    hour = hour_at(now, scale)
    if takes >= last - first:  # at no hour of so short a day; nobody waits for ever
        return 0.0
    return 0.0 if first <= hour < last - takes else (first - hour) % 24 * 3600 / scale


def in_words(faults: Iterable[Fault]) -> str:
    """Those that prove something at some hours only, with these."""
    timely = [one for one in faults if one.hours != ALL_DAY]
    return ", ".join(f"{one.name} (from {one.hours[0]} to {one.hours[1]} o'clock)" for one in timely)
