"""The hosts themselves, asked for the version that they run."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import requests

TIMEOUT = (1.0, 2.0)

Urls = dict[str, dict[str, str]]
"""Service, host, address of the readiness probe."""


class HttpProbes:
    """Reads `version` from each host's readiness probe, all hosts at once."""

    def __init__(self, urls: Callable[[], Urls], ca_file: Callable[[], Path | None]) -> None:
        self._urls, self._ca_file = urls, ca_file

    def live_versions(self, service: str) -> dict[str, str | None]:
        """The version that each host says it runs; None for a host that is not ready or does not answer."""
        urls = self._urls().get(service, {})
        if not urls:
            return {}
        ask = partial(_version, ca_file=self._ca_file())
        with ThreadPoolExecutor(max_workers=min(len(urls), 16)) as pool:
            return dict(zip(urls, pool.map(ask, urls.values()), strict=True))


def _version(url: str, ca_file: Path | None) -> str | None:
    session = requests.Session()
    session.trust_env = False
    try:
        verify = str(ca_file) if ca_file else True
        response = session.get(url, timeout=TIMEOUT, allow_redirects=False, verify=verify)
        version = response.json().get("version") if response.ok else None
    except (requests.RequestException, ValueError, AttributeError):
        return None
    return version if isinstance(version, str) else None
