"""The hosts themselves, asked for the version that they run."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import requests

from rollback.adapters.http_source import FAILURES, read
from rollback.domain.facts import HostSeen

TIMEOUT = (1.0, 2.0)
"""Seconds to connect, and to wait for the next piece of an answer."""
WHOLE_SECONDS = 2.0
"""A host that drips must not hold up what is decided: what came in time is what it said."""
LONGEST_BODY = 65_536
LONGEST_VERSION = 128

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
        try:
            with ThreadPoolExecutor(max_workers=min(len(urls), 16)) as pool:
                return tuple(pool.map(lambda named: ask(*named), urls.items()))
        except RuntimeError:  # no more threads are to be had: then one after the other
            return tuple(ask(*named) for named in urls.items())


def _ask(host: str, url: str, ca_file: Path | None) -> HostSeen:
    """A host that answers without being ready still says which version it is."""
    session = requests.Session()
    session.trust_env = False
    try:
        verify = str(ca_file) if ca_file else True
        response = session.get(url, timeout=TIMEOUT, allow_redirects=False, verify=verify, stream=True)
        body, _ = read(response, WHOLE_SECONDS, LONGEST_BODY)
    except FAILURES:
        return HostSeen(host=host, answered=False)
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    version = said.get("version") if isinstance(said, dict) else None
    return HostSeen(host=host, answered=True, version=_known(version), ready=response.ok)


def _known(version: object) -> str | None:
    """The version where it can be one: it is compared, stored and shown."""
    whole = isinstance(version, str) and 0 < len(version) <= LONGEST_VERSION and version.isprintable()
    return version if whole and isinstance(version, str) else None
