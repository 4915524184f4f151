"""A run in a few lines and in one JSON object, from its seconds. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = ("requests", "ok", "failed", "slow", "lost", "p50", "p95", "p99")


def totals(seconds: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sums over *seconds*; `error_ratio` is error answers and losses among all requests."""
    rows = list(seconds)
    sums = {
        key: sum(int(row[key]) for row in rows) for key in ("sent", "ok", "failed", "slow", "lost", "again")
    }
    bad = sums["failed"] + sums["lost"]
    ended = sums["ok"] + sums["slow"] + bad
    p95 = sorted(row["p95"] for row in rows if row["p95"] is not None)
    return {
        **sums,
        "seconds": len(rows),
        "error_ratio": round(bad / ended, 4) if ended else None,
        "bad_ratio": round((bad + sums["slow"]) / ended, 4) if ended else None,
        "median_p95": p95[len(p95) // 2] if p95 else None,
        "first_bad": _edge(rows, "first_bad", min),
        "last_bad": _edge(rows, "last_bad", max),
    }


def _edge(rows: list[Mapping[str, Any]], key: str, choose: Any) -> float | None:
    found = [row[key] for row in rows if row.get(key) is not None]
    return choose(found) if found else None


def lines(seconds: Iterable[Mapping[str, Any]], verdict: Mapping[str, Any]) -> list[str]:
    """Return the summary that a person reads."""
    sums = totals(seconds)
    ratio = sums["error_ratio"]
    return [
        f"sent {sums['sent']} in {sums['seconds']} s: {sums['ok']} good, {sums['failed']} errors, "
        f"{sums['slow']} slow, {sums['lost']} without an answer, {sums['again']} sent again",
        "error ratio "
        + ("unknown" if ratio is None else f"{ratio:.1%}")
        + f", p95 of the median second {_cell(sums['median_p95'])}",
        *_table(verdict),
        str(verdict["sentence"]),
    ]


def _table(verdict: Mapping[str, Any]) -> list[str]:
    """Return a row for each endpoint, and one for all of them."""
    rows = [
        *verdict.get("endpoints", ()),
        *([{"name": "all", **verdict["whole"]}] if "whole" in verdict else ()),
    ]
    if not rows:
        return []
    width = max(len(str(row["name"])) for row in rows)
    head = f"{'endpoint':{width}}" + "".join(f"{column:>10}" for column in COLUMNS)
    return [
        head,
        *(f"{row['name']:{width}}" + "".join(f"{_cell(row[c]):>10}" for c in COLUMNS) for row in rows),
    ]


def _cell(value: float | int | None) -> str:
    """Return a count, or a time in milliseconds."""
    if value is None:
        return "unknown"
    return str(value) if isinstance(value, int) else f"{value * 1000:.3g} ms"
