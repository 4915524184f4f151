"""A run in a few lines and in one JSON object, from its seconds. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any


def totals(seconds: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the sums over *seconds*; `error_ratio` counts error answers among all answers."""
    rows = list(seconds)
    sums = {
        key: sum(int(row[key]) for row in rows) for key in ("sent", "ok", "failed", "slow", "lost", "again")
    }
    answered = sums["ok"] + sums["failed"] + sums["slow"]
    p95 = sorted(row["p95"] for row in rows if row["p95"] is not None)
    return {
        **sums,
        "seconds": len(rows),
        "error_ratio": round(sums["failed"] / answered, 4) if answered else None,
        "bad_ratio": round((sums["failed"] + sums["slow"]) / answered, 4) if answered else None,
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
    ratio, p95 = sums["error_ratio"], sums["median_p95"]
    return [
        f"sent {sums['sent']} in {sums['seconds']} s: {sums['ok']} good, {sums['failed']} errors, "
        f"{sums['slow']} slow, {sums['lost']} without an answer, {sums['again']} sent again",
        "error ratio "
        + ("unknown" if ratio is None else f"{ratio:.1%}")
        + ", p95 of the median second "
        + ("unknown" if p95 is None else f"{p95 * 1000:.0f} ms"),
        str(verdict["sentence"]),
    ]
