"""What Prometheus, the receivers, the daemon and people know of a period; who cannot be asked is named."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from devtools.errors import UserError
from harness.clients import ClientError, Prometheus
from harness.incident.receipts import ALERTMANAGER, FIRES, names, says, sender
from harness.report.records import Event, Firing, Verdict
from monitoring.yaml_text import read_yaml

MOST_POINTS = 10_000
"""Prometheus answers no more than 11,000 for a series."""
FINEST_S = 1.0
EVALUATED_S = 15.0
"""How often production evaluates its rules: whatever fires does so for as long."""
LOOK_BACK_S = 120
"""The slowest scrape, twice; Prometheus by itself shows a sample for five minutes after it was away."""
GAP_S = 60.0
"""So much longer without any sample, and Prometheus is said to have been away."""
Hole = tuple[float, float]
ANSWERS = {"yes": True, "true": True, "no": False, "false": False, "": None, "unknown": None}
ABOUT = ("alert", "began", "real", "actionable", "acknowledged", "note")
Records = Sequence[Mapping[str, Any]]


def firings(
    prometheus: Prometheus, began: float, ended: float, longest_step_s: float = EVALUATED_S
) -> tuple[list[Firing], list[Hole], list[str]]:
    """Every time that an alert fired, when Prometheus knew nothing, and that in sentences."""
    step = min(longest_step_s, max(FINEST_S, (ended - began) / MOST_POINTS))
    try:
        found = _asked(prometheus, 'ALERTS{alertstate="firing"}', began, ended, step)
        alive = _asked(prometheus, f"count(count_over_time(up[{LOOK_BACK_S}s]))", began, ended, step)
    except ClientError as error:
        return [], [(began, ended)], [f"Prometheus does not say what fired: {error}"]
    holes = [*_holes([at for _, times in alive for at in times], began, ended, step)]
    spans = [span for labels, times in found for span in _spans(labels, times, step, began, ended)]
    fired = [_at_the_edges(one, holes) for one in _merged(spans, step)]
    told = [
        f"Prometheus knows nothing from {moment(first)} to {moment(last)}: away, or not kept"
        for first, last in holes
    ]
    return fired, holes, told


def _asked(
    prometheus: Prometheus, expression: str, began: float, ended: float, step: float
) -> list[tuple[dict[str, str], list[float]]]:
    """The moments of each series, asked in parts: a coarser step would not see what fires between two."""
    found: dict[frozenset[tuple[str, str]], list[float]] = {}
    steps = int((ended - began) / step) + 1
    for first in range(0, steps, MOST_POINTS):
        last = min(first + MOST_POINTS, steps) - 1
        for series in prometheus.query_range(expression, began + first * step, began + last * step, step):
            times = found.setdefault(frozenset(series["metric"].items()), [])
            times += [float(at) for at, _ in series["values"]]
    return [(dict(labels), times) for labels, times in found.items()]


def _spans(
    labels: Mapping[str, str], times: Sequence[float], step: float, since: float, until: float
) -> Iterator[Firing]:
    begins = [at for before, at in zip([-1e18, *times], times, strict=False) if at - before > 1.5 * step]
    for begin, following in zip(begins, [*begins[1:], float("inf")], strict=True):
        last = max(at for at in times if begin <= at < following)
        yield Firing(
            alert=labels["alertname"],
            severity=labels.get("severity", ""),
            component=labels.get("component", ""),
            service=labels.get("service", ""),
            began=begin,
            ended=None if last >= until - 1.5 * step else last + step,
            cut=begin < since + step,
        )


def _merged(spans: Sequence[Firing], step: float) -> list[Firing]:
    """Series of one alert about one service that fire at once are one time, as a person sees it."""

    def whose(one: Firing) -> tuple[str, str, str]:
        return one.alert, one.severity, one.service

    found: list[Firing] = []
    for one in sorted(spans, key=lambda span: (*whose(span), span.began)):
        last = found[-1] if found else None
        same = last and whose(last) == whose(one)
        if last and same and (last.ended is None or one.began <= last.ended + step):
            ends = (last.ended, one.ended)
            ended = None if None in ends else max(end for end in ends if end is not None)
            found[-1] = replace(last, ended=ended, series=last.series + 1)
        else:
            found.append(one)
    return sorted(found, key=lambda firing: firing.began)


def _holes(alive: Sequence[float], began: float, ended: float, step: float) -> Iterator[Hole]:
    """When Prometheus knew nothing: it was away, or keeps no more."""
    times = sorted(set(alive))
    for before, after in zip([began, *times], [*times, ended], strict=True):
        if after - before > max(GAP_S, 2 * step):
            yield max(began, before - (LOOK_BACK_S if before > began else 0)), after


def _at_the_edges(firing: Firing, holes: Sequence[Hole]) -> Firing:
    """The alert with what a hole hides of it: since when it fired, or until when."""
    end = float("inf") if firing.ended is None else firing.ended
    return replace(
        firing,
        cut=firing.cut or any(first <= firing.began <= last + GAP_S for first, last in holes),
        broken=any(firing.began < last and first <= end + GAP_S for first, last in holes),
    )


def told(records: Records, alerts: Sequence[str]) -> list[Event]:
    """Each time that somebody was told that an alert fires."""
    return [
        Event(alert=alert, at=seconds(record["at"]))
        for record in records
        if record["valid"] and sender(record) == ALERTMANAGER
        for alert in alerts
        if says(record, alert) == FIRES
    ]


def acknowledged(records: Records, alerts: Sequence[str]) -> list[Event]:
    """Each `acknowledge` that PagerDuty heard, about the alert that opened the incident."""
    opened = {
        record["dedup_key"]: alert
        for record in records
        if record.get("event_action") == "trigger"
        for alert in alerts
        if names(record, alert)
    }
    return [
        Event(alert=opened[record["dedup_key"]], at=seconds(record["at"]))
        for record in records
        if record.get("event_action") == "acknowledge" and record["valid"] and record["dedup_key"] in opened
    ]


def taken_over(ledger: Records) -> list[Event]:
    """Each `rollbackctl acknowledge`: it is about what a rollback left open, and its alerts."""
    return [
        Event(alert="", component="rollback", at=seconds(entry["at"]))
        for entry in ledger
        if entry["kind"] == "acknowledged"
    ]


def saved(path: Path, key: str) -> Records:
    """What was saved of the receivers or of the ledger: a list, or an object that has it under *key*."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"expected a file that can be read, found {error}") from error
    try:
        found = json.loads(text)
        listed = found[key] if isinstance(found, dict) else found
        return [dict(one) for one in listed]
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: expected JSON with a list of {key}, found {error!r}") from error


def verdicts(path: Path) -> list[Verdict]:
    """What people say, from a YAML list or a CSV file with a heading; UserError names a wrong entry."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        table = path.suffix.lower() == ".csv"
        rows = list(csv.DictReader(text.splitlines())) if table else read_yaml(text)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"--verdicts: expected a YAML or CSV file, found {error}") from error
    if not isinstance(rows, list):
        raise UserError(f"{path}: expected a list of verdicts, found {type(rows).__name__}")
    return [_verdict(path, number, row) for number, row in enumerate(rows, 1)]


def _verdict(path: Path, number: int, row: Any) -> Verdict:
    where = f"{path}: verdict {number}"
    if not isinstance(row, Mapping) or not {"alert", "began"} <= row.keys() or not set(row) <= set(ABOUT):
        raise UserError(f"{where}: expected alert and began, perhaps {', '.join(ABOUT[2:])}, found {row!r}")
    return Verdict(
        alert=str(row["alert"]),
        began=read_moment(where, row["began"]),
        real=_answer(where, "real", row.get("real")),
        actionable=_answer(where, "actionable", row.get("actionable")),
        acknowledged=read_moment(where, row["acknowledged"]) if row.get("acknowledged") else None,
        note=str(row.get("note") or ""),
    )


def _answer(where: str, name: str, said: object) -> bool | None:
    text = "" if said is None else str(said).strip().lower()
    if text not in ANSWERS:
        raise UserError(f"{where}: expected {name} to be yes, no or unknown, found {said!r}")
    return ANSWERS[text]


def read_moment(where: str, said: object) -> float:
    """Read a moment; one without a zone is in UTC, as YAML has it."""
    try:
        found = said if isinstance(said, datetime) else datetime.fromisoformat(str(said))
    except ValueError:
        raise UserError(
            f"{where}: expected a moment such as 2026-11-28T10:00+02:00, found {said!r}"
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def seconds(iso: str) -> float:
    """Return an ISO time as seconds since the epoch."""
    return datetime.fromisoformat(iso.replace("Z", "+00:00")).timestamp()


def moment(at: float) -> str:
    """A moment as a person reads it."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
