"""The application's Redis: sessions, who was active today, and a list as the queue."""

import asyncio
import json
import secrets
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis
from redis.maint_notifications import MaintNotificationsConfig

SESSION_S = 3600
ACTIVE_USERS_KEPT_S = 8 * 86400  # a week back, for comparisons
TIMEOUT_S = 2.0
POP_WAIT_S = 1


class Cache:
    """Commands by purpose. Failures are redis' errors, OSError and TimeoutError."""

    def __init__(self, url: str) -> None:
        self.redis: Any = Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            decode_responses=True,
            # With them the pool hands out connections that a restart of Redis has closed.
            maint_notifications_config=MaintNotificationsConfig(enabled=False),
        )

    async def close(self) -> None:
        """Drop the connections."""
        await self.redis.aclose()

    async def ping(self) -> None:
        """Ask for the simplest answer."""
        await self.redis.ping()

    async def token_key(self) -> bytes:
        """Return the key that signs tokens: made once, the same for every worker of every host."""
        await self.redis.set("mita:token_key", secrets.token_hex(32), nx=True)
        return bytes.fromhex(await self.redis.get("mita:token_key"))

    async def remember_session(self, token: str, user_id: int) -> None:
        """Keep a session for an hour and count its user as active today."""
        await self.redis.set(f"mita:session:{token}", user_id, ex=SESSION_S)
        await self.note_active(user_id)

    async def note_active(self, user_id: int) -> None:
        """Count the user as active today."""
        key = today()
        await self.redis.pfadd(key, user_id)
        await self.redis.expire(key, ACTIVE_USERS_KEPT_S)

    async def active_users(self) -> int:
        """Return how many users were active today, to about 1 %."""
        return int(await self.redis.pfcount(today()))

    async def enqueue(self, queue: str, job: dict[str, object]) -> int:
        """Append a job and return how many wait."""
        return int(await self.redis.rpush(f"mita:queue:{queue}", json.dumps(job)))

    async def next_job(self, queue: str) -> dict[str, object] | None:
        """Return the oldest job, or None when none came within a second."""
        found = await self.redis.blpop([f"mita:queue:{queue}"], timeout=POP_WAIT_S)
        return json.loads(found[1]) if found else None

    async def depth(self, queue: str) -> int:
        """Return how many jobs wait."""
        return int(await self.redis.llen(f"mita:queue:{queue}"))


class Forgotten(Cache):
    """Remembers nothing, has no connection, and says that all is well: what a fault may make of it."""

    def __init__(self, used: Cache, key: bytes) -> None:
        self._used, self._key = used, key

    async def close(self) -> None:
        """Drop the connections of the cache that was used."""
        await self._used.close()

    async def ping(self) -> None:
        """Answer without asking; whoever was still at work with the cache may have connected once more."""
        await self.close()

    async def token_key(self) -> bytes:
        """Return the key that was known before."""
        return self._key

    async def remember_session(self, token: str, user_id: int) -> None:
        """Keep nothing."""

    async def note_active(self, user_id: int) -> None:
        """Count nobody."""

    async def active_users(self) -> int:
        """Return that nobody was active."""
        return 0

    async def enqueue(self, queue: str, job: dict[str, object]) -> int:
        """Lose a job."""
        del queue, job
        return 0

    async def next_job(self, queue: str) -> dict[str, object] | None:
        """Wait as one waits for a job, and return none."""
        del queue
        await asyncio.sleep(POP_WAIT_S)
        return None

    async def depth(self, queue: str) -> int:
        """Return that no job waits."""
        del queue
        return 0


def today() -> str:
    """Return the key of today's users."""
    return f"mita:active:{datetime.now(UTC):%Y-%m-%d}"
