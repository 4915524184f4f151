"""What Grafana would ask for a dashboard, and what Prometheus answers: the data of one page."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.clients import Prometheus
from harness.drawing.curves import END, LENGTH
from monitoring.durations import parse_duration

Json = dict[str, Any]
STEP = 30
"""Seconds between two points, as Grafana has them on a panel of a third of the page."""
LEGEND = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class Page:
    """One dashboard with all answers."""

    uid: str
    data: Json

    @property
    def panels(self) -> list[Json]:
        """Its panels with their answers."""
        found: list[Json] = self.data["panels"]
        return found


def page(client: Prometheus, path: Path) -> Page:
    """The dashboard of a file, with what Prometheus answers to each of its queries."""
    board = json.loads(path.read_text(encoding="utf-8"))
    since = min(LENGTH - 600, parse_duration(board["time"]["from"].removeprefix("now-")) // 1000)
    panels = [_answered(client, panel, since, _chosen(board)) for panel in board["panels"]]
    marks = [
        mark for one in board["annotations"]["list"] for mark in _marks(client, one, since, _chosen(board))
    ]
    data = {
        "title": board["title"],
        "about": f"{board['description']} Last {since / 3600:.0f} h.",
        "from": (END - since) * 1000,
        "to": END * 1000,
        "marks": marks,
        "panels": panels,
    }
    return Page(board["uid"], data)


def _chosen(board: Json) -> Mapping[str, str]:
    """What stands for each variable: everything, as on a page that was just opened."""
    found = {}
    for variable in board["templating"]["list"]:
        found[variable["name"]] = variable.get("allValue") or variable.get("query") or ""
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _asked(expression: str, chosen: Mapping[str, str]) -> str:
    for name, value in sorted(
        {**chosen, "__rate_interval": "1m", "__interval": f"{STEP}s"}.items(), reverse=True
    ):
        expression = expression.replace(f"${{{name}}}", value).replace(f"${name}", value)
    return expression


def _answered(client: Prometheus, panel: Json, since: int, chosen: Mapping[str, str]) -> Json:
    targets = panel.get("targets", [])
    step = max(STEP, parse_duration(panel.get("interval", 0)) // 1000)
    answers = [_answer(client, target, since, step, chosen) for target in targets]
    return {**panel, "step": step, "answers": answers}


def _answer(client: Prometheus, target: Json, since: int, step: int, chosen: Mapping[str, str]) -> Json:
    expression = _asked(target["expr"], chosen)
    if target.get("instant"):
        found = [{**one, "values": [one["value"]]} for one in client.query(expression, END)]
    else:
        found = client.query_range(expression, END - since, END, step)
    return {"refId": target["refId"], "series": [_series(one, target, since, step) for one in found]}


def _series(found: Json, target: Json, since: int, step: int) -> Json:
    """One series; where a moment has no sample the line is broken, as in Grafana."""
    labels = found["metric"]
    legend = LEGEND.sub(lambda name: labels.get(name[1], ""), target["legendFormat"])
    values = {float(at): _number(value) for at, value in found["values"]}
    moments = (
        sorted(values)
        if target.get("instant")
        else [END - since + n * step for n in range(since // step + 1)]
    )
    times = [at * 1000 for at in moments]
    return {"legend": legend, "labels": labels, "times": times, "values": [values.get(at) for at in moments]}


def _number(text: str) -> float | None:
    value = float(text)
    return value if value == value and abs(value) != float("inf") else None


def _marks(client: Prometheus, annotation: Json, since: int, chosen: Mapping[str, str]) -> list[Json]:
    """Where an annotation begins, as the Prometheus data source joins points that follow each other."""
    marks = []
    for one in client.query_range(_asked(annotation["expr"], chosen), END - since, END, STEP):
        times = [float(at) for at, _ in one["values"]]
        starts = [at for before, at in zip([0.0, *times], times, strict=False) if at - before > STEP]
        marks += [{"time": at * 1000, "color": annotation["iconColor"]} for at in starts]
    return marks
