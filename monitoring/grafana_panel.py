"""One panel as Grafana reads it, from the few words that panels/*.yml says of it.

It shows expressions, or names an alert and then asks what that measures. The limits that it draws are those
of the alerts on what it shows, so neither an expression nor a limit needs a second home.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from monitoring.catalog import load
from monitoring.errors import CatalogError
from monitoring.grafana_fields import overrides, panel_links
from monitoring.measures import measures, panel_expression, shows
from monitoring.promises import promises
from monitoring.promql import Matcher, Node, Selector, transform
from monitoring.promql_parse import parse
from monitoring.slo import allowed

Json = dict[str, Any]
HERE = Path(__file__).parent
PROMETHEUS = {"type": "prometheus", "uid": "${datasource}"}
_LEGEND = {"legend": {"displayMode": "list", "placement": "bottom"}}
_ALLOWED = re.compile(r"ALLOWED\((\w+)\)")
_WORDS = {
    *(
        "title",
        "description",
        "kind",
        "unit",
        "decimals",
        "min",
        "max",
        "weight",
        "height",
        "states",
        "bad",
        "show",
    ),
    *("colours", "alarm", "columns", "sort", "bars", "stack", "every", "links", "text"),
}


def panel_of(panel: Json, by: str = "service") -> Json:
    """The panel without its number and its place; its alerts are shown for what is chosen *by* a label."""
    title = panel["title"]
    kind = panel.get("kind", "state-timeline" if "states" in panel else "timeseries")
    if unknown := panel.keys() - _WORDS:
        raise CatalogError(f"panel {title!r}: expected {', '.join(sorted(_WORDS))}, found {min(unknown)!r}")
    if kind not in _KINDS:
        raise CatalogError(f"panel {title!r}: expected one of {', '.join(_KINDS)}, found {kind!r}")
    if not panel.get("description"):
        raise CatalogError(f"panel {title!r}: expected a description, found none")
    asked = {legend: _expression(title, text, by) for legend, text in panel["show"].items()}
    defaults, rest = _KINDS[kind](panel, _limits(asked.values()))
    about = {"type": kind, "title": title, "description": panel["description"], "datasource": PROMETHEUS}
    defaults = {"unit": panel.get("unit", "short"), **_only(panel, "decimals"), **defaults}
    fields = {"defaults": defaults, "overrides": list(overrides(panel))}
    every = {"interval": panel["every"]} if "every" in panel else {}
    return {
        **about,
        "fieldConfig": fields,
        **rest,
        **every,
        **panel_links(panel),
        "targets": _targets(kind, asked),
    }


def _targets(kind: str, asked: Mapping[str, str]) -> list[Json]:
    now: Json = {"instant": True} if kind in ("stat", "table") else {}
    now |= {"format": "table"} if kind == "table" else {}
    return [
        {"refId": letter, "expr": expression, "legendFormat": legend, **now}
        for letter, (legend, expression) in zip(ascii_uppercase[: len(asked)], asked.items(), strict=True)
    ]


def _only(panel: Json, key: str) -> Json:
    return {key: panel[key]} if key in panel else {}


def _lines(panel: Json, limits: list[Json]) -> tuple[Json, Json]:
    defaults = {"min": panel.get("min", 0), **_only(panel, "max")}
    custom: Json = {"lineWidth": 2}
    if panel.get("bars"):
        custom = {
            "drawStyle": "bars",
            "fillOpacity": 80,
            "lineWidth": 0,
            "stacking": {"mode": "normal", "group": "A"},
        }
    if panel.get("stack"):
        custom |= {"fillOpacity": 60, "lineWidth": 1, "stacking": {"mode": "normal", "group": "A"}}
    if not limits and "max" not in panel and panel.get("unit", "short") in ("short", "ops"):
        custom["axisSoftMax"] = 1  # else Grafana draws an axis to 100 where all is nought
    if limits:
        # The nearest limit can always be seen, however far below it the lines are.
        top = panel.get("max", limits[0]["value"] * 1.1)
        custom |= {"thresholdsStyle": {"mode": "dashed"}, "axisSoftMax": top}
        lines = [{"color": limit["color"], "value": limit["value"]} for limit in limits]
        defaults |= {"thresholds": _steps("green", lines)}
    options = {**_LEGEND, "tooltip": {"mode": "multi", "sort": "desc"}}
    return {**defaults, "custom": custom}, {"options": options}


def _states(panel: Json, _: list[Json]) -> tuple[Json, Json]:
    """`states` names the values; 0 is the bad one and 1 the good one, unless `bad` says otherwise."""
    bad = panel.get("bad", 0)
    colours = {bad: "red", 1 - bad: "green"}
    shown = {
        str(value): {"text": text, "color": colours.get(value, "orange")}
        for value, text in panel["states"].items()
    }
    mappings = [{"type": "value", "options": shown}]
    custom = {"fillOpacity": 90, "lineWidth": 0}
    # What is neither of them is in between; what is missing was not measured, and has no colour.
    return {"mappings": mappings, "thresholds": _steps("orange"), "custom": custom}, {
        "options": {"showValue": "never", "mergeValues": True, **_LEGEND}
    }


def _number(panel: Json, limits: list[Json]) -> tuple[Json, Json]:
    coloured = limits or panel.get("alarm") or panel.get("states")
    mode = {
        "colorMode": "background" if coloured else "value",
        "textMode": panel.get("text", "value_and_name"),
        "graphMode": "none",
    }
    defaults: Json = {"color": {"mode": "thresholds"}, "thresholds": _number_steps(panel, limits)}
    if "states" in panel:
        defaults |= _states(panel, [])[0]
    return defaults, {"options": {"reduceOptions": {"calcs": ["lastNotNull"]}, **mode}}


def _number_steps(panel: Json, limits: list[Json]) -> Json:
    """A number has the colour of the side on which it is: some alerts fire below their limit."""
    if not limits:
        return _steps("text")
    if all(limit.get("below") for limit in limits):
        first, *others = [*(limit["color"] for limit in limits), "green"]
        above = zip(others, limits, strict=True)
        return _steps(first, [{"color": colour, "value": limit["value"]} for colour, limit in above])
    return _steps("green", [{"color": limit["color"], "value": limit["value"]} for limit in limits])


def _table(panel: Json, __: list[Json]) -> tuple[Json, Json]:
    columns = panel["columns"]
    sort = [{"displayName": panel["sort"], "desc": False}] if "sort" in panel else []
    steps = [
        {"id": "filterFieldsByName", "options": {"include": {"names": list(columns)}}},
        {
            "id": "organize",
            "options": {
                "indexByName": {name: number for number, name in enumerate(columns)},
                "renameByName": {name: column["title"] for name, column in columns.items()},
            },
        },
    ]
    return {"custom": {"filterable": False}}, {
        "options": {"showHeader": True, "cellHeight": "sm", "sortBy": sort},
        "transformations": steps,
    }


_KINDS = {"timeseries": _lines, "state-timeline": _states, "stat": _number, "table": _table}


def _steps(first: str, limits: Iterable[Json] = ()) -> Json:
    return {"mode": "absolute", "steps": [{"color": first, "value": None}, *limits]}


def _expression(title: str, text: str, by: str) -> str:
    """What a panel asks: the words themselves, or what the alert of that name measures."""
    if not (text[0].isupper() and text.isalnum()):
        return _ALLOWED.sub(lambda found: _allowed(found[1]), " ".join(text.split()))
    found = [tree for name, _, tree in _alerts() if name == text]
    if not found:
        raise CatalogError(f"panel {title!r}: expected an expression or the name of an alert, found {text!r}")
    return str(transform(panel_expression(measures(found[0])[0]), partial(_chosen, by)))


def _allowed(name: str) -> str:
    """What an objective allows, as Prometheus has it recorded: a site lays its own over slo.yml."""
    known = [each["name"] for each in promises((HERE / "slo.yml").read_text(encoding="utf-8"))["objectives"]]
    if name not in known:
        raise CatalogError(f"ALLOWED({name}): expected an objective of slo.yml, {', '.join(known)}")
    return f"scalar(max({allowed(name)}))"


def _chosen(by: str, node: Node) -> Node:
    if not isinstance(node, Selector):
        return node
    return replace(node, matchers=(*node.matchers, Matcher(by, "=~", f"${by}")))


def _limits(expressions: Iterable[str]) -> list[Json]:
    """The limits of the alerts on what is shown, lowest first, each in the colour of its urgency."""
    shown = [parse(expression) for expression in expressions]
    found: dict[float, Json] = {}
    for _, severity, tree in _alerts():
        for measure in measures(tree):
            if measure.has_line and measure.limit and any(shows(each, measure.what) for each in shown):
                below = {"below": True} if measure.op[:1] == "<" else {}
                found[measure.limit] = {"color": "red" if severity == "critical" else "orange", **below}
    return [{**found[limit], "value": limit} for limit in sorted(found)]


@cache
def _alerts() -> tuple[tuple[str, str, Node], ...]:
    rules = load(HERE / "rules")
    return tuple((alert.name, alert.labels["severity"], alert.tree) for alert in rules)
