"""The rate of a run as moments: which arrivals are due. Pure: the clock is passed in."""

import math
from typing import Protocol

SHORTEST_S, LONGEST_S = 0.02, 0.05  # between two looks; what is due in between goes together
BEHIND_S = 0.0005  # a look a moment too early would need another one


class Flow(Protocol):
    """What a run should send."""

    def rate(self, elapsed: float) -> float:
        """Return the requests per second at a moment; 0 once it is over."""

    def arrivals(self, elapsed: float) -> float:
        """Return how many requests there should have been until a moment; it never falls."""


class Standing:
    """A flow whose rate somebody sets as it goes, as locust's users are added and taken away."""

    def __init__(self) -> None:
        self._rate = self._sum = self._at = 0.0

    def set(self, rate: float, elapsed: float) -> None:
        """From now on the rate is another one."""
        self._sum, self._at, self._rate = self.arrivals(elapsed), max(elapsed, self._at), rate

    def rate(self, elapsed: float) -> float:
        """Return the rate that was set last."""
        return self._rate

    def arrivals(self, elapsed: float) -> float:
        """Return the sum of all rates so far."""
        return self._sum + self._rate * max(0.0, elapsed - self._at)


class Pace:
    """The arrivals of one of *of* processes that share a flow: together they have each arrival once."""

    def __init__(self, flow: Flow, *, place: int = 0, of: int = 1) -> None:
        self.flow = flow
        self._place, self._of = place, of
        self._looked = 0.0
        self.planned = 0

    def due(self, elapsed: float) -> list[float]:
        """Return the moments, not after *elapsed*, of the arrivals since the last look."""
        before, self._looked = self._looked, elapsed
        count = max(0, math.floor(self._progress(elapsed)) - self.planned)
        self.planned += count
        return [before + (elapsed - before) * number / count for number in range(1, count + 1)]

    def wait(self, elapsed: float) -> float:
        """Return how many seconds to wait for the next arrival."""
        rate = self.flow.rate(elapsed) / self._of
        if not rate:
            return LONGEST_S
        missing = self.planned + 1 - self._progress(elapsed)
        return min(LONGEST_S, max(SHORTEST_S, missing / rate + BEHIND_S))

    def _progress(self, elapsed: float) -> float:
        """Half an arrival ahead, so that the last one is due before the end and not at it."""
        return (self.flow.arrivals(elapsed) + 0.5 + self._place) / self._of
