"""Where each fact of a rule stands: the lines of a rule file by the rule's name and field."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from devtools.paths import REPO

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Lines = Mapping[str, int]


@lru_cache(maxsize=64)
def lines_of(path: Path) -> Mapping[str, Lines]:
    """Line numbers by rule: "" is the rule itself, then its fields, `labels.severity` and the like."""
    found: dict[str, dict[str, int]] = {}
    document = _fields(yaml.compose(path.read_text("utf-8"), Loader=_Loader))
    for group in document["groups"].value:
        for rule in _fields(group)["rules"].value:
            fields = _fields(rule)
            lines = {"": rule.start_mark.line + 1}
            _note(rule, "", lines)
            found[str((fields.get("alert") or fields["record"]).value)] = lines
    return found


def place(path: Path, name: str, field: str = "") -> str:
    """`file:line` of a field of a rule, from the repository's root; of the rule if it lacks the field."""
    lines = lines_of(path)[name]
    return f"{path.relative_to(REPO)}:{lines.get(field, lines[''])}"


def line_at(path: Path, *where: str | int) -> int:
    """The line of a part of a YAML file: keys of mappings and places in lists, from the outermost."""
    node: Any = yaml.compose(path.read_text("utf-8"), Loader=_Loader)
    for step in where:
        node = node.value[step] if isinstance(step, int) else _fields(node)[step]
    return int(node.start_mark.line) + 1


def _note(node: yaml.MappingNode, prefix: str, lines: dict[str, int]) -> None:
    for key, value in node.value:
        lines[f"{prefix}{key.value}"] = key.start_mark.line + 1
        if isinstance(value, yaml.MappingNode):
            _note(value, f"{prefix}{key.value}.", lines)


def _fields(node: Any) -> dict[str, Any]:
    return {key.value: value for key, value in node.value}
