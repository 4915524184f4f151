"""Load profiles as data: how many requests arrive in each second. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Leg:
    """A share of the duration, and the shares of the peak rate that it goes from and to."""

    share: float
    start: float
    end: float


STEADY = (Leg(1.0, 1.0, 1.0),)
PROFILES: Mapping[str, Sequence[Leg]] = MappingProxyType(
    {
        "steady": STEADY,
        "ramp": (Leg(0.7, 0.1, 1.0), Leg(0.3, 1.0, 1.0)),
        "spike": (Leg(0.4, 0.25, 0.25), Leg(0.2, 1.0, 1.0), Leg(0.4, 0.25, 0.25)),
        "soak": STEADY,
    }
)
DEFAULT_DURATION_S = MappingProxyType({"steady": 60.0, "ramp": 60.0, "spike": 60.0, "soak": 3600.0})


@dataclass(frozen=True)
class Plan:
    """A profile at a peak rate (requests per second) for a duration (seconds)."""

    profile: str
    rate: int
    duration: float

    def rate_at(self, elapsed: float) -> int | None:
        """Return the arrivals per second wanted *elapsed* seconds after the start; None once it is over."""
        if elapsed >= self.duration:
            return None
        begin = 0.0
        for leg in PROFILES[self.profile]:
            length = leg.share * self.duration
            if elapsed < begin + length:
                progress = (elapsed - begin) / length
                return max(1, round(self.rate * (leg.start + (leg.end - leg.start) * progress)))
            begin += length
        return max(1, round(self.rate * PROFILES[self.profile][-1].end))

    def tick(self, elapsed: float) -> tuple[int, float] | None:
        """Return (users, spawn rate) as locust's shapes do; a user is one arrival per second."""
        rate = self.rate_at(elapsed)
        return None if rate is None else (rate, float(rate))

    def arrivals(self, until: float) -> int:
        """Return how many requests the plan sends in its first *until* seconds."""
        return sum(self.rate_at(second) or 0 for second in range(int(min(until, self.duration))))
