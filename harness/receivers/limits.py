"""Slack's limit for each address: a burst, then so many a second, and when to come again. Pure."""

import math
from dataclasses import dataclass, field, replace

from .received import Answer


@dataclass
class Limit:
    """A bucket of tokens for each place; without a rate everything is taken."""

    per_second: float = 0.0
    burst: int = 5
    _left: dict[str, tuple[float, float]] = field(default_factory=dict)

    def retry_after(self, place: str, now: float) -> float:
        """Take a request at *now*; 0, or after how many seconds it would be taken."""
        if not self.per_second:
            return 0.0
        left, since = self._left.get(place, (float(self.burst), now))
        left = min(float(self.burst), left + (now - since) * self.per_second)
        taken = left >= 1
        self._left[place] = (left - taken, now)
        return 0.0 if taken else (1 - left) / self.per_second


def limited(answer: Answer, seconds: float, per_second: float) -> Answer:
    """Return what Slack says instead: whole seconds, or finer where a test is faster than Slack."""
    wait = str(math.ceil(seconds)) if per_second <= 1 else f"{seconds:.3f}"
    return replace(
        answer, status=429, body="rate_limited", problems=("rate_limited",), headers={"Retry-After": wait}
    )
