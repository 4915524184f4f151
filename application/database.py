"""The application's PostgreSQL: a pool that connects when it is first needed, and its few statements."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg

from .faults import Fault

SCHEMA = (Path(__file__).parent / "schema.sql").read_text()
SCHEMA_LOCK = 0x4D495441  # one creator at a time: CREATE ... IF NOT EXISTS alone races with itself
TIMEOUT_S = 10.0  # of taking a connection, and of each statement


class UnknownUserError(Exception):
    """No user has this id."""


class EmailTakenError(Exception):
    """Somebody registered with this address before."""


class Database:
    """Statements by name. Failures are asyncpg's errors, OSError and TimeoutError."""

    def __init__(self, url: str, faults: list[Fault]) -> None:
        self.url = url
        self.faults = faults
        self.pool: Any = None

    async def open(self) -> None:
        """Prepare the pool. It connects on use: the service starts while the database is down."""
        self.pool = await asyncpg.create_pool(
            self.url, min_size=0, max_size=5, timeout=5, command_timeout=TIMEOUT_S
        )

    async def close(self) -> None:
        """Cut the connections at once: requests in flight have ended."""
        self.pool.terminate()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        """Take a connection for one piece of work."""
        async with self.pool.acquire(timeout=TIMEOUT_S) as connection:
            for fault in self.faults:
                await fault.before_query(connection)
            yield connection

    async def create_schema(self) -> None:
        """Make the tables exist. Several hosts and workers may do this at the same time."""
        async with self.pool.acquire(timeout=TIMEOUT_S) as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", SCHEMA_LOCK)
            await connection.execute(SCHEMA)

    async def ping(self) -> None:
        """Take a connection and ask for the simplest answer."""
        async with self.connection() as connection:
            await connection.fetchval("SELECT 1")

    async def _storing(self, what: str) -> None:
        for fault in self.faults:
            await fault.before_storing(what)

    async def register(self, email: str) -> int:
        """Add a user and return the id."""
        await self._storing("user")
        async with self.connection() as connection:
            user_id = await connection.fetchval(
                "INSERT INTO users (email) VALUES ($1) ON CONFLICT (email) DO NOTHING RETURNING id", email
            )
        if user_id is None:
            raise EmailTakenError(email)
        return int(user_id)

    async def user(self, user_id: int) -> dict[str, object]:
        """Return a user with the number and the sum of their transactions."""
        async with self.connection() as connection:
            row = await connection.fetchrow(
                "SELECT users.id, email, count(transactions.id) AS transactions,"
                " coalesce(sum(amount), 0) AS total"
                " FROM users LEFT JOIN transactions ON user_id = users.id"
                " WHERE users.id = $1 GROUP BY users.id",
                user_id,
            )
        if row is None:
            raise UnknownUserError(user_id)
        return dict(row)

    async def transact(self, user_id: int, amount: Decimal) -> int:
        """Add a transaction and return its id."""
        await self._storing("transaction")
        async with self.connection() as connection:
            try:
                return int(
                    await connection.fetchval(
                        "INSERT INTO transactions (user_id, amount) VALUES ($1, $2) RETURNING id",
                        user_id,
                        amount,
                    )
                )
            except asyncpg.ForeignKeyViolationError as error:
                raise UnknownUserError(user_id) from error

    async def book_revenue(self, source: str, amount: Decimal) -> int:
        """Add a revenue event and return its id."""
        await self._storing("revenue")
        async with self.connection() as connection:
            return int(
                await connection.fetchval(
                    "INSERT INTO revenue (source, amount) VALUES ($1, $2) RETURNING id", source, amount
                )
            )
