"""Alertmanager's configuration as these tools read it, whichever form its matchers have."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monitoring.routing import Labels, Route, routes_of, silencers
from ruletools.errors import RulesError
from ruletools.listed import read_listed

OLD = {"match": "=", "match_re": "=~"}


def read_routes(path: Path) -> dict[str, Any]:
    """The configuration of a file with all matchers as texts; RulesError where it has no route."""
    config = read_listed(path, dict)
    if not isinstance(config.get("route"), dict) or not config["route"].get("receiver"):
        raise RulesError(f"{path}: expected `route` with a `receiver`, found none; is it Alertmanager's?")
    rules = [_matched(_matched(rule, "source_"), "target_") for rule in config.get("inhibit_rules") or ()]
    return {**config, "route": _route(config["route"]), "inhibit_rules": rules}


def _route(route: Mapping[str, Any]) -> dict[str, Any]:
    children = [_route(child) for child in route.get("routes") or ()]
    return {**_matched(route, ""), "routes": children}


def _matched(part: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The part of the configuration with `match` and `match_re` written as `matchers`."""
    found = list(part.get(f"{prefix}matchers") or ())
    for old, operator in OLD.items():
        found += [f'{name}{operator}"{value}"' for name, value in (part.get(prefix + old) or {}).items()]
    kept = {key: value for key, value in part.items() if key not in {prefix + old for old in OLD}}
    return {**kept, f"{prefix}matchers": found}


def routes_for(config: Mapping[str, Any], labels: Labels) -> list[Route]:
    """The routes that deliver an alert of those labels, none without a configuration."""
    return routes_of(config, labels) if config else []


def muted_by(config: Mapping[str, Any], labels: Labels, others: Sequence[Labels]) -> list[str]:
    """The alerts that may silence it, each with the labels that must be equal."""
    return [
        f"{other['alertname']} (same {', '.join(equal)})" if equal else other["alertname"]
        for other, equal in silencers(config, labels, others)
    ]
