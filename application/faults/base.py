"""What a fault may interfere with. Every hook does nothing unless a fault overrides it."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self


class FaultError(Exception):
    """A fault that nobody knows or whose value makes no sense."""


@dataclass(frozen=True)
class Fault:
    """One way in which a release is bad. Its fields are its parameters, in the manifest by the same names."""

    name: ClassVar[str]
    usage: ClassVar[str]

    @classmethod
    def parse(cls, value: str) -> Self:
        """Return the fault with the value a command line gives; ValueError when it makes no sense."""
        if value:
            raise ValueError("it takes no value")
        return cls()

    @property
    def spec(self) -> str:
        """Return the fault as a command line names it: what `parse` reads."""
        values = "/".join(f"{value:g}" for value in self.parameters().values())
        return f"{self.name}={values}" if values else self.name

    def parameters(self) -> dict[str, float]:
        """Return what the manifest stores."""
        return asdict(self)

    def at_start(self) -> None:
        """Run in the supervising process before it serves."""

    async def before_request(self) -> None:
        """Run inside every API request, after routing and inside its measured duration."""

    async def before_query(self, connection: Any) -> None:
        """Run on a database connection that was just taken from the pool."""

    async def before_storing(self, what: str) -> None:
        """Run before a `user`, a `transaction` or a `revenue` event is stored."""

    def forgets_cache(self, age_s: float) -> bool:
        """Tell whether this release uses its cache no more, `age_s` seconds after the start."""
        del age_s
        return False

    def component_health(self, health: float, age_s: float) -> float:
        """Return the health to report of a component measured `age_s` seconds after the start."""
        del age_s
        return health

    def exposition(self, text: bytes) -> bytes:
        """Return what /metrics answers instead of `text`."""
        return text


def share(value: str) -> float:
    """Return a share from a command line."""
    number = float(value)
    if not 0 < number <= 1:
        raise ValueError("not above 0 and at most 1")
    return number


def seconds(value: str, *, default: float, at_most: float) -> float:
    """Return a number of seconds from a command line."""
    number = float(value) if value else default
    if not 0 <= number <= at_most:
        raise ValueError(f"not between 0 and {at_most:g} seconds")
    return number
