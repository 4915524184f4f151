"""The dashboards as Grafana reads them, written from panels/*.yml.

`python -m monitoring.grafana` writes them; a test compares. A page has rows of panels, at most three abreast.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from monitoring.grafana_panel import PROMETHEUS, Json, panel_of
from monitoring.rule_files import read_yaml

HERE = Path(__file__).parent
SOURCE = HERE / "panels"
TARGET = HERE / "dashboards"
_WIDTH, _HEIGHT, _ABREAST = 24, 8, 3


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
        "datasource": PROMETHEUS,
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
                yield {"id": number, **panel_of(panel), "gridPos": place}
                left += width
            top += _HEIGHT


def _lines(panels: list[Json]) -> Iterator[list[Json]]:
    count = -(-len(panels) // _ABREAST)
    for line in range(count):
        size = -(-len(panels) // (count - line))
        yield panels[:size]
        panels = panels[size:]


def dashboards() -> Mapping[Path, str]:
    """Every dashboard's file and what belongs into it."""
    return {
        TARGET / f"{path.stem}.json": generate(path.stem, path.read_text(encoding="utf-8"))
        for path in sorted(SOURCE.glob("*.yml"))
    }


if __name__ == "__main__":
    for path, text in dashboards().items():
        path.write_text(text, encoding="utf-8")
