"""A release that fails a share of its requests before they reach the business logic."""

import random
from dataclasses import dataclass
from typing import ClassVar, Self

from starlette.exceptions import HTTPException

from .base import Fault, share


@dataclass(frozen=True)
class ErrorRatio(Fault):
    """This share of requests is answered 500, at random. Nothing is processed for them."""

    name: ClassVar[str] = "error-ratio"
    usage: ClassVar[str] = "error-ratio=SHARE with a share above 0 and at most 1, such as 0.35"
    ratio: float

    @classmethod
    def parse(cls, value: str) -> Self:
        return cls(share(value))

    async def before_request(self) -> None:
        if random.random() < self.ratio:  # noqa: S311 - a fault, not a secret
            raise HTTPException(500, f"this release fails {self.ratio:.0%} of its requests")
