"""Posting JSON to a channel within a bounded time, whatever the other side does."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from rollback.domain.errors import NotTaken

DEADLINE_SECONDS = 8.0
"""From the first packet to the last: a byte now and then must not hold up the next message."""
CONNECT_SECONDS = 3.0
LONGEST_PAUSE_SECONDS = 600.0
"""A channel may ask for more rest than that; then it is asked again too early."""
ANSWER_BYTES = 4_096
SAID = 100
TOO_MANY = 429
OF_MESSAGE = (400, 413, 422)
"""Answers about this message; every other refusal is about the channel, which somebody can mend."""

OF_TALK = (
    httpx.ReadError,
    httpx.ReadTimeout,
    httpx.RemoteProtocolError,
    httpx.WriteError,
    httpx.WriteTimeout,
)
"""What goes wrong once somebody listens, and so may be this message's fault."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the channel said; `text` is cut, and never has what is secret of the address."""

    status: int
    text: str

    @property
    def refuses(self) -> bool:
        """Whether it would refuse this message again."""
        return self.status in OF_MESSAGE


def post(name: str, url: str, body: Mapping[str, object], secrets: tuple[str, ...] = ()) -> Answer:
    """The channel's answer when it took or refused the message, otherwise NotTaken.

    No error has the address, nor one of the *secrets*: the address of a webhook is one itself.
    """
    loop = asyncio.new_event_loop()  # closed without waiting for a resolver that hangs
    try:
        response, text = loop.run_until_complete(_within(url, body))
    except TimeoutError:
        problem = f"{name} did not answer within {DEADLINE_SECONDS:.0f} s"
        raise NotTaken(problem, suspect=True) from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        problem = f"{name} did not answer: {type(error).__name__}"
        raise NotTaken(problem, suspect=isinstance(error, OF_TALK)) from None
    finally:
        loop.close()
    said = _masked(text, (url, urlsplit(url).path, *secrets))[:SAID]
    if response.is_success or response.status_code in OF_MESSAGE:
        return Answer(status=response.status_code, text=said)
    raise NotTaken(
        f"{name} answered {response.status_code}: {said}",
        pause=rest(response.headers.get("retry-after", ""), datetime.now(UTC)),
        suspect=response.is_server_error,
    )


def rest(header: str, now: datetime) -> float | None:
    """How many seconds `Retry-After` asks for, in seconds or as a date; None when it says nothing."""
    try:
        asked = float(header) if header.strip().isdecimal() else _until(header, now)
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(asked, 0.0), LONGEST_PAUSE_SECONDS)


def _until(header: str, now: datetime) -> float:
    at = parsedate_to_datetime(header)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now.timestamp()


async def _within(url: str, body: Mapping[str, object]) -> tuple[httpx.Response, str]:
    async with asyncio.timeout(DEADLINE_SECONDS):
        timeout = httpx.Timeout(DEADLINE_SECONDS, connect=CONNECT_SECONDS)
        async with (
            httpx.AsyncClient(timeout=timeout) as client,
            client.stream("POST", url, json=body) as response,
        ):
            read = b""
            async for chunk in response.aiter_raw():
                read += chunk
                if len(read) >= ANSWER_BYTES:
                    break
            return response, read[:ANSWER_BYTES].decode(errors="replace")


def _masked(text: str, secrets: tuple[str, ...]) -> str:
    """The text without the secrets, and without the parts of an address that are long enough to be one."""
    parts = {part for secret in secrets for part in (secret, *secret.split("/")) if len(part) >= 8}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, "***")
    return text
