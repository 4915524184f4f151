"""Wrong logins: counted by address, logged a few times, and told to slow down."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

import structlog

LOG = structlog.get_logger("rollback.door")
WINDOW_SECONDS = 60.0
FREE_ATTEMPTS = 100
"""So many wrong logins of one address in a minute are answered 401, the others 429."""
MOST_ADDRESSES = 2_000
MOST_LINES = 20
"""So many lines a minute are logged about wrong logins, however many addresses they come from."""


class Strangers:
    """Remembers wrong logins of the last minute, of so many addresses at most.

    The right secret always enters, from any address: Alertmanager may stand behind the same address
    translation as whoever guesses, and locking it out would be the easiest way to stop all rollbacks. So
    nothing here keeps anybody from guessing: the length of the secrets does, which `--check` asks for. What
    this does is to make guessing loud (429 is counted and alerts), cheap to refuse, and unable to fill the
    journal.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lines, self._lines_since, self._unlogged = 0, now(), 0

    def refused(self, address: str, door: str) -> bool:
        """Remember a wrong login; True when this address has had too many of them in a minute."""
        key, now = network(address), self._now()
        since, count = self._seen.pop(key, (now, 0))
        if now - since > WINDOW_SECONDS:
            since, count = now, 0
        count += 1
        self._seen[key] = (since, count)
        if len(self._seen) > MOST_ADDRESSES:
            self._seen.popitem(last=False)
        if count in (1, FREE_ATTEMPTS + 1):
            self._tell(now, key, door, count)
        return count > FREE_ATTEMPTS

    def _tell(self, now: float, address: str, door: str, count: int) -> None:
        if now - self._lines_since > WINDOW_SECONDS:
            self._lines, self._lines_since = 0, now
        if self._lines >= MOST_LINES:
            self._unlogged += 1
            return
        self._lines += 1
        LOG.warning(
            "login_refused", address=address, door=door, attempts=count, unlogged=self._unlogged or None
        )
        self._unlogged = 0


def network(address: str) -> str:
    """The address; for IPv6 its /64, of which one host has all, and for a mapped one what it maps."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))
