"""The traffic of an ordinary day, which never stops while tests run.

Without it nobody registers, and an alert that nobody registers is right to fire.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.lab import addresses
from harness.load.run import Running, Wanted, running

ORDINARY_RATE = 4
TEST_RATE = 30
DAY_S = 86_400.0


@contextmanager
def flowing(out: Path, rate: int, error_ratio: float = 0.0) -> Iterator[Running]:
    """Send requests to both application hosts for the length of the block."""
    targets = [application.base for application in addresses.applications().values()]
    wanted = Wanted(targets=targets, out=out, rate=rate, duration=DAY_S, error_ratio=error_ratio)
    with running(wanted) as load:
        yield load


class OrdinaryDay:
    """The ordinary traffic, which a test may silence for a while."""

    def __init__(self, home: Path) -> None:
        self._home, self._load = home, ExitStack()
        self.begin()

    def begin(self) -> None:
        """Send it."""
        self._load.enter_context(flowing(self._home / "ordinary", ORDINARY_RATE))

    def end(self) -> None:
        """Send nothing more."""
        self._load.close()

    @contextmanager
    def silence(self) -> Iterator[None]:
        """Nobody comes for the length of the block, as at night."""
        self.end()
        try:
            yield
        finally:
            self.begin()
