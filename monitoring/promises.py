"""What is promised to users: slo.yml, with what a site lays over it, checked before rules are made of it."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from monitoring.durations import parse_duration
from monitoring.errors import CatalogError
from monitoring.patch import merge
from monitoring.rule_files import SEVERITIES
from monitoring.yaml_text import LOADER

Promises = dict[str, Any]
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_NOT_RE2 = re.compile(r"\(\?<?[=!]|\\[1-9]")


def promises(text: str, patch: Any = None) -> Promises:
    """The promises; CatalogError with what is wrong with them in one sentence."""
    document = read_once(text, "slo.yml")
    if patch is not None and not isinstance(patch, Mapping):
        raise CatalogError(f"slo: expected a mapping laid over slo.yml, found {patch!r}")
    merged = merge(document, patch or {})
    for wrong in _wrong(merged):
        raise CatalogError(f"slo: {wrong}")
    return dict(merged)


def read_once(text: str, name: str) -> Any:
    """The structure of a YAML text in which no key occurs twice: the first one would be lost silently."""
    try:
        return yaml.load(str(text), Loader=_Once)  # noqa: S506 - a safe loader
    except yaml.YAMLError as error:
        raise CatalogError(f"{name}: expected YAML, found {error}") from None


class _Once(LOADER):  # type: ignore[misc]
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        if twice := [key for number, key in enumerate(keys) if key in keys[:number]]:
            raise yaml.YAMLError(f"{twice[0]} twice in line {node.start_mark.line + 1} and below")
        return dict(super().construct_mapping(node, deep))


def _wrong(document: Any) -> Iterator[str]:
    yield from _shape("the whole", document, _WHOLE)
    for name, path in document["journeys"].items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            yield f"expected a journey's name of small letters, digits and _, found {name!r}"
        if not _is_pattern(path):
            yield f"expected a regular expression as the paths of the journey {name}, found {path!r}"
    for name, burn in document["burns"].items():
        yield from _shape(f"the burn {name}", burn, _BURN)
    yield from _shape("exhausted", document["exhausted"], _EXHAUSTED)
    names: list[str] = []
    for objective in document["objectives"]:
        yield from _shape("an objective", objective, _OBJECTIVE, _MORE)
        name = objective["name"]
        if name in names:
            yield f"expected each objective once, found {name} twice"
        names.append(name)
        if ("bad" in objective) == ("good" in objective):
            yield f"expected `bad` or `good` of the objective {name}, found both or none"
        for alert in objective["alerts"]:
            if alert not in document["burns"]:
                yield f"expected alerts of {name} among {', '.join(document['burns'])}, found {alert}"


def _shape(where: str, found: Any, needed: "Fields", more: "Fields | None" = None) -> Iterator[str]:
    """What is missing, unknown, or not what it should be; after the first one nothing else can be judged."""
    known = {**needed, **(more or {})}
    if not isinstance(found, Mapping):
        yield f"expected {where} as a mapping with {', '.join(needed)}, found {found!r}"
    elif missing := [name for name in needed if name not in found]:
        yield f"expected {', '.join(needed)} in {where}, found no {missing[0]}: {dict(found)!r:.200}"
    elif unknown := [name for name in found if name not in known]:
        yield f"expected {', '.join(known)} in {where}, found {unknown[0]}"
    else:
        for name, value in found.items():
            what, right = known[name]
            if not right(value):
                yield f"expected {name} of {where} to be {what}, found {value!r}"


def _is_pattern(path: Any) -> bool:
    try:
        re.compile(path)
    except (TypeError, re.error):
        return False
    return bool(path) and path.isprintable() and not _NOT_RE2.search(path)


def _is_duration(value: Any) -> bool:
    try:
        return parse_duration(value) > 0
    except CatalogError:
        return False


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


Fields = Mapping[str, tuple[str, Callable[[Any], bool]]]
_DURATION = ("a duration such as 5m", _is_duration)
_TEXT = ("a text", _is_text)
_NAMES = (
    "a list of names",
    lambda value: isinstance(value, list) and bool(value) and all(map(_is_text, value)),
)
_SEVERITY = (f"one of {', '.join(SEVERITIES)}", lambda value: value in SEVERITIES)
_FLOOR = ("a number of failures of at least 1", lambda value: type(value) is int and value >= 1)
_EXHAUSTED: Fields = {"severity": _SEVERITY, "for": _DURATION, "failures": _FLOOR}
_BURN: Fields = {
    **_EXHAUSTED,
    "burn": ("a number above 0", lambda value: _is_number(value) and value > 0),
    "long": _DURATION,
    "short": _DURATION,
}
_OBJECTIVE: Fields = {
    "name": (
        "a word of small letters",
        lambda value: isinstance(value, str) and bool(_NAME.fullmatch(value)),
    ),
    "objective": ("a share above 0 and below 1", lambda value: _is_number(value) and 0 < value < 1),
    "failure": _TEXT,
    "total": _TEXT,
    "alerts": _NAMES,
}
_MORE: Fields = {"bad": _TEXT, "good": _TEXT, "by": _NAMES, "exhausted": _TEXT, "trigger": _TEXT}
_SOME = ("a mapping with something in it", lambda value: isinstance(value, Mapping) and bool(value))
_WHOLE: Fields = {
    "period": _DURATION,
    "journeys": _SOME,
    "objectives": ("a list with something in it", lambda value: isinstance(value, list) and bool(value)),
    "burns": _SOME,
    "exhausted": _SOME,
}
