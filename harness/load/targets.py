"""Which addresses load may be sent to: this machine and the lab's hosts, nothing else."""

import ipaddress
from collections.abc import Callable, Collection
from socket import gaierror, gethostbyname
from urllib.parse import urlsplit

from devtools.errors import UserError
from harness.lab.hosts import HOSTS

LAB_HOSTS = frozenset(host.name for host in HOSTS)


class ForbiddenTargetError(UserError):
    """The address is neither this machine nor a lab host; nothing was sent."""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _is_lab(host: str, hosts: Collection[str], resolve: Callable[[str], str]) -> bool:
    """A lab name counts only where it leads to a private address: inside the lab's own network."""
    if host not in hosts:
        return False
    try:
        return ipaddress.ip_address(resolve(host)).is_private
    except (gaierror, ValueError):
        return False


def permitted(
    url: str, *, hosts: Collection[str] = LAB_HOSTS, resolve: Callable[[str], str] = gethostbyname
) -> str:
    """Return *url* without a trailing slash if load may go there; raises ForbiddenTargetError."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme in ("http", "https") and (_is_loopback(host) or _is_lab(host, hosts, resolve)):
        return url.rstrip("/")
    raise ForbiddenTargetError(
        f"expected a target on this machine or a lab host, found {url!r}; load is sent nowhere else. "
        "Use http://127.0.0.1:<port>, as `harness lab status` shows it."
    )
