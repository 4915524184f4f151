"""The hosts themselves, asked for the version that they run."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import requests

TIMEOUT = (1.0, 2.0)

Urls = dict[str, dict[str, str]]
"""Service, host, address of the readiness probe."""


class HttpProbes:
    """Reads `version` from each host's readiness probe, all hosts at once."""

    def __init__(self, urls: Callable[[], Urls]) -> None:
        self._urls = urls

    def live_versions(self, service: str) -> dict[str, str | None]:
        """The version that each host says it runs; None for a host that is not ready or does not answer."""
        urls = self._urls().get(service, {})
        if not urls:
            return {}
        with ThreadPoolExecutor(max_workers=min(len(urls), 16)) as pool:
            return dict(zip(urls, pool.map(_version, urls.values()), strict=True))


def _version(url: str) -> str | None:
    session = requests.Session()
    session.trust_env = False
    try:
        response = session.get(url, timeout=TIMEOUT, allow_redirects=False)
        version = response.json().get("version") if response.ok else None
    except (requests.RequestException, ValueError, AttributeError):
        return None
    return version if isinstance(version, str) else None
