"""Durations as people write them: `30m`, `1h30m`, `90s`, `500ms`."""

import re
from datetime import timedelta

UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
LONGEST = timedelta(days=3_660)
"""Ten years: no arithmetic with dates and longer times is safe, and nobody means them."""
MOST_TEXT = 60
WHOLE = re.compile(r"(\d+(d|h|ms|m|s))+")
PART = re.compile(r"(\d+)(d|h|ms|m|s)")


def parse(text: object) -> timedelta:
    """The duration that the text means; ValueError says what was expected."""
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or len(text) > MOST_TEXT or not WHOLE.fullmatch(text):
        raise ValueError(f"expected a duration such as 30m, 1h30m, 90s or 500ms, found {repr(text)[:60]}")
    seconds = sum(int(number) * UNITS[unit] for number, unit in PART.findall(text))
    if seconds > LONGEST.total_seconds():
        raise ValueError(f"expected at most {render(LONGEST)}, found {text}")
    return timedelta(seconds=seconds)


def render(duration: timedelta) -> str:
    """The shortest text that `parse` reads as this duration."""
    left = round(duration.total_seconds() * 1000)
    parts = []
    for unit, seconds in UNITS.items():
        count, left = divmod(left, round(seconds * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
