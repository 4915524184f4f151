"""One rule file, read with its faults: a rule that is none is told, and the others are judged without it."""

import reprlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from monitoring.durations import parse_duration
from monitoring.errors import CatalogError
from ruletools.documents import Document, as_texts, groups_in
from ruletools.errors import RulesError
from ruletools.places import shown
from ruletools.ruleset import Rule, RuleFile
from ruletools.unreadable import Problem

Tell = Callable[[str], None]
WAITS = ("for", "keep_firing_for")
TEXTS = ("labels", "annotations")


def read_rule_file(document: Document, problems: list[Problem], *, context: bool = False) -> RuleFile:
    """The rules of a file, by their groups."""

    def tell(what: str) -> None:
        problems.append(Problem(document.path, what))

    groups, numbers = [], []
    for number, group in _groups(document.path, tell):
        rules = []
        for index, given in enumerate(group["rules"]):
            try:
                rules.append(_rule(given, group.get("labels") or {}))
            except CatalogError as error:
                tell(f"group {group['name']!r}, rule {index + 1}: {error}")
            else:
                numbers.append(number + index)
        groups.append({**group, "rules": rules})
    return RuleFile(
        name=shown(document.path.absolute(), Path.cwd()),
        rules=tuple(rule for group in groups for rule in group["rules"]),
        path=document.path.absolute(),
        groups=tuple(groups),
        context=context,
        numbers=tuple(numbers),
    )


def _groups(path: Path, tell: Tell) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each group with the number that its first rule has in the file."""
    number, plain = 0, False
    for part in as_texts(path):
        is_plain = isinstance(part, dict) and part.get("kind") not in ("PrometheusRule", "List")
        for groups in groups_in(part):
            if is_plain and plain:
                tell("expected one YAML document, found more: Prometheus reads the first; split the file")
                return
            plain = plain or is_plain
            for group in groups if isinstance(groups, list) else _none(groups, "a list `groups`", tell):
                rules = group.get("rules") if isinstance(group, dict) else None
                if not isinstance(group, dict) or not isinstance(rules, list | None):
                    tell(f"expected a group as a mapping with a list `rules`, found {_kind(group)}; mend it")
                    continue
                yield number, {**group, "name": str(group.get("name", "")), "rules": rules or []}
                number += len(rules or [])


def _none(found: Any, wanted: str, tell: Tell) -> list[Any]:
    if found is not None:
        tell(f"expected {wanted}, found {_kind(found)}; mend it")
    return []


_SHORT = reprlib.Repr()
"""Shows the beginning of what may be nested deeply, or be endless by its anchors."""


def _kind(found: Any) -> str:
    return "nothing" if found is None else f"{type(found).__name__} {_SHORT.repr(found)}"


def _rule(given: Any, labels: Mapping[str, str]) -> Rule:
    """The rule with all that its group says of it; RulesError where it is none."""
    if not isinstance(given, dict):
        raise RulesError(f"expected a mapping with `alert` or `record`, found {_kind(given)}; mend it")
    names = [kind for kind in ("alert", "record") if given.get(kind)]
    if len(names) != 1:
        found = " and ".join(names) or f"neither, but {', '.join(map(str, given)) or 'nothing'}"
        raise RulesError(f"expected either `alert` or `record`, found {found}; name the rule")
    name = f"{names[0]} {given[names[0]]}"
    if not isinstance(given.get("expr"), str) or not given["expr"].strip():
        raise RulesError(f"{name}: expected an expression `expr`, found {_kind(given.get('expr'))}; add it")
    rule = {key: value for key, value in given.items() if value is not None}
    for field in WAITS:
        try:
            parse_duration(rule.get(field, 0))
        except CatalogError as error:
            raise RulesError(f"{name}: `{field}`: {error}") from None
    for field in TEXTS:
        texts = rule.get(field, {})
        if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
            raise RulesError(f"{name}: expected `{field}` as texts by name, found {texts!r}; mend it")
    if labels and isinstance(labels, dict):
        rule["labels"] = {**labels, **rule.get("labels", {})}
    return rule
