"""Everything that one Prometheus asks: targets, how they let it in, and through whom it probes and alerts."""

from collections.abc import Mapping
from typing import Any

from monitoring.endpoints import clashes
from monitoring.endpoints.asked_targets import Inventory, Target, access_of, entries, targets
from monitoring.endpoints.known_services import GROUPS
from monitoring.errors import CatalogError

PROBER = "blackbox"
"""The exporter that asks for others."""
USUAL = "127.0.0.1:9115"
"""Where that is unless the inventory says more, as prometheus.yml has it."""
ALERTS = "alertmanager"
PUBLIC = "blackbox-public"
"""The job of the addresses that users type, which are no ports of the inventory."""

Given = Mapping[str, Mapping[str, Any]]


def scrapes(jobs: Given, site: Inventory, given: Given) -> dict[str, Any]:
    """`targets` and `access` by job, the jobs that are `known`, the `prober` of others, `alerts_path`."""
    jobs = {**jobs, PUBLIC: {"url_path": ""}}
    found = {
        name: targets(name, job, site, _encrypted(given.get(name, {}))) for name, job in sorted(jobs.items())
    }
    known = [name for name in found if name in GROUPS or name in site.kinds]
    clashes.refuse({name: found[name] for name in known})
    _refuse_two_ways(found.get(ALERTS, []))
    listed = {name: entries(name, jobs[name], found[name], site) for name in found}
    asked = {name: _ways(name, jobs[name], found, site, given) for name in found}
    asked |= {name: dict(way) for name, way in given.items() if name not in asked}
    probers = [one for one in found.get(PROBER, []) if one.endpoint.host == site.here]
    return {
        "targets": {name: each for name, each in listed.items() if each},
        "access": {name: way for name, way in asked.items() if way},
        "known": known,
        "prober": probers[0].place if probers else USUAL,
        "alerts_path": next((one.endpoint.path for one in found.get(ALERTS, [])), ""),
    }


def _ways(
    name: str, job: Mapping[str, Any], found: Mapping[str, list[Target]], site: Inventory, given: Given
) -> dict[str, Any]:
    """How a job is let in: a probe by the exporter that probes, everything else by what it asks."""
    if "url_path" not in job:
        return access_of(name, found[name], given.get(name, {}))
    probers = [one for one in found.get(PROBER, []) if one.endpoint.host == site.here]
    return access_of(name, probers, given.get(name, {}))


def _encrypted(given: Mapping[str, Any]) -> bool:
    """Whether the inventory says that a port speaks TLS: then it is there for others, asked by its name."""
    return bool(given.get("tls") or "ca" in given)


def _refuse_two_ways(found: list[Target]) -> None:
    """Refuse Alertmanagers that differ: alerts are delivered to all of them in one way."""
    ways = {(one.endpoint.scheme, one.endpoint.path): one.endpoint.host for one in found}
    if len(ways) > 1:
        raise CatalogError(
            f"expected every Alertmanager with the same external path, and with a certificate or without, "
            f"found {' and '.join(ways.values())} to differ"
        )
