"""What each receiver got against what it should have got. Pure."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from monitoring.destinations import Destination
from monitoring.routing import Delivery, Labels, deliveries, inhibited

Record = Mapping[str, Any]
ALERTMANAGER = "alertmanager"
DEAD_MAN = "dead-man"
RESOLVED = "[RESOLVED]"  # how monitoring/templates begin a title that ends an alert


class Finding(StrEnum):
    EXACT = "exact"
    MISSING = "missing"
    EXTRA = "extra"
    REFUSED = "refused"
    TOLERATED = (
        "tolerated"  # may or may not be told: inhibited or muted at times, or it fired for a moment only
    )


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One row: a destination, one alert, and how often it was told that it fires and that it is over."""

    destination: Destination
    subject: str
    expected: str
    firing: int
    resolved: int
    finding: Finding


def sender(record: Record) -> str:
    """Return `alertmanager`, `dead-man` for that switch's own words, or `daemon` for all else."""
    if record["receiver"] == DEAD_MAN:
        return DEAD_MAN
    agent = {k.lower(): v for k, v in record["headers"].items()}.get("user-agent", "")
    return ALERTMANAGER if agent.startswith("Alertmanager") or record["receiver"] == "smtp" else "daemon"


def destination(record: Record) -> Destination:
    """Return where *record* arrived."""
    return Destination(record["receiver"], str(record.get("urgency") or record.get("channel") or "?"))


def _texts(value: object) -> list[str]:
    if isinstance(value, Mapping):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [str(value)]


def names(record: Record, alertname: str) -> bool:
    """Tell whether *record* is about the alert: its name stands in it as a word, outside of links."""
    words = " ".join(text for text in _texts(record["body"]) if not text.startswith("http"))
    return bool(re.search(rf"(?<![\w/]){re.escape(alertname)}(?![\w.])", words))


def is_resolved(record: Record) -> bool:
    """Tell whether *record* says that an alert is over."""
    if "event_action" in record:
        return bool(record["event_action"] == "resolve")
    return any(RESOLVED in text for text in _texts(record["body"]))


def count(records: Sequence[Record], place: Destination, alertname: str) -> tuple[int, int]:
    """Return how often *place* was told that the alert fires, and that it is over."""
    chosen = [r for r in records if r["valid"] and destination(r) == place and names(r, alertname)]
    over = sum(is_resolved(record) for record in chosen)
    return len(chosen) - over, over


def _finding(firing: int, resolved: int, *, resolves: bool, tolerant: bool) -> Finding:
    wanted_resolved = 1 if resolves else 0
    if tolerant:
        return Finding.TOLERATED
    if firing == 1 and resolved == wanted_resolved:
        return Finding.EXACT
    return Finding.EXTRA if firing > 1 or resolved > wanted_resolved else Finding.MISSING


def _row(
    records: Sequence[Record], delivery: Delivery, alertname: str, *, resolves: bool, tolerant: bool
) -> Receipt:
    firing, resolved = count(records, delivery.destination, alertname)
    lenient = tolerant or delivery.muted_at_times
    return Receipt(
        destination=delivery.destination,
        subject=alertname,
        expected="may be told" if lenient else "fires and is over" if resolves else "fires",
        firing=firing,
        resolved=resolved,
        finding=_finding(firing, resolved, resolves=resolves, tolerant=lenient),
    )


def compare(
    config: Mapping[str, Any],
    records: Sequence[Record],
    fired: Sequence[Labels],
    *,
    main: str,
    resolves: bool = True,
) -> list[Receipt]:
    """Return the rows of all alerts that *fired*, then what arrived though nothing asked for it.

    The *main* alert must be told exactly: once that it fires and, if it *resolves*, once that it is over.
    """
    told = [record for record in records if sender(record) == ALERTMANAGER]
    rows = []
    for labels in fired:
        name = labels["alertname"]
        lenient = name != main or inhibited(config, labels, fired)
        for delivery in deliveries(config, labels):
            rows.append(_row(told, delivery, name, resolves=resolves, tolerant=lenient))
    return rows + _uninvited(config, told, fired) + _refused(records)


def _uninvited(config: Mapping[str, Any], told: Sequence[Record], fired: Sequence[Labels]) -> list[Receipt]:
    """Return a row for each destination that Alertmanager told about what is none of its business."""
    invited = {
        (labels["alertname"], delivery.destination)
        for labels in fired
        for delivery in deliveries(config, labels)
    }
    stray: Counter[tuple[Destination, str]] = Counter()
    for record in told:
        if not any(names(record, name) and destination(record) == place for name, place in invited):
            stray[destination(record), _subject(record)] += 1
    return [
        Receipt(
            destination=place, subject=text, expected="nothing", firing=n, resolved=0, finding=Finding.EXTRA
        )
        for (place, text), n in stray.items()
    ]


def _refused(records: Sequence[Record]) -> list[Receipt]:
    """Return a row for each request that the real service would have refused."""
    return [
        Receipt(
            destination=destination(record),
            subject="; ".join(record["problems"]),
            expected="a request that the service takes",
            firing=0,
            resolved=0,
            finding=Finding.REFUSED,
        )
        for record in records
        if not record["valid"]
    ]


def _subject(record: Record) -> str:
    """Return the first words of *record*, for a row that nobody expected."""
    texts = [text for text in _texts(record["body"]) if len(text) > 3 and not text.startswith(("http", "#"))]
    return (texts or ["(empty)"])[0][:60]


def progress(records: Sequence[Record]) -> list[Record]:
    """Return the daemon's own messages about a rollback."""
    return [record for record in records if sender(record) == "daemon"]


def wrong(rows: Sequence[Receipt]) -> list[Receipt]:
    """Return the rows that fail the proof."""
    return [row for row in rows if row.finding in (Finding.MISSING, Finding.EXTRA, Finding.REFUSED)]
