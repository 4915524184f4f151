"""Where each fact of a rule stands: the line of a field of a rule, by the rule's number in its file."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Lines = Mapping[str, int]


@lru_cache(maxsize=256)
def lines_of(path: Path) -> tuple[Lines, ...]:
    """Line numbers of each rule in the order of the file: "" is the rule, then `labels.severity` etc."""
    found = []
    for rule in _rules(path):
        lines = {"": rule.start_mark.line + 1}
        if isinstance(rule, yaml.MappingNode):
            _note(rule, "", lines)
        found.append(lines)
    return tuple(found)


def line_of(path: Path, index: int, field: str = "") -> int:
    """The line of a field of the rule with that number, of the rule if it lacks the field."""
    lines = lines_of(path)[index]
    return lines.get(field, lines[""])


def line_of_name(path: Path, name: str) -> int:
    """The line of the first rule of that name; 1 where the file has none."""
    found = (rule for rule in _rules(path) if name == _name(rule))
    return next((int(rule.start_mark.line) + 1 for rule in found), 1)


def line_of_field(path: Path, name: str, field: str) -> int:
    """The line of a field of the first rule of that name, of the rule if it lacks the field."""
    names = [_name(rule) for rule in _rules(path)]
    return line_of(path, names.index(name), field)


def _name(rule: Any) -> str:
    fields = _fields(rule)
    return str((fields.get("alert") or fields["record"]).value)


def _rules(path: Path) -> Iterator[Any]:
    """The node of every rule, also of those in Kubernetes objects."""
    for document in yaml.compose_all(path.read_text("utf-8"), Loader=_Loader):
        for groups in _groups(document):
            for group in groups.value:
                rules = _fields(group).get("rules") if isinstance(group, yaml.MappingNode) else None
                yield from rules.value if isinstance(rules, yaml.SequenceNode) else ()


def _groups(document: Any) -> Iterator[Any]:
    if not isinstance(document, yaml.MappingNode):
        return
    fields = _fields(document)
    if isinstance(fields.get("items"), yaml.SequenceNode):
        for item in fields["items"].value:
            yield from _groups(item)
    inner = fields.get("spec")
    found = (_fields(inner) if isinstance(inner, yaml.MappingNode) else fields).get("groups")
    if isinstance(found, yaml.SequenceNode):
        yield found


def shown(path: Path, root: Path) -> str:
    """The path from the root where it is below it, else as it is."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


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
