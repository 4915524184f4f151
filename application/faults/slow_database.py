"""A release whose use of the database is slow: every connection is busy for seconds before it is useful."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

from .base import Fault, seconds


@dataclass(frozen=True)
class SlowDatabase(Fault):
    """PostgreSQL sleeps on each connection taken from the pool, so the measured response times are real."""

    name: ClassVar[str] = "slow-database"
    usage: ClassVar[str] = "slow-database[=SECONDS] up to 9, by default 6"
    delay: float = 6.0

    @classmethod
    def parse(cls, value: str) -> Self:
        return cls(seconds(value, default=6, at_most=9))

    async def before_query(self, connection: Any) -> None:
        await connection.execute("SELECT pg_sleep($1)", self.delay)
