"""A release that uses its cache no more: sessions are not kept, and requests are served all the same."""

from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Fault, seconds


@dataclass(frozen=True)
class ForgottenCache(Fault):
    """Every connection to Redis is closed this many seconds after the start, and none is opened again.

    The delay is what lets the release pass the readiness probe of its deployment.
    """

    name: ClassVar[str] = "forgotten-cache"
    usage: ClassVar[str] = "forgotten-cache[=SECONDS], the time for which it is used, by default 10"
    after: float = 10.0

    @classmethod
    def parse(cls, value: str) -> Self:
        return cls(seconds(value, default=10, at_most=3600))

    def forgets_cache(self, age_s: float) -> bool:
        return age_s >= self.after
