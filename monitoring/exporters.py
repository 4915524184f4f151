"""What each exporter is, read from the data files of the exporter role and of a site: one file, one exporter.

Only PyYAML is needed: the lab's image is made while the other packages are still being installed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from monitoring.errors import CatalogError
from monitoring.yaml_text import read_yaml

COMMON = "main"
"""The file in which the role keeps what all exporters share; it is no exporter."""
PARTS = ("documentation", "ready_path", "flags", "files", "environment_files", "checks", "reload", "sandbox")
"""What else a data file says, as `__exporter_PART`: one left out would be that of the exporter before it."""
INPUT = "exporter_files"
"""The input that names the data files of a site."""
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Exporter:
    """One exporter: the scrape jobs that it answers, its packages, and the inputs that only it has.

    `binaries` maps upstream's name of a program to the distribution's, the exporter itself first.
    """

    name: str
    jobs: Mapping[str, Mapping[str, Any]]
    packages: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    binaries: Mapping[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        """The TCP port of its own job, which has its name."""
        return int(self.jobs[self.name]["port"])

    def describes(self, groups: Iterable[str]) -> bool:
        """Whether it runs on a host of these inventory groups."""
        return bool({*self.jobs[self.name]["groups"]} & {*groups})


def load_exporters(directory: Path, more: Iterable[str] = ()) -> dict[str, Exporter]:
    """Every exporter by name, also of the files in *more*; CatalogError where one lacks what it must say."""
    ours = {path.stem: path for path in sorted(directory.glob("*.yml")) if path.stem != COMMON}
    found = {**ours, **_named(more, {*ours, COMMON})}
    exporters = {name: _exporter(path) for name, path in found.items()}
    _require_one_each(directory, "port", [(str(one.port), one.name) for one in exporters.values()])
    _require_one_each(directory, "job", [(job, one.name) for one in exporters.values() for job in one.jobs])
    return exporters


def _named(files: Iterable[str], taken: set[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for path in map(Path, files):
        if path.suffix != ".yml" or not NAME.fullmatch(path.stem) or path.stem in {*taken, *found}:
            raise CatalogError(
                f"{INPUT}: expected each file to have the name of a new exporter, such as haproxy.yml, "
                f"found {path}"
            )
        found[path.stem] = path
    return found


def site_files(hostvars: Mapping[str, Mapping[str, Any]], hosts: Iterable[str]) -> tuple[str, ...]:
    """The data files that a site names, the same on all its hosts: Prometheus must know each exporter."""
    said = {host: hostvars[host].get(INPUT) or () for host in hosts if host in hostvars}
    for host, files in said.items():
        first, other = next(iter(said.items()))
        if isinstance(files, str) or list(files) != list(other):
            raise CatalogError(
                f"{INPUT}: expected one list of paths for all hosts, in group_vars/all, "
                f"found {files!r} for {host} and {other!r} for {first}"
            )
    return tuple(str(path) for path in next(iter(said.values()), ()))


def _require_one_each(directory: Path, what: str, taken: Iterable[tuple[str, str]]) -> None:
    first: dict[str, str] = {}
    for value, name in taken:
        if first.setdefault(value, name) != name:
            raise CatalogError(
                f"expected each {what} in one exporter of {directory}, "
                f"found {value} in {first[value]} and {name}"
            )


def _require_parts(path: Path, data: Mapping[str, Any]) -> None:
    if missing := [part for part in PARTS if f"__exporter_{part}" not in data]:
        names = ", ".join(f"__exporter_{part}" for part in missing)
        raise CatalogError(f"expected {path} to say {names} too, if only that there is none")


def _exporter(path: Path) -> Exporter:
    name = path.stem
    try:
        data = read_yaml(path.read_text(encoding="utf-8"))
        jobs, program = data["__exporter_jobs"], data["__exporter_program"]
        packages, binaries = program["packages"], program["binaries"]
        if not isinstance(jobs[name]["port"], int):
            raise TypeError("a port that is no number")
        if not all(isinstance(each, list) for each in (packages, *(job["groups"] for job in jobs.values()))):
            raise TypeError("groups or packages that are no lists")
        if not binaries or not isinstance(binaries, dict):
            raise TypeError("binaries that name no program")
        _require_parts(path, data)
        return Exporter(name, jobs, tuple(packages), tuple(data["__exporter_own"]), binaries)
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise CatalogError(
            f"expected `__exporter_jobs: {{{name}: {{groups: [...], port: N}}}}` and `__exporter_program: "
            f"{{packages: [...], binaries: {{...}}}}` and `__exporter_own` in {path}, found {error!r}"
        ) from error
