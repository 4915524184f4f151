"""A release that lost its instrumentation: the target is up and says nothing."""

from dataclasses import dataclass
from typing import ClassVar

from .base import Fault


@dataclass(frozen=True)
class NoMetrics(Fault):
    """/metrics answers 200 with nothing in it: `up` stays 1 and every series of the service goes stale."""

    name: ClassVar[str] = "no-metrics"
    usage: ClassVar[str] = "no-metrics without a value"

    def exposition(self, text: bytes) -> bytes:
        del text
        return b""
