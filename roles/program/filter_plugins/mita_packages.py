"""Filters about a whole host of a site: the services that run there, and the packages that they will need."""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring.endpoints import instances
from monitoring.exporters import load_exporters, site_files
from roles.program.filter_plugins.mita_program import components as program_components

EXPORTERS = Path(__file__).resolve().parents[2] / "exporter" / "vars"
SERVICES = {
    "postgresql": "postgresql",
    "redis": "redis",
    "alertmanager": "monitoring",
    "prometheus": "monitoring",
    "application": "application",
    "rollback": "rollback",
}
"""Each service with the group whose hosts run it. What an exporter describes is in its data file."""

Vars = Mapping[str, Any]
Groups = Mapping[str, Iterable[str]]


def services(host: str, hostvars: Mapping[str, Vars], groups: Groups) -> list[str]:
    """Return the services of a host. Where Prometheus is an agent nothing raises alerts: no Alertmanager."""
    agent = hostvars[host].get("prometheus_mode") == "agent"
    found = [name for name, group in SERVICES.items() if host in groups.get(group, ())]
    return [name for name in found if not (agent and name == "alertmanager")]


def packages(
    host: str,
    hostvars: Mapping[str, Vars],
    groups: Groups,
    components: Mapping[str, Mapping[str, Any]] | None = None,
) -> list[str]:
    """Return what a host will need of its distribution, but for what is pinned to a version, all by name."""
    components = program_components() if components is None else components
    given, hosts = hostvars[host], {name for names in groups.values() for name in names}
    needed = [
        package
        for name in services(host, hostvars, groups)
        if name in components and _unpinned(name, given)
        for package in components[name]["packages"]
    ]
    kinds = load_exporters(EXPORTERS, site_files(hostvars, hosts))
    for one, _ in instances.endpoints(kinds, host, given, groups):
        if _unpinned("exporter", given, (given.get("exporter_instances") or {}).get(one.name) or {}):
            needed += kinds[one.kind].packages
    return sorted(set(needed))


def _unpinned(name: str, given: Vars, said: Vars = MappingProxyType({})) -> bool:
    method = said.get("install_method", given.get(f"{name}_install_method", "package"))
    return method == "package" and not said.get("version", given.get(f"{name}_version"))


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"mita_packages": packages, "mita_services": services}
