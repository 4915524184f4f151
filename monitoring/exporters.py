"""What each exporter is, read from the data files of the exporter role: one file, one exporter.

Only PyYAML is needed: the lab's image is made while the other packages are still being installed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from monitoring.errors import CatalogError

COMMON = "main"
"""The file in which the role keeps what all exporters share; it is no exporter."""


@dataclass(frozen=True)
class Exporter:
    """One exporter: the scrape jobs that it answers, its packages, and the inputs that only it has."""

    name: str
    jobs: Mapping[str, Mapping[str, Any]]
    packages: tuple[str, ...]
    inputs: tuple[str, ...] = ()

    @property
    def port(self) -> int:
        """The TCP port of its own job, which has its name."""
        return int(self.jobs[self.name]["port"])

    def describes(self, groups: Iterable[str]) -> bool:
        """Whether it runs on a host of these inventory groups."""
        return bool({*self.jobs[self.name]["groups"]} & {*groups})


def load_exporters(directory: Path) -> dict[str, Exporter]:
    """Every exporter by name; CatalogError where a file lacks what it must say."""
    found = (path for path in sorted(directory.glob("*.yml")) if path.stem != COMMON)
    exporters = {path.stem: _exporter(path) for path in found}
    _require_one_each(directory, "port", [(str(one.port), one.name) for one in exporters.values()])
    _require_one_each(directory, "job", [(job, one.name) for one in exporters.values() for job in one.jobs])
    return exporters


def _require_one_each(directory: Path, what: str, taken: Iterable[tuple[str, str]]) -> None:
    first: dict[str, str] = {}
    for value, name in taken:
        if first.setdefault(value, name) != name:
            raise CatalogError(
                f"expected each {what} in one exporter of {directory}, "
                f"found {value} in {first[value]} and {name}"
            )


def _exporter(path: Path) -> Exporter:
    name = path.stem
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        jobs, packages = data["__exporter_jobs"], data["__exporter_program"]["packages"]
        if not isinstance(jobs[name]["port"], int):
            raise TypeError("a port that is no number")
        if not all(isinstance(each, list) for each in (packages, *(job["groups"] for job in jobs.values()))):
            raise TypeError("groups or packages that are no lists")
        return Exporter(name, jobs, tuple(packages), tuple(data["__exporter_own"]))
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise CatalogError(
            f"expected `__exporter_jobs: {{{name}: {{groups: [...], port: N}}}}` and `__exporter_program: "
            f"{{packages: [...], binaries: {{...}}}}` and `__exporter_own` in {path}, found {error!r}"
        ) from error
