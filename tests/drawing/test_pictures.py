"""Every panel of every dashboard shows something, drawn by Grafana's own code under an incident."""

from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO
from harness.clients import Prometheus
from harness.drawing import picture
from harness.drawing.answered import Page, page
from harness.drawing.blemishes import blemishes
from harness.drawing.curves import END

BOARDS = sorted((REPO / "monitoring" / "dashboards").glob("*.json"))


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)
def test_a_person_sees_something_in_every_panel(board: Path, script: Path, prometheus: Prometheus) -> None:
    drawn = page(prometheus, board)

    assert blemishes(drawn, picture.draw(drawn, script)) == []


def panel(number: int, kind: str, values: list[float | None], **changed: Any) -> dict[str, Any]:
    """A panel with one series, which is asked for nothing."""
    times = [(END - 60 * minute) * 1000 for minute in range(len(values))][::-1]
    series = [{"legend": "a", "labels": {}, "times": times, "values": values}] if values else []
    return {
        "id": number,
        "type": kind,
        "title": f"panel {number}",
        "gridPos": {"x": 0, "y": 8 * (number - 1), "w": 12, "h": 8},
        "fieldConfig": {"defaults": {"unit": "s"}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "step": 60,
        "answers": [{"refId": "A", "series": series}],
        **changed,
    }


def test_what_nobody_could_read_is_found(script: Path) -> None:
    """One page with everything that went wrong once, and two panels that are as they should be."""
    states = {
        "unit": "short",
        "mappings": [{"type": "value", "options": {"1": {"text": "up", "color": "green"}}}],
    }
    panels = [
        panel(1, "timeseries", [0.1, 0.2, 0.3]),
        panel(2, "timeseries", []),
        panel(3, "timeseries", [1.8e9, 1.8e9]),
        panel(4, "timeseries", [None, None]),
        panel(5, "no-such-kind", [1.0]),
        panel(6, "timeseries", [], description="Empty: nothing happened."),
        panel(
            7, "timeseries", [15.0, 20.0], fieldConfig={"defaults": {"unit": "percentunit"}, "overrides": []}
        ),
        panel(8, "state-timeline", [1.0, 1.0], fieldConfig={"defaults": states, "overrides": []}),
    ]
    bounds = {"from": (END - 3600) * 1000, "to": END * 1000}
    drawn = Page("mita-x", {"title": "T", "about": "", "marks": [], "panels": panels, **bounds})

    found = blemishes(drawn, picture.draw(drawn, script))

    assert [sentence.split("'")[1] for sentence in found] == [f"panel {number}" for number in (2, 3, 4, 5, 7)]
    assert "years" in found[1]
