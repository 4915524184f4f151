"""The end of a demo: who got what, what holds, and everything as files."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from harness.incident.receipts import Finding, Receipt
from harness.incident.story import Story

STYLES = {Finding.EXACT: "green"}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One condition of success, with what was expected and found."""

    what: str
    expected: str
    found: str
    holds: bool

    def line(self) -> str:
        """Return the check as a person reads it."""
        mark = "ok  " if self.holds else "FAIL"
        return f"{mark}  {self.what}: expected {self.expected}, found {self.found}"


def of_load(verdict: Mapping[str, Any]) -> Check:
    """Judge the pressure itself: a run that did not press as planned proves nothing."""
    return Check(
        what="load", expected="a valid run", found=str(verdict["sentence"]), holds=bool(verdict["valid"])
    )


def receipts_table(rows: Sequence[Receipt]) -> Table:
    """Return what every receiver got beside what it should have got; other alerts are counted in `others`."""
    table = Table(title="What each receiver got", title_justify="left")
    for column in ("receiver", "about", "expected", "fires", "is over", ""):
        table.add_column(column, justify="right" if column in ("fires", "is over") else "left")
    for row in rows:
        if row.finding is Finding.TOLERATED:
            continue
        style = STYLES.get(row.finding, "red bold")
        cells = (str(row.destination), row.subject, row.expected, str(row.firing), str(row.resolved))
        table.add_row(*cells, row.finding, style=style)
    return table


def others(rows: Sequence[Receipt], explained: Collection[str], known: Collection[str]) -> str:
    """Return what is to be said of the alerts that fired meanwhile and are not what is proven.

    Those that the release *explained*, those that a lab is *known* for, and those that nobody explains.
    """
    names = sorted({row.subject for row in rows if row.finding is Finding.TOLERATED})
    if not names:
        return "No other alert fired."
    of_release = [name for name in names if name in explained]
    of_lab = [name for name in names if name in known and name not in explained]
    of_nobody = [name for name in names if name not in explained and name not in known]
    parts = {
        "The release explains": of_release,
        "A lab is known for": of_lab,
        "NOTHING EXPLAINS": of_nobody,
    }
    said = [f"{words}: {', '.join(which)}." for words, which in parts.items() if which]
    return " ".join([f"{len(names)} other alerts fired, each told only where its labels route it.", *said])


def save(
    out: Path, story: Story, receipts: Sequence[Receipt], checks: Sequence[Check], facts: Mapping[str, Any]
) -> None:
    """Write timeline.json: the moments with their elapsed seconds, the receipts, the checks and the facts."""
    moments = [
        {"elapsed": round(m.at - story.begin, 3), "at": m.at, "stage": m.stage, "detail": m.detail}
        for m in story.moments
    ]
    rows = [{**asdict(row), "destination": str(row.destination)} for row in receipts]
    content = {**facts, "moments": moments, "receipts": rows, "checks": [asdict(check) for check in checks]}
    (out / "timeline.json").write_text(json.dumps(content, indent=2, default=str) + "\n")
