"""Several monitoring hosts: each must reach what the others run, so that loopback is no default."""

from collections.abc import Iterable, Mapping

from monitoring.endpoints import address
from monitoring.endpoints.endpoint import Vars

Groups = Mapping[str, Iterable[str]]


def is_pair(groups: Groups) -> bool:
    """Whether more than one host monitors the site."""
    return len(list(groups.get("monitoring", ()))) > 1


def default_host(variables: Vars, groups: Groups, certificate: str) -> str:
    """Where a service listens that only monitoring hosts ask; with a certificate it is for people too."""
    if certificate:
        return "0.0.0.0"  # noqa: S104
    return internal_or_every(variables) if is_pair(groups) else "127.0.0.1"


def internal_or_every(variables: Vars) -> str:
    """The address by which others reach this host, where the inventory says one; else every address."""
    internal = str(variables.get("internal_address") or "")
    return internal if address.is_address(internal) else "0.0.0.0"  # noqa: S104
