"""Filters that turn the addresses of `.env` into what exporters read as files, passwords apart."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from ansible.errors import AnsibleFilterError
from ansible.plugins.filter.urlsplit import split_url as split

Parts = Mapping[str, Any]
"""An address as Ansible's `urlsplit` takes it apart."""

HOST = re.compile(r"[A-Za-z0-9_.-]+|[0-9A-Fa-f:.]+")
"""A name, or an address without its brackets."""


def database_uri(parts: Parts) -> str:
    """Return `host:port/name?options` of DATABASE_URL."""
    _known(parts, "DATABASE_URL", ("postgres", "postgresql"), "postgresql://user:pass@host:5432/mita")
    return f"{_place(parts, 5432)}{parts['path'] or '/postgres'}{_query(parts)}"


def redis_address(parts: Parts) -> str:
    """Return REDIS_URL without its password."""
    _known(parts, "REDIS_URL", ("redis", "rediss"), "redis://redis:6379")
    user = f"{parts['username']}@" if parts.get("username") else ""
    return f"{parts['scheme']}://{user}{_place(parts, 6379)}"


def redis_passwords(parts: Parts) -> str:
    """Return what the redis exporter reads: the password by the address."""
    password = unquote(parts.get("password") or "")
    return json.dumps({redis_address(parts): password} if password else {})


def backend(parts: Parts) -> dict[str, Any]:
    """Return scheme, host and port of ROLLBACK_BASE_URL."""
    _known(parts, "ROLLBACK_BASE_URL", ("http", "https"), "https://api.mita.finance")
    if parts.get("path", "").strip("/") or parts.get("query") or parts.get("username"):
        raise AnsibleFilterError(
            "ROLLBACK_BASE_URL: expected scheme, host and perhaps a port, as in https://api.mita.finance, "
            "found more; "
            "/metrics and /health/ready are asked at the root of that host"
        )
    usual = {"http": 80, "https": 443}[parts["scheme"]]
    return {"scheme": parts["scheme"], "hostname": parts["hostname"], "port": parts.get("port") or usual}


def taken_apart(address: str, name: str) -> Parts:
    """Return the parts of an address. A password that cuts it short is refused, without a word of it."""
    try:
        parts: Parts = split(address, "", "mita_parts")
    except ValueError:  # its words may have a piece of the password in them
        if "@" not in address:
            raise AnsibleFilterError(
                f"{name}: expected one host and a port of at most 65535, found what is none"
            ) from None
        parts = {"fragment": "?"}
    if parts.get("fragment") or "@" in f"{parts.get('path', '')}{parts.get('query', '')}":
        raise AnsibleFilterError(
            f"{name}: expected a user and a password in which # / ? @ : and % are written as "
            "%23 %2F %3F %40 %3A and %25, and after them one host and a port of at most 65535, "
            "found an address that cannot be read so"
        )
    return parts


def _known(parts: Parts, name: str, schemes: tuple[str, ...], example: str) -> None:
    """Refuse what is no such address, without a word of the password in it."""
    if parts.get("scheme") not in schemes:
        found = f"that begins with {parts.get('scheme') or 'no scheme'}://"
    elif not HOST.fullmatch(str(parts.get("hostname") or "")):
        found = "whose host is neither a name in ASCII nor an address"
    else:
        return
    raise AnsibleFilterError(f"{name}: expected an address such as {example}, found one {found}")


def _place(parts: Parts, usual: int) -> str:
    host = str(parts["hostname"])
    return f"{f'[{host}]' if ':' in host else host}:{parts.get('port') or usual}"


def _query(parts: Parts) -> str:
    return f"?{parts['query']}" if parts.get("query") else ""


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_backend": backend,
            "mita_parts": taken_apart,
            "mita_database_uri": database_uri,
            "mita_redis_address": redis_address,
            "mita_redis_passwords": redis_passwords,
            "mita_unquoted": unquote,
        }
