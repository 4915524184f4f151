"""The parts of one worker, wired together."""

import asyncio
import logging
import os
import time
from contextlib import suppress

from redis.exceptions import RedisError

from . import tokens
from .cache import Cache, Forgotten
from .database import Database
from .health import Check, Health, pause
from .host import HostUsage
from .metrics import QUEUES, Metrics
from .settings import Settings

log = logging.getLogger("uvicorn.error")
TOKEN_S = 3600
FIRST_MEASUREMENTS_S = 2.0


class Service:
    """What the routes work with. Everything that needs a loop starts in `start` and ends in `stop`."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self.settings = settings
        self.metrics = metrics
        self.database = Database(settings.database_url, settings.faults)
        self.cache: Cache = Cache(settings.redis_url)
        self.token_key: bytes | None = None
        self.schema_exists = False
        checks: dict[str, Check] = {
            "database": self.check_database,
            "redis": self.check_cache,
            "jwt": self.check_tokens,
        }
        self.health = Health(checks, metrics, settings.faults)
        self.usage = HostUsage()
        self.stopping = asyncio.Event()
        self.tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Start to measure and to work off the queue. What is down now is tried again every second.

        Requests wait in the socket until the parts were asked once, so that the first ones find them ready.
        """
        await self.database.open()
        watchers = [self.health.watch(name, self.stopping) for name in self.health.checks]
        workers = [self.publish_usage(), *(self.work_off(queue) for queue in QUEUES)]
        self.tasks = [asyncio.create_task(work) for work in (*watchers, *workers)]
        await self.health.known(FIRST_MEASUREMENTS_S)

    async def stop(self) -> None:
        """End at once: whatever was answered is stored."""
        self.stopping.set()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.database.close()
        await self.cache.close()

    async def check_database(self) -> None:
        """Get an answer from PostgreSQL, from tables that exist."""
        if not self.schema_exists:
            await self.database.create_schema()
            self.schema_exists = True
        await self.database.ping()

    async def check_cache(self) -> None:
        """Get an answer from Redis, unless a fault of the release makes it forget that there is one."""
        age_s = time.monotonic() - self.health.started
        forgets = any(fault.forgets_cache(age_s) for fault in self.settings.faults)
        if forgets and self.token_key and not isinstance(self.cache, Forgotten):
            self.cache = Forgotten(self.cache, self.token_key)
        await self.cache.ping()

    async def check_tokens(self) -> None:
        """Sign a token and verify it."""
        if self.token_key is None:
            self.token_key = await self.find_token_key()
        self.verify(self.sign(0))

    async def find_token_key(self) -> bytes:
        """Return the key from Redis, or while that is away the one that an earlier process left."""
        left = self.settings.runtime_dir and self.settings.runtime_dir / "token_key"
        try:
            key = await self.cache.token_key()
        except (RedisError, OSError):
            if left and left.exists():
                return left.read_bytes()
            raise
        if left:
            fresh = left.with_suffix(f".{os.getpid()}")
            fresh.touch(mode=0o600)
            fresh.write_bytes(key)
            fresh.replace(left)
        return key

    def sign(self, user_id: int) -> str:
        """Return a token for the user; RuntimeError before Redis gave the key."""
        return tokens.sign({"sub": user_id, "exp": time.time() + TOKEN_S}, self.key)

    def verify(self, token: str) -> None:
        """Accept a token or raise InvalidTokenError."""
        tokens.verify(token, self.key, now=time.time())

    @property
    def key(self) -> bytes:
        """The key that signs tokens."""
        if self.token_key is None:
            raise RuntimeError("expected the token key from Redis, found none yet; see the redis component")
        return self.token_key

    async def publish_usage(self) -> None:
        """Publish once a second what is not a component: the host, the queue, the users of today."""
        while not self.stopping.is_set():
            self.metrics.cpu.set(self.usage.cpu_percent())
            self.metrics.memory.set(self.usage.memory_percent())
            self.metrics.disk.set(self.usage.disk_percent())
            with suppress(RedisError, OSError):  # the redis component reports it
                for queue in QUEUES:
                    self.metrics.queue_depth.labels(queue).set(await self.cache.depth(queue))
                self.metrics.active_users.set(await self.cache.active_users())
            await pause(self.stopping)

    async def work_off(self, queue: str) -> None:
        """Take jobs from the queue, one at a time."""
        while not self.stopping.is_set():
            try:
                if await self.cache.next_job(queue) is not None:
                    self.metrics.jobs.inc()
            except (RedisError, OSError):  # the redis component reports it
                await pause(self.stopping)
