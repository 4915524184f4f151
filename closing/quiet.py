"""Whether a route is mute at a moment, as Alertmanager's time intervals say. Pure."""

import calendar
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from .errors import ClosingError

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = tuple(name.lower() for name in calendar.month_name)
Interval = Mapping[str, Any]
"""One entry of `time_intervals` in alertmanager.yml."""


def covers(intervals: Sequence[Interval], now: datetime) -> bool:
    """Tell whether one of them holds at *now*."""
    return any(_covers(interval, now) for interval in intervals)


def _covers(interval: Interval, now: datetime) -> bool:
    there = now.astimezone(_zone(interval.get("location") or "UTC"))
    minute = there.hour * 60 + there.minute
    last = calendar.monthrange(there.year, there.month)[1]
    return all(
        (
            _any(interval, "times", lambda one: _in_times(one, minute)),
            _any(interval, "weekdays", lambda one: _within(one, there.isoweekday() % 7, WEEKDAYS)),
            _any(interval, "days_of_month", lambda one: _within(one, there.day, (), last)),
            _any(interval, "months", lambda one: _within(one, there.month, MONTHS)),
            _any(interval, "years", lambda one: _within(one, there.year)),
        )
    )


def _zone(name: str) -> Any:
    if name == "Local":
        return None  # astimezone(None) is the host's own
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ClosingError(f"expected this host to know the time zone {name}, found: {error}") from error


def _any(interval: Interval, part: str, holds: Callable[[Any], bool]) -> bool:
    """A part that is not said holds always."""
    return not interval.get(part) or any(holds(one) for one in interval[part])


def _in_times(one: Mapping[str, str], minute: int) -> bool:
    return _minutes(one["start_time"]) <= minute < _minutes(one["end_time"])


def _minutes(time: str) -> int:
    hours, _, minutes = str(time).partition(":")
    return int(hours) * 60 + int(minutes)


def _within(text: str, value: int, names: Sequence[str] = (), last: int = 0) -> bool:
    """*text* is one value or `first:last`, by name or number; a negative day counts from the month's end."""
    first, _, end = str(text).lower().partition(":")
    low, high = (_number(word.strip(), names, last) for word in (first, end or first))
    return low <= value <= high


def _number(word: str, names: Sequence[str], last: int) -> int:
    if word in names:
        return names.index(word)
    number = int(word)
    return last + 1 + number if number < 0 else number
