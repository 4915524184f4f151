"""Addresses as services listen on them and as clients write them."""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from monitoring.errors import CatalogError

_PLACE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\s\[\]]*):([0-9]+)")
_NAME = re.compile(r"(?=.*[A-Za-z])[\w-]+(\.[\w-]+)*\.?", re.ASCII)
HIGHEST_PORT = 65535


def split(place: str, setting: str, port: int) -> tuple[str, int]:
    """The address, without brackets, and the port of a *place*; the sentence names *setting*."""
    found = _PLACE.fullmatch(place)
    if not found:
        raise CatalogError(
            f"{setting}: expected an address with its port, such as 0.0.0.0:{port} or [::1]:{port}, "
            f"found {place}"
        )
    return found[1].strip("[]"), port_of(found[2], setting)


def port_of(given: Any, setting: str) -> int:
    """The port that *given* is, a number or its digits; the sentence names *setting*."""
    if not str(given).isdecimal() or not 0 < int(given) <= HIGHEST_PORT:
        raise CatalogError(f"{setting}: expected a port from 1 to {HIGHEST_PORT}, found {given!r}")
    return int(given)


def of_host(host: str, variables: Mapping[str, Any]) -> str:
    """The address by which others reach a host: what the inventory says, or else its name."""
    found = str(variables.get("internal_address") or host)
    if not (_NAME.fullmatch(found) or is_address(found)):
        raise CatalogError(
            f"internal_address of {host}: expected what others reach it by and no port, such as 10.0.0.11, "
            f"fd5e::4 or a name, found {found}"
        )
    return found


def external(url: Any, setting: str) -> str:
    """The path before every other one in the address that people type; the sentence names *setting*."""
    if not url:
        return ""
    try:
        parts = urlsplit(str(url))
        host = parts.hostname or ""
        named = _NAME.fullmatch(host) or is_address(host)
        right = parts.scheme in ("http", "https") and named and (parts.port or 1) and not parts.query
    except ValueError:
        right = False
    if not right or re.search(r"[\s#]", str(url)):
        raise CatalogError(
            f"{setting}: expected an address such as https://mon.example.org/path, found {url!r}"
        )
    return parts.path


def join(host: str, port: int) -> str:
    """`host:port`, an IPv6 address in brackets."""
    return f"{bracketed(host)}:{port}"


def bracketed(host: str) -> str:
    """The host as a URL has it."""
    return f"[{host}]" if ":" in host else host


def is_address(host: str) -> bool:
    """Whether it is an IP address and no name; one with a zone (`fe80::1%eth0`) means nothing to others."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def is_everywhere(host: str) -> bool:
    """Whether who listens there listens on every address."""
    return host in ("", "*", "0.0.0.0", "::")  # noqa: S104


def is_loopback(host: str) -> bool:
    """Whether only the host itself reaches what listens there."""
    return host == "localhost" or (is_address(host) and ip_address(host).is_loopback)
