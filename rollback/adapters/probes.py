"""The hosts themselves, asked for the version that they run."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from time import monotonic

import requests

from rollback.domain.facts import HostSeen

TIMEOUT = (1.0, 2.0)
"""Seconds to connect, and to wait for the next piece of an answer."""
WHOLE_SECONDS = 2.0
LONGEST_BODY = 65_536

Urls = dict[str, dict[str, str]]
"""Service, host, address of the readiness probe."""


class HttpProbes:
    """Reads `version` from each host's readiness probe, all hosts at once."""

    def __init__(self, urls: Callable[[], Urls], ca_file: Callable[[], Path | None]) -> None:
        self._urls, self._ca_file = urls, ca_file

    def hosts(self, service: str) -> tuple[HostSeen, ...]:
        """What each host says of itself, in the order of the settings; empty when none is configured."""
        urls = self._urls().get(service, {})
        if not urls:
            return ()
        ask = partial(_ask, ca_file=self._ca_file())
        with ThreadPoolExecutor(max_workers=min(len(urls), 16)) as pool:
            return tuple(pool.map(lambda named: ask(*named), urls.items()))


def _ask(host: str, url: str, ca_file: Path | None) -> HostSeen:
    """A host that answers without being ready still says which version it is."""
    session = requests.Session()
    session.trust_env = False
    try:
        verify = str(ca_file) if ca_file else True
        response = session.get(url, timeout=TIMEOUT, allow_redirects=False, verify=verify, stream=True)
        body = _read(response)
    except (requests.RequestException, ValueError):  # an address that is none is a ValueError to some
        return HostSeen(host=host, answered=False)
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    version = said.get("version") if isinstance(said, dict) else None
    known = version if isinstance(version, str) else None
    return HostSeen(host=host, answered=True, version=known, ready=response.ok)


def _read(response: requests.Response) -> bytes:
    """The body, or as much of it as comes in time: a host that drips must not hold up what is decided."""
    body, until = b"", monotonic() + WHOLE_SECONDS
    with response:
        for chunk in response.iter_content(None):
            body += chunk
            if monotonic() > until or len(body) > LONGEST_BODY:
                break
    return body
