"""The cluster of a site's Alertmanagers, in which each notification is sent once and silences are shared."""

from collections.abc import Iterator, Mapping

from monitoring.endpoints import address
from monitoring.endpoints.endpoint import Endpoint, Vars
from monitoring.endpoints.pair import Groups, internal_or_every, is_pair

SETTING = "alertmanager_cluster_listen_address"
PORT = 9094


def place(variables: Vars, groups: Groups) -> str:
    """Where an Alertmanager listens for its peers; empty where it has none."""
    if SETTING in variables:
        return str(variables[SETTING] or "")
    return address.join(internal_or_every(variables), PORT) if is_pair(groups) else ""


def peers(here: str, hostvars: Mapping[str, Vars], groups: Groups) -> list[str]:
    """The other members as *here* reaches them; CatalogError where one listens to itself alone."""
    others = [host for host in groups.get("monitoring", ()) if host != here]
    return [one for host in others for one in _asked(here, host, hostvars[host], groups)]


def _asked(here: str, host: str, variables: Vars, groups: Groups) -> Iterator[str]:
    if found := place(variables, groups):
        listens, port = address.split(found, SETTING, PORT)
        name = "the cluster of alertmanager"
        member = Endpoint(service=name, host=host, listens=listens, port=port, setting=SETTING)
        yield address.join(member.asked_at(here, variables), port)
