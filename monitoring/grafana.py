"""The dashboards as Grafana reads them, written from panels/*.yml.

`python -m monitoring.grafana` writes them; a test compares. A page has rows of panels, at most three abreast.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from monitoring.grafana_panel import PROMETHEUS, Json, panel_of
from monitoring.yaml_text import read_yaml

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
        "annotations": {"list": _marks()},
        "templating": {"list": _variables(page)},
    }
    lines = [f"  {json.dumps(key)}: {_text(value)}" for key, value in head.items()]
    panels = ",\n".join(
        f"    {_text(panel)}" for panel in _panels(page["rows"], "host" if "hosts" in page else "service")
    )
    return "{\n" + ",\n".join([*lines, f'  "panels": [\n{panels}\n  ]']) + "\n}\n"


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _others() -> Json:
    link = {"type": "dashboards", "title": "MITA", "tags": ["mita"]}
    return {**link, "asDropdown": True, "includeVars": True, "keepTime": True}


def _marks() -> list[Json]:
    """Lines through every graph: where a release appeared, and where a rollback began."""
    marks = {
        "Deployments": ("blue", "{{service}} {{version}} appeared", _APPEARED),
        "Rollbacks": ("purple", "rollback of {{application}}", _ROLLBACK),
    }
    return [
        {
            "name": name,
            "datasource": PROMETHEUS,
            "enable": True,
            "iconColor": colour,
            "expr": expression,
            "step": "30s",
            "titleFormat": title,
        }
        for name, (colour, title, expression) in marks.items()
    ]


_BUILDS = 'count by (service, env, version) (mita_build_info{job="mita-backend",service=~"$service"}%s)'
_APPEARED = f"{_BUILDS % ''} unless {_BUILDS % ' offset 1m'} unless {_BUILDS % ' offset 90s'}"
_ROLLBACK = (
    'max by (env, application) (mita_rollback_in_progress{job="mita-rollback",application=~"$service"}) == 1'
)

ADDRESSES = {
    "runbooks": "https://docs.mita.finance/runbooks",
    "alertmanager": "http://127.0.0.1:9093",
    "daemon": "http://127.0.0.1:8000",
}
"""Where the links of panels lead; the role that installs the dashboards puts a site's own in their place."""


def _variables(page: Json) -> list[Json]:
    source = {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}
    services = page.get("services", "label_values(up, service)")
    chosen = [_variable("service", "Service", services)]
    if "hosts" in page:
        chosen.append(_variable("host", "Host", page["hosts"]))
    fixed = [
        {
            "name": name,
            "type": "constant",
            "query": address,
            "hide": 2,
            "current": {"text": address, "value": address},
        }
        for name, address in ADDRESSES.items()
    ]
    return [source, *chosen, *fixed]


def _variable(name: str, label: str, query: str) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": PROMETHEUS,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _panels(rows: list[Json], by: str) -> Iterator[Json]:
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
        for line in _lines(row["panels"], row.get("abreast", _ABREAST)):
            left, done, weights = 0, 0, sum(panel.get("weight", 1) for panel in line)
            height = max(panel.get("height", _HEIGHT) for panel in line)
            for panel in line:
                number += 1
                done += panel.get("weight", 1)
                width = _WIDTH * done // weights - left
                place = {"h": height, "w": width, "x": left, "y": top}
                yield {"id": number, **panel_of(panel, by), "gridPos": place}
                left += width
            top += height


def _lines(panels: list[Json], abreast: int) -> Iterator[list[Json]]:
    count = -(-len(panels) // abreast)
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
