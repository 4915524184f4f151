"""What a role documents is what it does: names and values of its inputs have two homes that must agree."""

from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO
from monitoring.yaml_text import read_yaml

ROLES = sorted(path.parent.parent for path in (REPO / "roles").glob("*/tasks/main.yml"))
every_role = pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)


def read(path: Path) -> Any:
    return read_yaml(path.read_text(encoding="utf-8")) if path.exists() else {}


def options(role: Path) -> dict[str, dict[str, Any]]:
    specs = read(role / "meta" / "argument_specs.yml").get("argument_specs", {})
    return {name: option for spec in specs.values() for name, option in spec.get("options", {}).items()}


@every_role
def test_every_default_is_documented_with_its_value(role: Path) -> None:
    documented = {name: option["default"] for name, option in options(role).items() if "default" in option}

    assert documented == (read(role / "defaults" / "main.yml") or {})


@every_role
def test_every_input_has_a_description_and_a_default_unless_required(role: Path) -> None:
    found = options(role)

    assert found, f"{role.name} has no meta/argument_specs.yml with options"
    for name, option in found.items():
        assert option.get("description"), f"{name} has no description"
        assert ("default" in option) != bool(option.get("required")), f"{name}: a default, or required"


@every_role
def test_every_input_carries_the_name_of_its_role(role: Path) -> None:
    assert [name for name in options(role) if not name.startswith(f"{role.name}_")] == []
