"""How many requests should have been sent by when: legs, by a profile's name or from a file. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import yaml

from devtools.errors import UserError
from monitoring.yaml_text import read_yaml

LAYOUT = "a list of legs such as `{seconds: 60, rate: 30}` or `{seconds: 30, from: 5, to: 30}`"


@dataclass(frozen=True)
class Leg:
    """So many seconds, in which the requests per second go evenly from *start* to *end*."""

    seconds: float
    start: float
    end: float

    def rate(self, elapsed: float) -> float:
        """Return the requests per second *elapsed* seconds after the leg began."""
        return self.start + (self.end - self.start) * elapsed / self.seconds

    def arrivals(self, elapsed: float) -> float:
        """Return how many requests the first *elapsed* seconds of the leg have."""
        return (self.start + self.rate(elapsed)) / 2 * elapsed


STEADY = (Leg(1.0, 1.0, 1.0),)
PROFILES: Mapping[str, Sequence[Leg]] = MappingProxyType(
    {
        "steady": STEADY,
        "ramp": (Leg(0.7, 0.1, 1.0), Leg(0.3, 1.0, 1.0)),
        "spike": (Leg(0.4, 0.25, 0.25), Leg(0.2, 1.0, 1.0), Leg(0.4, 0.25, 0.25)),
        "soak": STEADY,
    }
)
"""Shapes whose seconds are shares of a duration, and whose rates are shares of a peak."""
DEFAULT_DURATION_S = MappingProxyType({"steady": 60.0, "ramp": 60.0, "spike": 60.0, "soak": 3600.0})


@dataclass(frozen=True)
class Plan:
    """The legs of a run, one after the other."""

    legs: tuple[Leg, ...]

    @classmethod
    def of_profile(cls, profile: str, rate: float, duration: float) -> Self:
        """Return a profile at a peak of *rate* requests per second, *duration* seconds long."""
        return cls(
            tuple(Leg(leg.seconds * duration, leg.start * rate, leg.end * rate) for leg in PROFILES[profile])
        )

    @classmethod
    def of_rows(cls, rows: object, source: str) -> Self:
        """Return the plan that a file describes; UserError says what it should have been."""
        if not isinstance(rows, list) or not rows:
            raise UserError(f"expected {LAYOUT} in {source}, found {rows!r}")
        plan = cls(tuple(_leg(row, f"leg {number} of {source}") for number, row in enumerate(rows, 1)))
        if not plan.peak:
            raise UserError(
                f"expected a rate above 0 in {source}, found 0 in every leg; nothing would be sent"
            )
        return plan

    def rows(self) -> list[dict[str, float]]:
        """Return the legs as a file has them."""
        return [{"seconds": leg.seconds, "from": leg.start, "to": leg.end} for leg in self.legs]

    @property
    def duration(self) -> float:
        """How many seconds it takes."""
        return sum(leg.seconds for leg in self.legs)

    @property
    def peak(self) -> float:
        """The most requests per second that it ever has."""
        return max(max(leg.start, leg.end) for leg in self.legs)

    def rate(self, elapsed: float) -> float:
        """Return the requests per second wanted *elapsed* seconds after the start; 0 once it is over."""
        for leg in self.legs:
            if elapsed < leg.seconds:
                return leg.rate(max(0.0, elapsed))
            elapsed -= leg.seconds
        return 0.0

    def arrivals(self, elapsed: float) -> float:
        """Return how many requests its first *elapsed* seconds have."""
        total = 0.0
        for leg in self.legs:
            total += leg.arrivals(min(max(0.0, elapsed), leg.seconds))
            elapsed -= leg.seconds
        return total


def read_plan(path: Path) -> Plan:
    """Return the plan in a YAML file."""
    try:
        rows = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"expected {LAYOUT} in {path}, found: {error}") from error
    return Plan.of_rows(rows, str(path))


def _leg(row: object, where: str) -> Leg:
    if not isinstance(row, dict) or set(row) not in ({"seconds", "rate"}, {"seconds", "from", "to"}):
        raise UserError(f"expected `seconds` with `rate`, or with `from` and `to`, in {where}, found {row!r}")
    seconds = _number(row["seconds"], f"`seconds` of {where}")
    if not seconds:
        raise UserError(f"expected more than 0 `seconds` in {where}, found {row['seconds']!r}")
    start, end = (row["rate"], row["rate"]) if "rate" in row else (row["from"], row["to"])
    return Leg(seconds, _number(start, f"the rate of {where}"), _number(end, f"the rate of {where}"))


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise UserError(f"expected a number, 0 or more, as {what}, found {value!r}")
    return float(value)
