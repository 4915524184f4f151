"""Filters that say where a service listens and how others ask it, as monitoring/endpoints decides."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring.endpoints import access, address, endpoint, half_closed, pair
from monitoring.endpoints import known_services as services
from monitoring.endpoints.pair import Groups
from monitoring.errors import CatalogError

Vars = Mapping[str, Any]


def own_url(name: str, variables: Vars) -> str:
    """Return where a service is asked on its own host: on loopback if it listens everywhere."""
    try:
        found = services.service(name, "this host", variables, {})
    except CatalogError as error:
        raise AnsibleFilterError(str(error)) from error
    return endpoint.url(found, "127.0.0.1" if address.is_everywhere(found.listens) else found.listens)


def neighbour(
    name: str,
    groups: Groups,
    hostvars: Mapping[str, Vars],
    here: str,
    named: bool = False,
    twins: bool = False,
) -> dict[str, Any]:
    """Return how *here* asks the nearest service of this name, its `url` and access; else nothing.

    *named* is for a client that expects the name of the address in the certificate, and can be told no other.
    One that asks *twins* when the nearest does not answer is also given `others`, with an access to all.
    """
    hosts = services.by_nearness(name, groups, here)[: None if twins else 1]
    if not hosts:
        return {}
    try:
        found = [services.service(name, host, hostvars[host], groups) for host in hosts]
        asked = [(one, _asked(one, here, hostvars[one.host], named)) for one in found]
        first, *others = [endpoint.url(*one) for one in asked]
        way = access.access(name, asked, {})
    except CatalogError as error:
        raise AnsibleFilterError(str(error)) from error
    return {"url": first, **({"others": others} if others else {}), **way}


def _asked(one: endpoint.Endpoint, here: str, variables: Vars, named: bool) -> str:
    return (one.asked_by_name_at if named else one.asked_near)(here, variables)


def default_host(groups: Groups, internal: str, certificate: str) -> str:
    """Return where a service listens unless the inventory says more; *internal* is the `internal_address`."""
    return pair.default_host({"internal_address": internal}, groups, certificate)


def half_open(hostvars: Mapping[str, Vars], groups: Groups) -> list[str]:
    """Return a sentence for each port of several monitoring hosts that is open while its like are closed."""
    try:
        return list(half_closed.problems(groups, hostvars))
    except CatalogError as error:
        raise AnsibleFilterError(str(error)) from error


def place(host: str, port: int | str) -> str:
    """Return `host:port` as clients and listeners write it."""
    return address.join(str(host), int(port))


def database_place(listens: Iterable[str], port: int) -> str:
    """Return where a database that listens on these addresses is asked on its own host."""
    return address.join(database_host(listens), int(port))


def database_host(listens: Iterable[str]) -> str:
    """Return the same without the port."""
    hosts = [str(one).removeprefix("-").strip("[]") for one in listens]
    near = [host for host in hosts if address.is_everywhere(host) or address.is_loopback(host)]
    return "127.0.0.1" if near or not hosts else hosts[0]


def server(place: str, setting: str, usual: int) -> dict[str, Any]:
    """Return the `host` and `port` of a server; a sentence about another form of *place* names *setting*."""
    try:
        host, port = address.split(place, setting, usual)
    except CatalogError as error:
        raise AnsibleFilterError(str(error)) from error
    return {"host": host, "port": port}


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_database_host": database_host,
            "mita_database_place": database_place,
            "mita_default_host": default_host,
            "mita_half_open": half_open,
            "mita_neighbour": neighbour,
            "mita_own_url": own_url,
            "mita_place": place,
            "mita_server": server,
        }
