"""The dashboards as Grafana reads them, written from panels/*.yml.

`python -m monitoring.grafana` writes them; a test compares. A panel shows expressions, or names an alert and
then asks what that measures. The limits that it draws are those of the alerts on what it shows, so neither an
expression nor a limit needs a second home.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
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
from monitoring.records import read_yaml

Json = dict[str, Any]
HERE = Path(__file__).parent
SOURCE = HERE / "panels"
TARGET = HERE / "dashboards"
_WIDTH, _HEIGHT, _ABREAST = 24, 8, 3
_PROMETHEUS = {"type": "prometheus", "uid": "${datasource}"}
_CHOSEN = Matcher("service", "=~", "$service")


def generate(uid: str, text: str) -> str:
    """The file of one dashboard."""
    page = read_yaml(text)
    head = {
        "uid": uid,
        "title": page["title"],
        "description": page["description"],
        "tags": ["mita"],
        "schemaVersion": 39,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": f"now-{page.get('since', '6h')}", "to": "now"},
        "timezone": "browser",
        "links": [_others()],
        "annotations": {"list": []},
        "templating": {"list": _variables(page.get("services", "label_values(up, service)"))},
    }
    lines = [f"  {json.dumps(key)}: {_text(value)}" for key, value in head.items()]
    panels = ",\n".join(f"    {_text(panel)}" for panel in _panels(page["rows"]))
    return "{\n" + ",\n".join([*lines, f'  "panels": [\n{panels}\n  ]']) + "\n}\n"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _others() -> Json:
    link = {"type": "dashboards", "title": "MITA", "tags": ["mita"]}
    return {**link, "asDropdown": True, "includeVars": True, "keepTime": True}


def _variables(services: str) -> list[Json]:
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    service = {
        "name": "service",
        "label": "Service",
        "type": "query",
        "datasource": _PROMETHEUS,
        "definition": services,
        "query": {"query": services, "refId": "service"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }
    return [source, service]


def _panels(rows: list[Json]) -> Iterator[Json]:
    """Rows with their panels below, at most three abreast, each as wide as its `weight` says."""
    number, top = 0, 0
    for row in rows:
        number += 1
        place = {"h": 1, "w": _WIDTH, "x": 0, "y": top}
        yield {
            "id": number,
            "type": "row",
            "title": row["row"],
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        top += 1
        for line in _lines(row["panels"]):
            left, weights = 0, sum(panel.get("weight", 1) for panel in line)
            for panel in line:
                number += 1
                width = _WIDTH * panel.get("weight", 1) // weights
                place = {"h": _HEIGHT, "w": width, "x": left, "y": top}
                yield {"id": number, **_panel(panel), "gridPos": place}
                left += width
            top += _HEIGHT


def _lines(panels: list[Json]) -> Iterator[list[Json]]:
    count = -(-len(panels) // _ABREAST)
    for line in range(count):
        size = -(-len(panels) // (count - line))
        yield panels[:size]
        panels = panels[size:]


def _panel(panel: Json) -> Json:
    kind = panel.get("kind", "state-timeline" if "states" in panel else "timeseries")
    asked = {legend: _expression(panel["title"], text) for legend, text in panel["show"].items()}
    about = {"title": panel["title"], **_only(panel, "description"), "datasource": _PROMETHEUS}
    defaults: Json = {"unit": panel.get("unit", "short"), **_only(panel, "decimals")}
    match kind:
        case "state-timeline":
            defaults |= {"mappings": [_states(panel)], "thresholds": _steps([{"color": "text"}])}
            options: Json = {"showValue": "never", **_legend()}
        case "timeseries":
            steps = _limits(asked.values())
            defaults |= {"min": 0, **_only(panel, "max")}
            if steps:
                # the nearest limit can always be seen, however far below it the lines are
                top = panel.get("max", steps[1]["value"] * 1.1)
                custom = {"thresholdsStyle": {"mode": "dashed"}, "axisSoftMax": top}
                defaults |= {"thresholds": _steps(steps), "custom": custom}
            options = {**_legend(), "tooltip": {"mode": "multi", "sort": "desc"}}
        case "stat":
            steps = _limits(asked.values())
            defaults |= {"thresholds": _steps(steps or [{"color": "text"}])}
            mode = {"colorMode": "background" if steps else "value", "textMode": "value_and_name"}
            options = {"reduceOptions": {"calcs": ["lastNotNull"]}, **mode}
        case _:
            hidden = ("Time", "Value", "__name__", "alertstate", "job")
            organized = {"excludeByName": dict.fromkeys(hidden, True)}
            about["transformations"] = [
                {"id": "labelsToFields", "options": {"mode": "columns"}},
                {"id": "merge", "options": {}},
                {"id": "organize", "options": organized},
            ]
            options = {"showHeader": True}
    now = {"instant": True} if kind in ("stat", "table") else {}
    targets = [
        {"refId": letter, "expr": expression, "legendFormat": legend, **now}
        for letter, (legend, expression) in zip(ascii_uppercase, asked.items(), strict=False)
    ]
    config = {"defaults": defaults, "overrides": []}
    return {"type": kind, **about, "fieldConfig": config, "options": options, "targets": targets}


def _only(panel: Json, key: str) -> Json:
    return {key: panel[key]} if key in panel else {}


def _legend() -> Json:
    return {"legend": {"displayMode": "list", "placement": "bottom"}}


def _states(panel: Json) -> Json:
    """`states` names the values 0 and 1; 0 is the bad one unless `bad` says otherwise."""
    bad = panel.get("bad", 0)
    shown = {
        str(value): {"text": text, "color": "red" if value == bad else "green"}
        for value, text in panel["states"].items()
    }
    return {"type": "value", "options": shown}


def _steps(steps: list[Json]) -> Json:
    return {"mode": "absolute", "steps": [{"value": None, **step} for step in steps]}


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
    """The limits of the alerts on what is shown, each in the colour of its urgency."""
    shown = [parse(expression) for expression in expressions]
    found: dict[float, str] = {}
    for _, severity, tree in _alerts():
        for measure in measures(tree):
            if measure.has_line and measure.limit and any(shows(each, measure.what) for each in shown):
                found[measure.limit] = "red" if severity == "critical" else "orange"
    steps: list[Json] = [{"color": colour, "value": limit} for limit, colour in sorted(found.items())]
    return [{"color": "green"}, *steps] if steps else []


@cache
def _alerts() -> tuple[tuple[str, str, Node], ...]:
    return tuple((alert.name, alert.labels["severity"], alert.tree) for alert in load(HERE / "rules"))


def dashboards() -> Mapping[Path, str]:
    """Every dashboard's file and what belongs into it."""
    return {
        TARGET / f"{path.stem}.json": generate(path.stem, path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.glob("*.yml"))
    }


if __name__ == "__main__":
    for path, text in dashboards().items():
        path.write_text(text, encoding="utf-8")
