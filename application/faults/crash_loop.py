"""A release that dies, whenever it is started."""

import os
import sys
import threading
from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Fault, seconds


@dataclass(frozen=True)
class CrashLoop(Fault):
    """The service ends with an error this many seconds after each start; at 0 it never answers at all.

    It relies on the service manager to end the workers with their supervisor, as systemd does.
    """

    name: ClassVar[str] = "crash-loop"
    usage: ClassVar[str] = "crash-loop[=SECONDS], the time it lives, by default 0"
    after: float = 0.0

    @classmethod
    def parse(cls, value: str) -> Self:
        return cls(seconds(value, default=0, at_most=3600))

    def at_start(self) -> None:
        if not self.after:
            sys.exit("this release crashes when it starts")
        timer = threading.Timer(self.after, os._exit, (1,))
        timer.daemon = True
        timer.start()
