"""What is wrong with a page that was drawn, as a person would see it at once. Pure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from harness.drawing.answered import Json, Page

EMPTY = "Empty:"
"""What the description of a panel says that may have nothing to show, and why."""
MOST_COLUMNS = 9
HIGHEST_SHARE = 10
ABSURD = re.compile(r"\byears?\b|\bNaN\b|Infinity|undefined|e[+-]?\d\d|\.\d+ (min|hour)")


def blemishes(page: Page, reports: Mapping[str, Any]) -> list[str]:
    """A sentence for everything that is wrong, in the order of the panels."""
    return [
        f"{page.uid}, {panel['title']!r}: {wrong}"
        for panel in page.panels
        if panel["type"] != "row"
        for wrong in _of(panel, reports.get(str(panel["id"]), {}))
    ]


def _of(panel: Json, report: Mapping[str, Any]) -> Iterator[str]:
    if not report or "error" in report:
        yield f"expected it to be drawn, found {report.get('error', 'nothing')}"
    elif not report["series"]:
        if EMPTY not in panel.get("description", ""):
            yield f"expected data, or a description that says {EMPTY!r} and why, found no data"
    else:
        yield from _blank(panel, report)
        yield from _axes(panel, report)
        if len(report.get("columns", ())) > MOST_COLUMNS:
            yield f"expected at most {MOST_COLUMNS} columns, found {len(report['columns'])}"


def _blank(panel: Json, report: Mapping[str, Any]) -> Iterator[str]:
    values = [value for one in panel["answers"] for series in one["series"] for value in series["values"]]
    if all(value is None for value in values):
        yield "expected numbers, found none in its series"
    elif panel["type"] == "timeseries" and not report["ink"]:
        yield "expected lines, found an empty canvas"
    elif panel["type"] == "state-timeline" and not report["shapes"]:
        yield "expected bars, found none"
    elif report["words"].strip() == panel["title"]:
        yield "expected words besides its title, found none"


def _axes(panel: Json, report: Mapping[str, Any]) -> Iterator[str]:
    share = panel["fieldConfig"]["defaults"]["unit"] == "percentunit"
    for labels, top in zip(report.get("axes", ()), report.get("tops", ()), strict=True):
        if absurd := [label for label in labels if ABSURD.search(label)]:
            yield f"expected an axis that a person can read, found {absurd[-1]}"
        if twice := [label for label, count in Counter(labels).items() if count > 1]:
            yield f"expected each label of its axis once, found {twice[0]} {labels.count(twice[0])} times"
        if share and top > HIGHEST_SHARE:
            yield f"expected a share, found an axis up to {top:.0%}"
