"""Filter `mita_wrong_inputs`: what an inventory gives the roles in another shape than they take."""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[2]
GROUPS = {
    "alertmanager": "monitoring",
    "prometheus": "monitoring",
    "exporter": "all",
    "postgresql": "postgresql",
    "redis": "redis",
    "application": "application",
    "rollback": "rollback",
    "grafana": "grafana",
}
"""The group of the hosts on which a role runs."""
SHAPES: Mapping[str, tuple[type, ...]] = {"list": (list, tuple), "dict": (Mapping,)}
WORDS = {"list": "a list", "dict": "a dictionary"}


def wrong_inputs(hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Iterable[str]]) -> list[str]:
    """Return a sentence for each input that no role could read, each once."""
    found = (
        sentence
        for role, group in GROUPS.items()
        for host in groups.get(group, ())
        for sentence in _wrong(role, host, hostvars[host])
    )
    return list(dict.fromkeys(found))


def _wrong(role: str, host: str, variables: Mapping[str, Any]) -> Iterator[str]:
    for name, kind in _inputs(role).items():
        if name not in variables:
            continue
        if kind in SHAPES and not isinstance(value := variables[name], SHAPES[kind]):
            yield f"{name} of {host}: expected {WORDS[kind]}, found {_shape(value)}"
        elif name.endswith("_version") and isinstance(value := variables[name], int | float):
            yield f'{name} of {host}: expected a version in quotes, "{value}", found the number {value}'


def _shape(value: Any) -> str:
    """What a value is, without its content: it may be a secret."""
    found = (WORDS[kind] for kind, types in SHAPES.items() if isinstance(value, types))
    return next(found, "a text" if isinstance(value, str) else "a number" if value is not None else "nothing")


@cache
def _inputs(role: str) -> dict[str, str]:
    """The inputs of a role whose shape matters, with their types."""
    document = yaml.safe_load((ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    options = document["argument_specs"]["main"]["options"]
    return {
        name: option["type"]
        for name, option in options.items()
        if option["type"] in SHAPES or name.endswith("_version")
    }


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"mita_wrong_inputs": wrong_inputs}
