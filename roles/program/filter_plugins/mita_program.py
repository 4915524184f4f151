"""Filter that describes the programs of a component, as `managed_service` takes them."""

import sys
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring.yaml_text import read_yaml
from roles.program.module_utils.mita_program.model import Program, places

COMPONENTS = Path(__file__).resolve().parents[1] / "vars" / "main.yml"


def program(
    name: str,
    component: Mapping[str, Any] | None = None,
    *,
    method: str = "package",
    version: str = "",
    url: Any = "",
    checksum: Any = "",
    linked: bool = True,
    packages: Iterable[str] = (),
) -> dict[str, Any]:
    """Return what a component is and whence it comes, with the `paths` of its programs once they are there.

    *component* says what one is that roles/program/vars does not know; *packages* are needed beside its own.
    """
    known = components()[name] if component is None else component
    found = {
        **known,
        "packages": [*known.get("packages", []), *packages],
        "name": name,
        "method": method,
        "version": version,
        "url": url,
        "checksum": checksum,
        "linked": linked,
    }
    return {**found, "paths": places(_as_placed(found))}


def _as_placed(found: Mapping[str, Any]) -> Program:
    return Program(
        name=found["name"],
        method=found["method"],
        version=str(found["version"]),
        binaries=dict(found.get("binaries", {})),
        tree=found.get("tree", ""),
    )


@cache
def components() -> dict[str, dict[str, Any]]:
    """Return every component that is known here, by its name."""
    return dict(read_yaml(COMPONENTS.read_text(encoding="utf-8"))["program_components"])


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filter by name."""
        return {"mita_program": program}
