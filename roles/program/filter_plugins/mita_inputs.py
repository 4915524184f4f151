"""Filters about inputs: what an inventory gives the roles in another shape than they take, or misspells.

Each role would refuse it, too, but only when its turn comes: other hosts are changed by then.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.common.validation import check_type_bool, check_type_float, check_type_int
from ansible.utils.display import Display
from jinja2 import Undefined, UndefinedError

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from monitoring.endpoints.address import HIGHEST_PORT
from monitoring.yaml_text import read_yaml

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
SHAPES: Mapping[str, tuple[type, ...]] = {
    "list": (list, tuple),
    "dict": (Mapping,),
    "str": (str, int, float),
    "path": (str,),
}
CONVERSIONS = {"int": check_type_int, "float": check_type_float, "bool": check_type_bool}
"""How Ansible reads what an inventory may write as a number or as a text."""
WORDS = {
    "list": "a list",
    "dict": "a dictionary",
    "str": "a text",
    "path": "a path",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}

Option = Mapping[str, Any]


def wrong_inputs(hostvars: Mapping[str, Mapping[str, Any]], groups: Mapping[str, Iterable[str]]) -> list[str]:
    """Return a sentence for each group and each input with which no role could work, each once."""
    found = (
        sentence
        for role, group in GROUPS.items()
        for host in groups.get(group, ())
        for sentence in _wrong(role, host, hostvars[host])
    )
    return list(dict.fromkeys([*_wrong_groups(groups), *found]))


def misspelt_inputs(hostvars: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Warn of variables that are almost an input's name: a site may mean its own. Return the sentences."""
    known = {name for role in GROUPS for name in _inputs(role)}
    found = {
        f"no role reads {name}; is {meant[0]} meant?": None
        for host in hostvars
        for name in hostvars[host]
        if name.partition("_")[0] in GROUPS and name not in known
        if (meant := get_close_matches(name, known, n=1, cutoff=0.93))
    }
    for sentence in found:
        Display().warning(sentence)
    return list(found)


def _wrong_groups(groups: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """A group whose name is misspelt: nothing would be installed, and nobody told."""
    known = {*GROUPS.values()}
    for name in groups:
        meant = [] if name in known else get_close_matches(name, known, n=1, cutoff=0.85)
        if meant and not groups.get(meant[0]):
            yield f"the group {name}: expected a host in {meant[0]}, found none; is {meant[0]} meant?"


def _wrong(role: str, host: str, variables: Mapping[str, Any]) -> Iterator[str]:
    for name, option in _inputs(role).items():
        if name in variables:
            place = f"{name} of {host}"
            try:
                yield from [
                    *_complaints(place, name, variables[name], option),
                    *_half_pair(place, name, variables),
                ]
            except (AnsibleError, UndefinedError) as error:
                yield f"{place}: expected {WORDS.get(option['type'], 'a value')}, found: {error}"


def _half_pair(place: str, name: str, variables: Mapping[str, Any]) -> Iterator[str]:
    key = f"{name.removesuffix('cert')}key"
    if name.endswith("_tls_cert") and bool(variables[name]) != bool(variables.get(key)):
        yield f"{place}: expected it together with {key}, found one of them alone"


def _complaints(place: str, name: str, value: Any, option: Option) -> Iterator[str]:
    if isinstance(value, Undefined):
        str(value)  # raises what Ansible says of an expression that has no value
    kind = option.get("type", "raw")
    if value is None:
        yield f"{place}: expected {WORDS.get(kind, 'a value')}, found nothing; leave the line out"
    elif name.endswith("_version") and isinstance(value, int | float):
        yield f'{place}: expected a version in quotes, "{value}", found the number {value}'
    elif not _fits(kind, value):
        yield f"{place}: expected {WORDS[kind]}, found {_shape(value)}"
    elif name.endswith("_port") and not 0 < int(value) <= HIGHEST_PORT:
        yield f"{place}: expected a port from 1 to {HIGHEST_PORT}, found {value}"
    elif value not in (choices := option.get("choices", [value])):
        yield f"{place}: expected one of {', '.join(map(repr, choices))}, found {value!r}"
    elif kind == "list":
        inner = {"type": option.get("elements", "raw"), "options": option.get("options")}
        for number, each in enumerate(value, 1):
            yield from _complaints(f"{place}, item {number}", "", each, inner)
    elif option.get("options"):
        yield from _keys(place, value, option["options"])


def _keys(place: str, value: Mapping[str, Any], options: Mapping[str, Option]) -> Iterator[str]:
    for key in value:
        if key not in options:
            yield f"{place}: expected some of {', '.join(options)}, found {key}"
    for key, option in options.items():
        if key in value:
            yield from _complaints(f"{place}, {key}", key, value[key], option)
        elif option.get("required"):
            yield f"{place}: expected {key}, found only {', '.join(map(str, value)) or 'nothing'}"


def _fits(kind: str, value: Any) -> bool:
    if kind in SHAPES:
        return isinstance(value, SHAPES[kind]) and not (kind == "str" and isinstance(value, bool))
    try:
        CONVERSIONS.get(kind, bool)(value)
    except (TypeError, ValueError):
        return False
    return not (kind in ("int", "float") and isinstance(value, bool))


def _shape(value: Any) -> str:
    """What a value is, without its content: it may be a secret."""
    if isinstance(value, bool):
        return "true or false, which YAML makes of some words without quotes"
    if isinstance(value, str):
        return WORDS["str"]
    return next((WORDS[kind] for kind in ("list", "dict") if isinstance(value, SHAPES[kind])), "a number")


@cache
def _inputs(role: str) -> dict[str, Option]:
    """The inputs of a role."""
    document = read_yaml((ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    return dict(document["argument_specs"]["main"]["options"])


class FilterModule:
    """What Ansible loads."""

    def filters(self) -> dict[str, object]:
        """Return the filters by name."""
        return {"mita_misspelt_inputs": misspelt_inputs, "mita_wrong_inputs": wrong_inputs}
