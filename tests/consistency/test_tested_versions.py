"""The versions that are tested stand beside the packages; the page that tells of them agrees with that."""

import re
from typing import Any

from devtools.paths import REPO
from harness.lab.hosts import RELEASES
from monitoring.exporters import load_exporters
from monitoring.yaml_text import read_yaml

EXPORTERS = REPO / "roles" / "exporter" / "vars"
ROW = re.compile(r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \|$", re.M)


def versions() -> dict[str, dict[str, str]]:
    """Per program of others, its tested version by release of Debian."""
    found: dict[str, Any] = read("roles/program/vars/main.yml")["program_components"]
    for name in load_exporters(EXPORTERS):
        found[f"{name}_exporter"] = read(f"roles/exporter/vars/{name}.yml")["__exporter_program"]
    return {name: each.get("tested", {}) for name, each in found.items() if name != "application"}


def read(path: str) -> Any:
    return read_yaml((REPO / path).read_text("utf-8"))


def test_every_program_of_others_says_with_which_versions_it_is_tested() -> None:
    assert {name for name, known in versions().items() if set(known) != set(RELEASES)} == set()


def test_operations_lists_them() -> None:
    page = (REPO / "docs" / "operations.md").read_text("utf-8")
    listed = {name: {"bookworm": older, "trixie": newer} for name, older, newer in ROW.findall(page)}

    assert listed == versions()
