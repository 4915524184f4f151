"""A release that takes every request and answers none."""

import asyncio
from dataclasses import dataclass
from typing import ClassVar

from .base import Fault


@dataclass(frozen=True)
class Hang(Fault):
    """Requests wait until their clients give up: no counter moves, and probes still succeed."""

    name: ClassVar[str] = "hang"
    usage: ClassVar[str] = "hang without a value"

    async def before_request(self) -> None:
        await asyncio.Event().wait()
