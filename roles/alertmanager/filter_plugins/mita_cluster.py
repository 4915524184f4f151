"""Filters about the cluster of a site's Alertmanagers, as monitoring/endpoints decides."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring.endpoints import address, cluster
from monitoring.endpoints.pair import Groups
from monitoring.errors import CatalogError

Vars = Mapping[str, Any]


def cluster_place(groups: Groups, variables: Vars) -> str:
    """Return where the Alertmanager of a host listens for its peers; nothing where it has none."""
    return cluster.place(variables, groups)


def cluster_peers(groups: Groups, hostvars: Mapping[str, Vars], here: str) -> list[str]:
    """Return the other members as *here* reaches them."""
    try:
        return cluster.peers(here, hostvars, groups)
    except CatalogError as error:
        raise AnsibleFilterError(str(error)) from error


def told_to_peers(place: str, internal: str, facts: Mapping[str, Any]) -> str:
    """Return the address that peers are told, or nothing where it is the one that the cluster listens on.

    Alertmanager takes no name for one, and by itself finds no other than a private one.
    """
    if not place:
        return ""
    try:
        host, port = address.split(place, cluster.SETTING, cluster.PORT)
    except CatalogError as error:
        raise AnsibleFilterError(str(error)) from error
    if not address.is_everywhere(host):
        return ""
    own = [facts.get(f"default_{family}", {}).get("address", "") for family in ("ipv4", "ipv6")]
    found = [one for one in (internal, *own) if address.is_address(one)]
    return address.join(found[0], port) if found else ""


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_cluster_peers": cluster_peers,
            "mita_cluster_place": cluster_place,
            "mita_told_to_peers": told_to_peers,
        }
