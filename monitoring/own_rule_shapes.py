"""Whether Prometheus could load the rules of a site: what promtool would say on a host, said before."""

import re
from collections.abc import Mapping
from typing import Any

from monitoring.durations import parse_duration
from monitoring.errors import CatalogError
from monitoring.promql_parse import parse

GROUP = ("name", "interval", "limit", "query_offset", "labels", "rules")
ALERT = ("alert", "expr", "for", "keep_firing_for", "labels", "annotations")
RECORD = ("record", "expr", "labels")
DURATIONS = ("interval", "query_offset", "for", "keep_firing_for")
TEXTS = ("labels", "annotations")
SERIES = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


def check(document: Mapping[str, Any]) -> None:
    """CatalogError where a group, a rule or an expression is none; *document* has a list `groups`."""
    names: set[str] = set()
    for group in document["groups"]:
        _keys("a group", group, GROUP, ("name", "rules"))
        if not isinstance(group["rules"], list):
            raise CatalogError(f"expected a list of rules in the group {group['name']}, found none")
        if group["name"] in names:
            raise CatalogError(f"expected each group once, found {group['name']} twice")
        names.add(group["name"])
        for rule in group["rules"]:
            _rule(rule)


def _rule(rule: Any) -> None:
    recorded = isinstance(rule, Mapping) and "record" in rule
    kind, known = ("record", RECORD) if recorded else ("alert", ALERT)
    _keys("a rule", rule, known, (kind, "expr"))
    if recorded and not SERIES.fullmatch(str(rule["record"])):
        raise CatalogError(f"expected the name of a series to record, found {rule['record']!r}")
    try:
        parse(str(rule["expr"]))
    except CatalogError as error:
        raise CatalogError(f"{rule[kind]}: {error}") from error


def _keys(what: str, given: Any, known: tuple[str, ...], needed: tuple[str, ...]) -> None:
    """The keys of a mapping are known, none is missing, and durations and texts are some."""
    found = dict(given) if isinstance(given, Mapping) else {}
    if {*found} - {*known} or any(found.get(key) is None for key in needed):
        raise CatalogError(
            f"expected {what} with {' and '.join(needed)}, and some of {', '.join(known)}, "
            f"found {', '.join(map(str, found)) or repr(given)}"
        )
    for key in found:
        place = f"{found[needed[0]]}: {key}"
        if key in DURATIONS:
            _duration(place, found[key])
        if key in TEXTS:
            _texts(place, found[key])


def _duration(place: str, given: Any) -> None:
    try:
        parse_duration(given)
    except CatalogError as error:
        raise CatalogError(f"{place}: {error}") from error


def _texts(place: str, given: Any) -> None:
    if not isinstance(given, Mapping):
        raise CatalogError(f"{place}: expected names with texts, found {given!r}")
    for name, text in given.items():
        if not LABEL.fullmatch(str(name)) or isinstance(text, list | Mapping):
            raise CatalogError(f"{place}: expected a name with a text, found {name}: {text!r}")
