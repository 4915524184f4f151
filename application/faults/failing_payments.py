"""A release that loses a share of the payments, and answers everything else."""

import random
from dataclasses import dataclass
from typing import ClassVar, Self

from .base import Fault, share


class PaymentLostError(Exception):
    """What the release does with a payment that it fails."""


@dataclass(frozen=True)
class FailingPayments(Fault):
    """This share of the transactions is answered 500, at random, and is not stored."""

    name: ClassVar[str] = "failing-payments"
    usage: ClassVar[str] = "failing-payments[=SHARE] with a share above 0 and at most 1, by default 0.3"
    ratio: float = 0.3

    @classmethod
    def parse(cls, value: str) -> Self:
        return cls(share(value)) if value else cls()

    async def before_storing(self, what: str) -> None:
        if what == "transaction" and random.random() < self.ratio:  # noqa: S311 - a fault, not a secret
            raise PaymentLostError(f"this release loses {self.ratio:.0%} of the payments")
