"""Asking another system over HTTP: short time-outs, one error type, and a memory of how it went."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from rollback.domain.errors import Blind
from rollback.domain.ports import SourceState

TIMEOUT = (1.0, 3.0)
"""Seconds to connect, and to the next piece of an answer: no decision waits for a hanging neighbour."""
WHOLE_SECONDS = 10.0
"""So long a whole answer may take; one that drips is none."""
LONGEST_BODY = 64_000_000
"""Bytes. Ten thousand active alerts are 10 MB."""
PIECE = 65_536
FAILURES = (requests.RequestException, HTTPError, OSError, ValueError)
"""Whatever asking can end in; an address that is none is a ValueError to some."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a system answers and how to prove who asks; an empty URL means that there is none.

    `others` are its like at the same site: one of them is asked, in the same way, while it does not answer.
    """

    url: str
    others: tuple[str, ...] = ()
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: Path | None = None


class HttpSource:
    """One neighbour; every failure to ask it raises Blind and is counted."""

    def __init__(self, name: str, endpoint: Callable[[], Endpoint]) -> None:
        self._name, self._endpoint = name, endpoint
        self._lock = threading.Lock()
        self._last = ""  # who answered is asked first the next time: a dead one costs its time once
        self._state = SourceState(name=name, reachable=None, failures=0)
        self._session = requests.Session()
        self._session.trust_env = False

    @property
    def configured(self) -> bool:
        """False when the site has no such system."""
        return bool(self._endpoint().url)

    @property
    def state(self) -> SourceState:
        """How asking went lately."""
        return self._state

    def get(self, path: str, params: dict[str, str], parse: Callable[[bytes], Any] = json.loads) -> Any:
        """The JSON answer, or Blind. Only 200 is one: a redirect is not from whom was asked."""
        endpoint = self._endpoint()
        if not endpoint.url:
            raise Blind(f"No {self._name}_url is configured.")
        problems: list[str] = []
        for url in sorted((endpoint.url, *endpoint.others), key=lambda one: one != self._last):
            try:
                answer = self._ask(url, endpoint, path, params, parse)
            except Blind as problem:
                problems.append(str(problem))
                continue
            with self._lock:
                self._last = url
                self._state = SourceState(name=self._name, reachable=True, failures=self._state.failures)
            return answer
        raise self._failed("; ".join(dict.fromkeys(problems)))

    def _ask(
        self,
        url: str,
        endpoint: Endpoint,
        path: str,
        params: dict[str, str],
        parse: Callable[[bytes], Any],
    ) -> Any:
        try:
            response = self._session.get(
                url.rstrip("/") + path,
                params=params,
                timeout=TIMEOUT,
                allow_redirects=False,
                auth=(endpoint.username, endpoint.password) if endpoint.username else None,
                verify=str(endpoint.ca_file) if endpoint.ca_file else True,
                stream=True,
            )
            body, whole = read(response, WHOLE_SECONDS, LONGEST_BODY)
            answered = response.status_code == requests.codes.ok
            answer = parse(body) if answered and whole else None
        except (*FAILURES, RecursionError) as error:
            raise Blind(f"{self._name} did not answer: {type(error).__name__}") from error
        if not answered:
            raise Blind(f"{self._name} answered {response.status_code} to {path}")
        if not whole:
            raise Blind(f"{self._name} answered too slowly or too much to {path}")
        return answer

    def _failed(self, problem: str) -> Blind:
        with self._lock:
            failures = self._state.failures + 1
            self._state = SourceState(name=self._name, reachable=False, failures=failures, error=problem)
        return Blind(problem)


def read(response: requests.Response, seconds: float, most: int) -> tuple[bytes, bool]:
    """The body, as much of it as comes in time and is not too much, and whether that is the whole."""
    body, until = bytearray(), monotonic() + seconds
    with response:
        while piece := response.raw.read1(PIECE, decode_content=True):
            body += piece
            if monotonic() > until or len(body) > most:
                return bytes(body), False
    return bytes(body), True
