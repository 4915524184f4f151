"""One panel as Grafana reads it, from the few words that panels/*.yml says of it.

It shows expressions, or names an alert and then asks what that measures. The limits that it draws are those
of the alerts on what it shows, so neither an expression nor a limit needs a second home.
"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from monitoring.catalog import load
from monitoring.errors import CatalogError
from monitoring.measures import measures, panel_expression, shows
from monitoring.promql import Matcher, Node, Selector, transform
from monitoring.promql_parse import parse

Json = dict[str, Any]
PROMETHEUS = {"type": "prometheus", "uid": "${datasource}"}
_CHOSEN = Matcher("service", "=~", "$service")
_LEGEND = {"legend": {"displayMode": "list", "placement": "bottom"}}
_WORDS = {"title", "description", "kind", "unit", "decimals", "max", "weight", "states", "bad", "show"}


def panel_of(panel: Json) -> Json:
    """The panel without its number and its place."""
    title = panel["title"]
    kind = panel.get("kind", "state-timeline" if "states" in panel else "timeseries")
    if unknown := panel.keys() - _WORDS:
        raise CatalogError(f"panel {title!r}: expected {', '.join(sorted(_WORDS))}, found {min(unknown)!r}")
    if kind not in _KINDS:
        raise CatalogError(f"panel {title!r}: expected one of {', '.join(_KINDS)}, found {kind!r}")
    asked = {legend: _expression(title, text) for legend, text in panel["show"].items()}
    defaults, rest = _KINDS[kind](panel, _limits(asked.values()))
    now = {"instant": True} if kind in ("stat", "table") else {}
    targets = [
        {"refId": letter, "expr": expression, "legendFormat": legend, **now}
        for letter, (legend, expression) in zip(ascii_uppercase[: len(asked)], asked.items(), strict=True)
    ]
    about = {"type": kind, "title": title, **_only(panel, "description"), "datasource": PROMETHEUS}
    defaults = {"unit": panel.get("unit", "short"), **_only(panel, "decimals"), **defaults}
    return {**about, "fieldConfig": {"defaults": defaults, "overrides": []}, **rest, "targets": targets}


def _only(panel: Json, key: str) -> Json:
    return {key: panel[key]} if key in panel else {}


def _lines(panel: Json, limits: list[Json]) -> tuple[Json, Json]:
    defaults = {"min": 0, **_only(panel, "max")}
    if limits:
        # The nearest limit can always be seen, however far below it the lines are.
        top = panel.get("max", limits[0]["value"] * 1.1)
        custom = {"thresholdsStyle": {"mode": "dashed"}, "axisSoftMax": top}
        defaults |= {"thresholds": _steps("green", limits), "custom": custom}
    return defaults, {"options": {**_LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}}}


def _states(panel: Json, _: list[Json]) -> tuple[Json, Json]:
    """`states` names the values 0 and 1; 0 is the bad one unless `bad` says otherwise."""
    bad = panel.get("bad", 0)
    shown = {
        str(value): {"text": text, "color": "red" if value == bad else "green"}
        for value, text in panel["states"].items()
    }
    mappings = [{"type": "value", "options": shown}]
    return {"mappings": mappings, "thresholds": _steps("text")}, {
        "options": {"showValue": "never", **_LEGEND}
    }


def _number(_: Json, limits: list[Json]) -> tuple[Json, Json]:
    mode = {"colorMode": "background" if limits else "value", "textMode": "value_and_name"}
    defaults = {"thresholds": _steps("green" if limits else "text", limits)}
    return defaults, {"options": {"reduceOptions": {"calcs": ["lastNotNull"]}, **mode}}


def _table(_: Json, __: list[Json]) -> tuple[Json, Json]:
    hidden = dict.fromkeys(("Time", "Value", "__name__", "alertstate", "job"), True)
    steps = [
        {"id": "labelsToFields", "options": {"mode": "columns"}},
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": hidden}},
    ]
    return {}, {"options": {"showHeader": True}, "transformations": steps}


_KINDS = {"timeseries": _lines, "state-timeline": _states, "stat": _number, "table": _table}


def _steps(first: str, limits: Iterable[Json] = ()) -> Json:
    return {"mode": "absolute", "steps": [{"color": first, "value": None}, *limits]}


def _expression(title: str, text: str) -> str:
    """What a panel asks: the words themselves, or what the alert of that name measures."""
    if not (text[0].isupper() and text.isalnum()):
        return " ".join(text.split())
    found = [tree for name, _, tree in _alerts() if name == text]
    if not found:
        raise CatalogError(f"panel {title!r}: expected an expression or the name of an alert, found {text!r}")
    return str(transform(panel_expression(measures(found[0])[0]), _chosen))


def _chosen(node: Node) -> Node:
    return replace(node, matchers=(*node.matchers, _CHOSEN)) if isinstance(node, Selector) else node


def _limits(expressions: Iterable[str]) -> list[Json]:
    """The limits of the alerts on what is shown, lowest first, each in the colour of its urgency."""
    shown = [parse(expression) for expression in expressions]
    found: dict[float, str] = {}
    for _, severity, tree in _alerts():
        for measure in measures(tree):
            if measure.has_line and measure.limit and any(shows(each, measure.what) for each in shown):
                found[measure.limit] = "red" if severity == "critical" else "orange"
    return [{"color": colour, "value": limit} for limit, colour in sorted(found.items())]


@cache
def _alerts() -> tuple[tuple[str, str, Node], ...]:
    rules = load(Path(__file__).parent / "rules")
    return tuple((alert.name, alert.labels["severity"], alert.tree) for alert in rules)
