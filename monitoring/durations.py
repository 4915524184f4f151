"""Prometheus durations ("1h30m", "666ms") as whole milliseconds."""

import re

from monitoring.errors import CatalogError

UNITS = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1_000,
    "ms": 1,
}
_SHAPE = re.compile("".join(rf"(?:(?P<{unit}>\d+){unit})?" for unit in UNITS))


def parse_duration(text: object) -> int:
    """Milliseconds of a Prometheus duration; `0` and `"0"` are zero, as in Prometheus."""
    if str(text) == "0":
        return 0
    match = _SHAPE.fullmatch(str(text))
    if not text or not match:
        raise CatalogError(f"expected a duration such as 90s, 2m or 1h30m, found {text!r}")
    return sum(int(count) * UNITS[unit] for unit, count in match.groupdict().items() if count)


def format_duration(milliseconds: int) -> str:
    """The shortest Prometheus spelling: 90000 is "1m30s", 0 is "0s"; weeks and years are spelt in days."""
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, milliseconds = divmod(milliseconds, UNITS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def scale_duration(milliseconds: int, factor: float) -> int:
    """The duration divided by `factor`: zero stays zero, and nothing else ever becomes zero."""
    return max(1, round(milliseconds / factor)) if milliseconds else 0
