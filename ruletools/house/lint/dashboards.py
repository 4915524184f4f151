"""The dashboards as lint and tests read them: native Grafana files, one per `uid`."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from monitoring.catalog import Alert

LINK = re.compile(r"/d/(?P<uid>[^/?#]+)(?:\?(?P<query>.*))?$")


@dataclass(frozen=True)
class Panel:
    """One panel: what it asks, and the limits that it draws."""

    data: dict[str, Any]

    @property
    def title(self) -> str:
        return str(self.data["title"])

    @property
    def expressions(self) -> list[str]:
        return [target["expr"] for target in self.data["targets"]]

    @property
    def limits(self) -> set[float]:
        steps = self.data["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", ())
        return {float(step["value"]) for step in steps if step["value"] is not None}


@dataclass(frozen=True)
class Dashboard:
    """One dashboard of a file."""

    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text("utf-8")

    @cached_property
    def data(self) -> dict[str, Any]:
        return dict(json.loads(self.text))

    @property
    def uid(self) -> str:
        return str(self.data["uid"])

    @property
    def panels(self) -> list[Panel]:
        return [Panel(panel) for panel in self.data["panels"] if panel["type"] != "row"]

    @property
    def variables(self) -> set[str]:
        return {variable["name"] for variable in self.data["templating"]["list"]}

    def line_of(self, expression: str) -> int:
        """The line on which an expression stands."""
        before, _, _ = self.text.partition(json.dumps(expression, ensure_ascii=False))
        return before.count("\n") + 1


def load_dashboards(directory: Path) -> tuple[Dashboard, ...]:
    """Every dashboard of a directory."""
    return tuple(Dashboard(path) for path in sorted(directory.glob("*.json")))


def wrong_link(alert: Alert, dashboards: tuple[Dashboard, ...]) -> str:
    """What is wrong with the link of an alert, or nothing."""
    url = alert.annotations.get("dashboard_url", "")
    found = LINK.search(url)
    linked = [each for each in dashboards if found and each.uid == found["uid"]]
    if not found or not linked:
        return f"there is no dashboard for its link {url!r}"
    unknown = sorted(set(_variables(found["query"] or "")) - linked[0].variables)
    return f"its link sets {', '.join(unknown)}, which {linked[0].uid} does not have" if unknown else ""


def _variables(query: str) -> Iterator[str]:
    for part in query.split("&"):
        name = part.partition("=")[0]
        if name.startswith("var-"):
            yield name.removeprefix("var-")
