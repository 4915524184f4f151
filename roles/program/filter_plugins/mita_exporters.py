"""Filters about exporters: which there are, which run on a host, and where each listens."""

import json
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleFilterError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring import watched_programs
from monitoring.endpoints import address
from monitoring.endpoints import instances as found_on
from monitoring.errors import CatalogError
from monitoring.exporters import Exporter, load_exporters, site_files
from monitoring.patch import merge
from monitoring.yaml_text import read_yaml

PROBERS = ("http", "tcp", "icmp", "dns", "grpc")
VARS = Path(__file__).resolve().parents[2] / "exporter" / "vars"

Vars = Mapping[str, Any]


def exporters(files: Iterable[str]) -> list[str]:
    """Return the names of all exporters, also of those in the *files* of the site."""
    return list(_kinds(files))


def data_file(name: str, files: Iterable[str]) -> str:
    """Return the data file of an exporter; raise where there is no exporter of that name."""
    if name not in (known := exporters(files)):
        raise AnsibleFilterError(
            f"exporter_name: expected one of {', '.join(known)}, found {name}; a new exporter is a file of "
            "its name in roles/exporter/vars, or one of the site's that exporter_files names"
        )
    return next((str(path) for path in files if Path(path).stem == name), str(VARS / f"{name}.yml"))


def exporter_jobs(groups: Mapping[str, Iterable[str]], hostvars: Mapping[str, Vars]) -> dict[str, Any]:
    """Return the scrape jobs of every exporter, as `prometheus_jobs` holds a job."""
    kinds = _site_kinds(hostvars, groups)
    for kind in kinds.keys() - _kinds(()).keys():
        if not kinds[kind].describes(groups):
            raise AnsibleFilterError(
                f"exporter_files: expected {kind} to describe a group of this inventory, "
                f"found {', '.join(kinds[kind].jobs[kind]['groups']) or 'none'}"
            )
    return {job: spec for one in kinds.values() for job, spec in one.jobs.items()}


def instances(
    host: str, hostvars: Mapping[str, Vars], groups: Mapping[str, Iterable[str]]
) -> list[dict[str, str]]:
    """Return the exporters of a host, each with its `name` and `kind`."""
    try:
        found = found_on.endpoints(_site_kinds(hostvars, groups), host, hostvars[host], groups)
    except CatalogError as error:
        raise AnsibleFilterError(str(error)) from error
    return [{"name": one.name, "kind": one.kind} for one, _ in found]


def inputs(name: str, given: Any, host: str, files: Iterable[str] = ()) -> dict[str, Any]:
    """Return what *given*, the inventory's `exporter_instances`, says of one exporter."""
    try:
        found_on.check(_kinds(files), host, given)
    except CatalogError as error:
        raise AnsibleFilterError(str(error)) from error
    said = {key: value for key, value in (given.get(name) or {}).items() if key != "kind"}
    return dict(json.loads(json.dumps(said)))


def listens(
    kind: str,
    groups: Mapping[str, Iterable[str]],
    host: str,
    internal: str,
    certificate: str,
    files: Iterable[str] = (),
) -> str:
    """Return where an exporter of this kind listens unless the inventory says more."""
    found = found_on.default_host(host, {"internal_address": internal}, groups, certificate)
    return address.join(found, _kinds(files)[kind].port)


def asked(place: str) -> str:
    """Return where what listens at *place* is asked on its own host: on loopback if that is everywhere."""
    try:
        host, port = address.split(place, "listen_address", 9100)
    except CatalogError as error:
        raise AnsibleFilterError(str(error)) from error
    return address.join("127.0.0.1" if address.is_everywhere(host) else host, port)


def blackbox(text: str, modules: Any) -> str:
    """Return blackbox.yml with the site's modules laid over it."""
    plain = json.loads(json.dumps(modules))
    if not isinstance(plain, dict):
        raise AnsibleFilterError(f"exporter_blackbox_modules: expected modules by name, found {modules!r}")
    config = merge(read_yaml(text), {"modules": plain})
    for name, module in config["modules"].items():
        prober = module.get("prober") if isinstance(module, dict) else repr(module)
        if prober not in PROBERS:
            raise AnsibleFilterError(
                f"exporter_blackbox_modules: expected {name} to have a prober, "
                f"{', '.join(PROBERS)}, found {prober!r}"
            )
    return yaml.safe_dump(config, sort_keys=False) if plain else text


def watched(names: Any) -> str:
    """Return what the process exporter reads of the programs that a site names."""
    try:
        return watched_programs.config(json.loads(json.dumps(names)))
    except CatalogError as error:
        raise AnsibleFilterError(str(error)) from error


def unwatched(hostvars: Mapping[str, Vars], groups: Mapping[str, Iterable[str]]) -> list[str]:
    """Return a sentence for each host in the group of the process exporter whose programs are not said."""
    return list(watched_programs.problems(groups, hostvars))


def _site_kinds(hostvars: Mapping[str, Vars], groups: Mapping[str, Iterable[str]]) -> dict[str, Exporter]:
    hosts = dict.fromkeys(host for hosts in groups.values() for host in hosts)
    try:
        return _kinds(site_files(hostvars, hosts))
    except CatalogError as error:
        raise AnsibleFilterError(str(error)) from error


def _kinds(files: Iterable[str]) -> dict[str, Exporter]:
    try:
        return _read(tuple(str(path) for path in files))
    except CatalogError as error:
        raise AnsibleFilterError(str(error)) from error


@cache
def _read(files: tuple[str, ...]) -> dict[str, Exporter]:
    return load_exporters(VARS, files)


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {
            "mita_blackbox": blackbox,
            "mita_exporter_asked": asked,
            "mita_exporter_file": data_file,
            "mita_exporter_inputs": inputs,
            "mita_exporter_instances": instances,
            "mita_exporter_jobs": exporter_jobs,
            "mita_exporter_listens": listens,
            "mita_exporters": exporters,
            "mita_unwatched": unwatched,
            "mita_watched_programs": watched,
        }
