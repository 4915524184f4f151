"""A release that starts well and then fails its own health checks."""

from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Fault, seconds


@dataclass(frozen=True)
class Unhealthy(Fault):
    """Every component reports 0 this many seconds after the start.

    The delay is what lets the release pass the readiness probe of its deployment, as such releases do.
    """

    name: ClassVar[str] = "unhealthy"
    usage: ClassVar[str] = "unhealthy[=SECONDS], the time it stays healthy, by default 10"
    after: float = 10.0

    @classmethod
    def parse(cls, value: str) -> Self:
        return cls(seconds(value, default=10, at_most=3600))

    def component_health(self, health: float, age_s: float) -> float:
        return 0.0 if age_s >= self.after else health
