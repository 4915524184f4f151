"""One run at a time for one service on one host."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .model import RequestError
from .wait import until

DIRECTORY = Path("/run")
SECONDS = 120


@contextmanager
def held(name: str, *, check_mode: bool, directory: Path = DIRECTORY) -> Iterator[None]:
    """Hold the service's lock; a check needs none, since it changes nothing."""
    if check_mode:
        yield
        return
    with (directory / f"mita-{name}.lock").open("w") as stream:

        def taken() -> bool:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not until(taken, seconds=SECONDS):
            raise RequestError(f"another run works on {name} since {SECONDS} s; wait for it or end it")
        yield
