"""Addresses as services listen on them and as clients write them."""

import re
from ipaddress import ip_address

from monitoring.errors import CatalogError

_PLACE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\s\[\]]*):([0-9]{1,5})")


def split(place: str, setting: str, port: int) -> tuple[str, int]:
    """The address, without brackets, and the port of a *place*; the sentence names *setting*."""
    found = _PLACE.fullmatch(place)
    if not found:
        raise CatalogError(
            f"{setting}: expected an address with its port, such as 0.0.0.0:{port} or [::1]:{port}, "
            f"found {place}"
        )
    return found[1].strip("[]"), int(found[2])


def join(host: str, port: int) -> str:
    """`host:port`, an IPv6 address in brackets."""
    return f"{bracketed(host)}:{port}"


def bracketed(host: str) -> str:
    """The host as a URL has it."""
    return f"[{host}]" if ":" in host else host


def is_address(host: str) -> bool:
    """Whether it is an IP address and no name."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def is_everywhere(host: str) -> bool:
    """Whether who listens there listens on every address."""
    return host in ("", "*", "0.0.0.0", "::")  # noqa: S104


def is_loopback(host: str) -> bool:
    """Whether only the host itself reaches what listens there."""
    return host == "localhost" or (is_address(host) and ip_address(host).is_loopback)
