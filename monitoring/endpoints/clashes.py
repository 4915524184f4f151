"""Two services that want one port of a host, and two hosts that are asked at one place."""

from collections.abc import Iterable, Mapping
from itertools import combinations

from monitoring.endpoints import address
from monitoring.endpoints.asked_targets import Target
from monitoring.endpoints.endpoint import Endpoint
from monitoring.errors import CatalogError


def refuse(found: Mapping[str, Iterable[Target]]) -> None:
    """CatalogError where services, *found* by the jobs that ask them, stand in each other's way."""
    for name, targets in found.items():
        _refuse_one_place(name, targets)
    by_port: dict[tuple[str, int], list[Endpoint]] = {}
    for one in (one.endpoint for targets in found.values() for one in targets):
        by_port.setdefault((one.host, one.port), []).append(one)
    for (host, port), several in by_port.items():
        for one, other in combinations(several, 2):
            if _meet(one, other):
                raise CatalogError(
                    f"expected a port for each service of {host}, found {port} for {one.service} and for "
                    f"{other.service}; give one of them another in the inventory"
                )


def _meet(one: Endpoint, other: Endpoint) -> bool:
    """Whether both listen on one address."""
    listens = {one.listens, other.listens}
    return len(listens) == 1 or any(address.is_everywhere(each) for each in listens)


def _refuse_one_place(name: str, targets: Iterable[Target]) -> None:
    first: dict[str, str] = {}
    for one in targets:
        host = one.endpoint.host
        if first.setdefault(one.place, host) != host:
            raise CatalogError(
                f"expected each host of the job {name} at an address of its own, found {one.place} for "
                f"{first[one.place]} and for {host}; mend their internal_address"
            )
