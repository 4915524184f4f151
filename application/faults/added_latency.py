"""A release that became slow: every request waits for a random time with a long tail."""

import asyncio
import math
import random
from dataclasses import dataclass
from statistics import NormalDist
from typing import ClassVar, Self

from .base import Fault

Z95 = 1.6448536269514722  # 95 % of a normal distribution lie below mean + Z95 * deviation
LONGEST_S = 30.0


@dataclass(frozen=True)
class AddedLatency(Fault):
    """Log-normal waiting time: most requests wait less than the mean, one in twenty longer than the p95."""

    name: ClassVar[str] = "added-latency"
    usage: ClassVar[str] = (
        "added-latency=MEAN[/P95] in seconds, P95 between 1 and 3.8 times MEAN, such as 1.5 or 1.5/3"
    )
    mean: float
    p95: float

    @classmethod
    def parse(cls, value: str) -> Self:
        first, _, second = value.partition("/")
        mean = float(first)
        p95 = float(second) if second else 2 * mean
        if not 0 < mean <= LONGEST_S or not 1 <= p95 / mean <= 3.8:
            raise ValueError("no such distribution")
        return cls(mean, p95)

    def share_over(self, limit_s: float) -> float:
        """Return the share of the waiting times that are longer than a limit."""
        mu, sigma = self._normal()
        return 1 - NormalDist(mu, sigma).cdf(math.log(limit_s))

    def draw(self, source: random.Random) -> float:
        """Return one waiting time in seconds."""
        return min(source.lognormvariate(*self._normal()), LONGEST_S)

    def _normal(self) -> tuple[float, float]:
        """Return mean and deviation of the waiting time's logarithm."""
        sigma = Z95 - math.sqrt(Z95**2 - 2 * math.log(self.p95 / self.mean))
        return math.log(self.mean) - sigma**2 / 2, sigma

    async def before_request(self) -> None:
        await asyncio.sleep(self.draw(random.Random()))  # noqa: S311 - a fault, not a secret
