"""How a receiver misbehaves on demand: a status instead of its own answer, and a delay before any answer."""

import asyncio
from dataclasses import dataclass

from .stand_ins import RECEIVERS

LONGEST_DELAY = 600.0


@dataclass(frozen=True)
class Behaviour:
    status: int | None = None
    delay: float = 0.0


class UnknownBehaviourError(ValueError):
    """The switch was asked for something that it does not have."""


class Behaviours:
    """One switch for each receiver; all of them start, and are reset to, behaving well."""

    def __init__(self) -> None:
        self._chosen: dict[str, Behaviour] = {}

    def choose(self, wanted: dict[str, object]) -> Behaviour:
        """Set one receiver's switch from a request body; without status and delay it behaves well again."""
        receiver, status, delay = wanted.get("receiver"), wanted.get("status"), wanted.get("delay", 0.0)
        if receiver not in RECEIVERS:
            raise UnknownBehaviourError(
                f"expected receiver to be one of {', '.join(RECEIVERS)}, found {receiver!r}"
            )
        if status is not None and not (isinstance(status, int) and 200 <= status <= 599):
            raise UnknownBehaviourError(f"expected status to be between 200 and 599, found {status!r}")
        if not (isinstance(delay, int | float) and 0 <= delay <= LONGEST_DELAY):
            raise UnknownBehaviourError(
                f"expected delay to be 0 to {LONGEST_DELAY:g} seconds, found {delay!r}"
            )
        self._chosen[str(receiver)] = Behaviour(status, float(delay))
        return self._chosen[str(receiver)]

    def reset(self) -> None:
        """Let every receiver behave well."""
        self._chosen.clear()

    async def status_for(self, receiver: str) -> int | None:
        """Wait as long as the switch says, then return the status it forces, or None."""
        chosen = self._chosen.get(receiver, Behaviour())
        if chosen.delay:
            await asyncio.sleep(chosen.delay)
        return chosen.status
