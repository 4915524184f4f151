"""The only loop on a host that waits."""

import time
from collections.abc import Callable


def until(condition: Callable[[], bool], *, seconds: float, pause: float = 0.1) -> bool:
    """Ask *condition*, at least once, until it holds or *seconds* are over; return whether it held."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
    return True
