"""Sends one request and says how it ended, over connections that are kept. Runs in locust's process."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from geventhttpclient import HTTPClient
from geventhttpclient.response import HTTPConnectionClosed
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS, insecure_ssl_context_factory

from harness.load.mix import Call

CONNECT_S, ANSWER_S = 5.0, 10.0
MOST_CONNECTIONS = 1000
ENDED_UNANSWERED = (HTTPConnectionClosed, ConnectionResetError, BrokenPipeError)


@dataclass(slots=True)
class Answer:
    """The end of a request; status 0 means that none came."""

    status: int
    body: bytes = b""
    error: Exception | None = None

    @property
    def unanswered(self) -> bool:
        """The connection ended before any answer, as a server may do with a kept one when it likes."""
        return isinstance(self.error, ENDED_UNANSWERED)

    def field(self, name: str) -> object:
        """Return a field of the answer's JSON object; a service that breaks its contract tells nothing."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return None
        return found.get(name) if isinstance(found, dict) else None


class Courier:
    """What one browser has: a connection to one target, and more while answers are awaited.

    It follows no redirect, which might lead out of the lab.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self._prefix = urlsplit(target).path
        self._client = HTTPClient.from_url(
            target,
            concurrency=MOST_CONNECTIONS,
            connection_timeout=CONNECT_S,
            network_timeout=ANSWER_S,
            insecure=True,
            ssl_context_factory=insecure_ssl_context_factory,
        )
        # The library repeats an idempotent request once more often than this, which was a thousand times.
        self._client._connection_pool.size = 0

    def send(self, call: Call, headers: Mapping[str, str]) -> Answer:
        """Send a request once and read the whole answer."""
        body: Any = b""
        sent = dict(headers)
        if call.headers:
            sent.update(call.headers)
        if call.body is not None:
            body = json.dumps(call.body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            response = self._client.request(call.method, self._prefix + call.path, body, sent)
            return Answer(response.get_code(), response.read())
        except FAILURE_EXCEPTIONS as error:
            return Answer(0, error=error)
