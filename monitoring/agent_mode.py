"""A Prometheus as an agent: it scrapes and writes to stores, and neither evaluates nor answers questions."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from monitoring.errors import CatalogError

INPUT = "prometheus_mode"
AGENT, SERVER = MODES = ("agent", "server")
EVALUATED = ("prometheus_rule_files", "prometheus_slo", "prometheus_alert_overrides", "alert_overrides")
"""Inputs about rules, which nobody evaluates here."""
DROPPED = ("rule_files", "alerting")
"""Parts of our prometheus.yml that an agent refuses."""
REFUSED = ("remote_read",)
"""Parts of a site's own that it refuses."""

Vars = Mapping[str, Any]
Groups = Mapping[str, Iterable[str]]


def mode(variables: Vars) -> str:
    """What the Prometheus of a host is."""
    return str(variables.get(INPUT, SERVER))


def problems(groups: Groups, hostvars: Mapping[str, Vars]) -> list[str]:
    """A sentence for each part of a site that an agent would leave without what it needs."""
    hosts = {host: hostvars[host] for host in groups.get("monitoring", ())}
    agents = [host for host in hosts if mode(hosts[host]) == AGENT]
    if not agents:
        return []
    return [
        *_mixed(agents, [host for host in hosts if host not in agents]),
        *_evaluated(agents, hosts),
        *_asking(groups, hostvars),
    ]


def _mixed(agents: Sequence[str], servers: Sequence[str]) -> Iterator[str]:
    if servers:
        yield (
            f"{INPUT}: expected all hosts of the group monitoring in one mode, found "
            f"{', '.join(agents)} as agent and {', '.join(servers)} as server: "
            "what asks the one would have to ask the other in its place"
        )


def _evaluated(agents: Sequence[str], hosts: Mapping[str, Vars]) -> Iterator[str]:
    for host in agents:
        for name in EVALUATED:
            if hosts[host].get(name):
                yield (
                    f"{name} of {host}: expected none where {INPUT} is {AGENT}, which evaluates no rules; "
                    "give them to the Prometheus that its store is, or that reads its store"
                )


def _asking(groups: Groups, hostvars: Mapping[str, Vars]) -> Iterator[str]:
    daemons = list(groups.get("rollback", ()))
    if daemons:
        yield (
            f"rollback: expected no host in this group where {INPUT} is {AGENT}, found {', '.join(daemons)}: "
            "an agent raises no alert and answers no question, so nothing would ever be rolled back"
        )
    wanted = [host for host in groups.get("monitoring", ()) if hostvars[host].get("grafana_wanted")]
    blind = [
        host
        for host in dict.fromkeys([*groups.get("grafana", ()), *wanted])
        if not hostvars[host].get("grafana_prometheus_url")
    ]
    if blind:
        yield (
            f"grafana_prometheus_url of {', '.join(blind)}: expected the address of the store where "
            f"{INPUT} is {AGENT}, found none: an agent answers no question"
        )


def reduced(config: Mapping[str, Any]) -> dict[str, Any]:
    """A prometheus.yml as an agent takes it; CatalogError where it could not, or would write nowhere."""
    for name in REFUSED:
        if config.get(name):
            raise CatalogError(
                f"prometheus_overrides: expected no {name} where {INPUT} is {AGENT}, which takes none; "
                "leave it out"
            )
    if not config.get("remote_write"):
        raise CatalogError(
            f"prometheus_remote_write: expected a store where {INPUT} is {AGENT}, which keeps nothing "
            "itself, found none; name one, such as {url: https://store/api/v1/push}"
        )
    return {name: value for name, value in config.items() if name not in DROPPED}


def flags(version: str, directory: str) -> list[str]:
    """What makes a Prometheus of this version an agent that keeps what is not sent yet in *directory*.

    A version of which nothing is known, as before the installation, is told as Debian's is.
    """
    major = version.rpartition(":")[2].partition(".")[0]
    word = "--agent" if major.isdecimal() and int(major) >= 3 else "--enable-feature=agent"
    return [word, f"--storage.agent.path={directory}"]
