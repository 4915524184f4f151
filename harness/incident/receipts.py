"""What each receiver got against what it should have got. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

from monitoring.destinations import Destination
from monitoring.routing import Delivery, Labels, deliveries, inhibited

Record = Mapping[str, Any]
ALERTMANAGER = "alertmanager"
DEAD_MAN = "dead-man"
RESOLVED = "[RESOLVED]"  # how monitoring/templates begin a title that ends an alert
FIRES, OVER = "fires", "over"
NOTHING = "nothing"  # is expected where nobody asked for it
ENDS = re.compile(
    r":white_check_mark:|^Over: |</b> is over"
)  # how they begin a line about one of several that ended
ALERTNAME = re.compile(r"\b(?:[A-Z][a-z0-9]+){2,}\b")  # how alerts are named


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


def at(record: Record) -> float:
    """Return when it arrived, in seconds since the epoch."""
    return datetime.fromisoformat(record["at"]).timestamp()


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
    return bool(named(record, (alertname,)))


def named(record: Record, alertnames: Iterable[str]) -> set[str]:
    """Return those of the alerts that *record* is about, all of them looked for at once."""
    words = " ".join(text for text in _texts(record["body"]) if not text.startswith("http"))
    return set(_any_of(frozenset(alertnames)).findall(words))


@lru_cache(maxsize=1024)
def _any_of(alertnames: frozenset[str]) -> re.Pattern[str]:
    """One of these names as a word outside of a path; nothing matches where there are none."""
    several = "|".join(re.escape(name) for name in sorted(alertnames))
    return re.compile(rf"(?<![\w/])(?:{several})(?![\w.])" if several else r"(?!)")


def is_resolved(record: Record) -> bool:
    """Tell whether *record* says that an alert is over."""
    if "event_action" in record:
        return bool(record["event_action"] == "resolve")
    return any(RESOLVED in text for text in _texts(record["body"]))


def says(record: Record, alertname: str) -> str:
    """Return what *record* says of the alert: FIRES, OVER, or nothing.

    A message about several alerts says of some that they fire and of others that they are over.
    """
    if not names(record, alertname):
        return ""
    if is_resolved(record):
        return OVER
    return FIRES if names({"body": _without_ends(record["body"])}, alertname) else OVER


def _without_ends(value: Any) -> Any:
    """Return a body without its lines about alerts that are over, as monitoring/templates write them."""
    if isinstance(value, Mapping):
        return {key: _without_ends(item) for key, item in value.items() if key != "resolved"}
    if isinstance(value, list):
        return [_without_ends(item) for item in value]
    return "\n".join(line for line in str(value).splitlines() if not ENDS.search(line))


def count(records: Sequence[Record], place: Destination, alertname: str) -> tuple[int, int]:
    """Return how often *place* was told that the alert fires, and that it is over.

    A message that says the same of it once more is an update where it has news of another alert, or where it
    is about an incident that is open; else it counts again. What is over before it fires, in a message about
    others, is an earlier end: Alertmanager names it in each of them for a quarter of an hour.
    """
    told = [record for record in records if record["valid"] and destination(record) == place]
    firing = over = 0
    last: Record | None = None
    for record in told:
        now = says(record, alertname)
        if not now or (now == OVER and not firing and _is_about_others(record, alertname)):
            continue
        if last is None or now != says(last, alertname) or _repeats(record, last):
            firing, over = firing + (now == FIRES), over + (now == OVER)
        last = record
    return firing, over


def _repeats(record: Record, last: Record) -> bool:
    """Tell whether *record* is the last one again: for a pager another incident, for readers no news."""
    if "dedup_key" in record:
        return bool(record["dedup_key"] != last.get("dedup_key"))
    return _news(record) == _news(last)


def _news(record: Record) -> tuple[str, frozenset[tuple[str, str]]]:
    """Return the title and what is said of each alert. Values move, and are no news."""
    body = record["body"]
    title = body["attachments"][0].get("title") if body.get("attachments") else body.get("text", "")
    words = {word for text in _texts(body) for word in ALERTNAME.findall(text)}
    states = frozenset((word, state) for word in words if (state := says(record, word)))
    return str(title).partition("\n")[0], states


def _is_about_others(record: Record, alertname: str) -> bool:
    return any(word != alertname for word, _ in _news(record)[1])


def incidents(records: Sequence[Record]) -> list[str]:
    """Return the summary of each incident that PagerDuty opened; one that is open is only updated."""
    opened: list[str] = []
    now_open: set[tuple[str, str]] = set()
    for record in records:
        if record["receiver"] != "pagerduty" or not record["valid"]:
            continue
        incident = (record["urgency"], record["dedup_key"])
        if is_resolved(record):
            now_open.discard(incident)
        elif incident not in now_open:
            now_open.add(incident)
            opened.append(str(record["body"].get("payload", {}).get("summary")))
    return opened


def threads(records: Sequence[Record]) -> set[str]:
    """Return the threads that the daemon's messages in Slack name."""
    told = [record for record in progress(records) if record["receiver"] == "slack" and record["valid"]]
    fields = [
        field for record in told for one in record["body"]["attachments"] for field in one.get("fields", ())
    ]
    return {str(field["value"]) for field in fields if field["title"] == "Thread"}


def _finding(firing: int, resolved: int, *, resolves: bool, tolerant: bool) -> Finding:
    wanted_resolved = 1 if resolves else 0
    if tolerant:
        return Finding.TOLERATED
    if firing == 1 and resolved == wanted_resolved:
        return Finding.EXACT
    return Finding.EXTRA if firing > 1 or resolved > wanted_resolved else Finding.MISSING


def of_one(
    config: Mapping[str, Any], records: Sequence[Record], fired: Sequence[Labels], alertname: str
) -> list[Receipt]:
    """Return the rows of one of the alerts that *fired*, which must be told exactly, and of its strangers."""
    told = [record for record in records if sender(record) == ALERTMANAGER]
    about = [record for record in told if names(record, alertname)]
    rows = []
    for labels in fired:
        if labels["alertname"] == alertname:
            silenced = inhibited(config, labels, fired)
            for delivery in deliveries(config, labels):
                rows.append(_row(about, delivery, alertname, resolves=True, tolerant=silenced))
    return [*rows, *strangers(config, about, fired, alertname)]


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
    stray = Counter((destination(one), first_words(one)) for one in uninvited(config, told, fired))
    return [*rows, *(_extra(*of, n) for of, n in stray.items()), *_refused(records)]


def strangers(
    config: Mapping[str, Any], told: Sequence[Record], fired: Sequence[Labels], alertname: str
) -> list[Receipt]:
    """Return a row for each destination that has no business with the alert and was told of it."""
    places = Counter(destination(one) for one in uninvited(config, told, fired) if names(one, alertname))
    return [_extra(place, alertname, n) for place, n in places.items()]


def uninvited(config: Mapping[str, Any], told: Sequence[Record], fired: Sequence[Labels]) -> list[Record]:
    """Return what was told to destinations that have no business with anything in it."""
    invited: dict[Destination, set[str]] = {}
    for labels in fired:
        for delivery in deliveries(config, labels):
            invited.setdefault(delivery.destination, set()).add(labels["alertname"])
    return [record for record in told if not named(record, invited.get(destination(record), ()))]


def _extra(place: Destination, subject: str, n: int) -> Receipt:
    return Receipt(
        destination=place, subject=subject, expected=NOTHING, firing=n, resolved=0, finding=Finding.EXTRA
    )


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


def first_words(record: Record) -> str:
    """Return what *record* begins with, for one that nobody expected."""
    texts = [text for text in _texts(record["body"]) if len(text) > 3 and not text.startswith(("http", "#"))]
    return (texts or ["(empty)"])[0][:60]


def progress(records: Sequence[Record]) -> list[Record]:
    """Return the daemon's own messages about a rollback."""
    return [record for record in records if sender(record) == "daemon"]


def wrong(rows: Sequence[Receipt]) -> list[Receipt]:
    """Return the rows that fail the proof."""
    return [row for row in rows if row.finding in (Finding.MISSING, Finding.EXTRA, Finding.REFUSED)]
