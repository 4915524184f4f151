"""What a back-test found, for a person and for a program."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from monitoring.durations import format_duration
from ruletools.backtest import Past, Period

HEAD = ("alert", "fired", "heard", "in all", "first", "last", "silenced by")


def as_text(pasts: Sequence[Past], asked: Period, covered: Period) -> str:
    """A table of what fired; below it what could not fire because its series are missing."""
    lines = [f"from {_when(covered.start)} to {_when(covered.end)}"]
    if covered.start > asked.start:
        lines.append(f"Prometheus holds nothing older: {_when(asked.start)} was asked for")
    rows = [HEAD, *(_row(past) for past in pasts if past.firings)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines += ["", *("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows), ""]
    lines += [f"no data  {past.alert}: {', '.join(past.missing)}" for past in pasts if past.missing]
    silent = [past.alert for past in pasts if not past.firings and not past.missing]
    lines.append(f"{len(silent)} never fired: {', '.join(silent) or 'none'}")
    return "\n".join(lines)


def as_json(pasts: Sequence[Past], asked: Period, covered: Period) -> str:
    """The same with every firing."""
    return json.dumps(
        {
            "asked": vars(asked),
            "covered": vars(covered),
            "alerts": [
                {
                    "alert": past.alert,
                    "verdict": "fired" if past.firings else "no data" if past.missing else "never fired",
                    "missing": list(past.missing),
                    "heard": past.heard,
                    "silenced_by": list(past.silencers),
                    "firings": [
                        {"labels": each.labels, "start": each.start, "end": each.end} for each in past.firings
                    ],
                }
                for past in pasts
            ],
        },
        indent=2,
    )


def _row(past: Past) -> tuple[str, ...]:
    total = sum(each.end - each.start for each in past.firings)
    return (
        past.alert,
        str(len(past.firings)),
        str(past.heard),
        format_duration(round(total) * 1000),
        _when(past.firings[0].start),
        _when(past.firings[-1].start),
        ", ".join(past.silencers) or "-",
    )


def _when(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%SZ}"
