"""Who heard of which alert: what the stand-ins recorded, beside what each receiver's witness heard. Pure.

Alertmanager sends the alerts of a group to all integrations of a receiver at once. So a message that arrives
at one of them is about the alerts that the witness heard of at that moment, whatever its text says.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from harness.bench.outside import MARK, Place, witness
from harness.incident.receipts import at, names

Record = Mapping[str, Any]
Series = frozenset[tuple[str, str]]
NEAR_S = 10.0
"""How far apart a message and its witness may arrive on a busy machine."""


@dataclass(frozen=True, kw_only=True)
class Flush:
    """What was sent by one receiver at one moment: the alerts of a group."""

    at: float
    receiver: str
    group: str
    firing: frozenset[Series]
    over: frozenset[Series]


@dataclass(frozen=True, kw_only=True)
class Heard:
    """One message at one place, and what it is about."""

    place: Place
    at: float
    firing: frozenset[Series]
    over: frozenset[Series]
    problem: str = ""
    """Why the real service would not have taken it."""


def series(labels: Mapping[str, str]) -> Series:
    """The labels of one alert as something to compare."""
    return frozenset(labels.items())


def flushes(records: Sequence[Record], places: Sequence[Place]) -> list[Flush]:
    """What each witness heard, in the order of time."""
    by_witness = {witness(place.receiver): place.receiver for place in places}
    return [
        Flush(
            at=at(record),
            receiver=by_witness[record["channel"]],
            group=str(record["body"].get("groupKey")),
            firing=_said(record, "firing"),
            over=_said(record, "resolved"),
        )
        for record in records
        if record.get("channel") in by_witness
    ]


def heard(records: Sequence[Record], places: Sequence[Place]) -> list[Heard]:
    """Every message at every place, each with the alerts that its witness heard of."""
    told = flushes(records, places)
    return [one for place in places for one in _at_place(place, records, told)]


def within(records: Sequence[Record], began: float, ended: float) -> list[Record]:
    """What arrived in a stretch of time: what was told of an earlier fault says nothing of a later one."""
    return [record for record in records if began <= at(record) <= ended]


def lacking(records: Sequence[Record], places: Sequence[Place]) -> list[tuple[Place, Flush]]:
    """What a witness heard and a place beside it did not, although it should have."""
    told = flushes(records, places)
    return [
        (place, flush)
        for place in places
        for flush in _due(place, told)
        if id(flush) not in {id(found) for _, found in _pairs(place, records, told)}
    ]


def repeated(told: Sequence[Flush]) -> Iterator[Flush]:
    """What was sent again although nothing had changed."""
    last: dict[tuple[str, str], Flush] = {}
    for flush in told:
        key = (flush.receiver, flush.group)
        before = last.get(key)
        if before and (before.firing, before.over) == (flush.firing, flush.over):
            yield flush
        last[key] = flush


def twice(told: Sequence[Flush], about: Iterable[Series]) -> set[str]:
    """The receivers that two of their groups told of the same alert: two routes lead to them."""
    groups: dict[tuple[str, Series], set[str]] = {}
    for flush in told:
        for one in flush.firing & set(about):
            groups.setdefault((flush.receiver, one), set()).add(flush.group)
    return {receiver for (receiver, _), found in groups.items() if len(found) > 1}


def _at_place(place: Place, records: Sequence[Record], told: Sequence[Flush]) -> Iterator[Heard]:
    for record, flush in _pairs(place, records, told):
        yield Heard(
            place=place,
            at=at(record),
            firing=flush.firing if flush else frozenset(),
            over=flush.over if flush and place.tells_ends else frozenset(),
            problem="; ".join(record["problems"]),
        )


def _pairs(
    place: Place, records: Sequence[Record], told: Sequence[Flush]
) -> Iterator[tuple[Record, Flush | None]]:
    """Each message of a place with the nearest of what its witness heard, first one that it names."""
    free = [flush for flush in told if flush.receiver == place.receiver]
    for record in (one for one in records if _number(one) == place.number):
        near = [flush for flush in free if abs(flush.at - at(record)) <= NEAR_S]
        found = min(near, key=partial(_far, record), default=None)
        if found:
            free.remove(found)
        yield record, found


def _far(record: Record, flush: Flush) -> tuple[bool, float]:
    return not _named(record, flush), abs(flush.at - at(record))


def _due(place: Place, told: Sequence[Flush]) -> Iterator[Flush]:
    """What a place must hear: one that tells no ends hears only of alerts that it did not know to fire."""
    known: dict[str, frozenset[Series]] = {}
    for flush in told:
        if flush.receiver != place.receiver:
            continue
        if place.tells_ends or flush.firing - known.get(flush.group, frozenset()):
            yield flush
        known[flush.group] = flush.firing


def _named(record: Record, flush: Flush) -> bool:
    return any(names(record, dict(one).get("alertname", "")) for one in flush.firing | flush.over)


def _number(record: Record) -> int | None:
    """The place of a record; None for one of a witness."""
    headers = {name.lower(): value for name, value in record["headers"].items()}
    mark = headers.get(MARK.lower()) if record["receiver"] == "smtp" else None
    said = str(mark or record.get("urgency") or record.get("channel") or "")
    return int(said) if said.isdigit() else None


def _said(record: Record, status: str) -> frozenset[Series]:
    alerts = record["body"].get("alerts", ())
    return frozenset(series(one["labels"]) for one in alerts if one["status"] == status)


def lines(records: Sequence[Record], places: Sequence[Place]) -> Iterator[str]:
    """Each message as a person reads it: when, where, and what is wrong with it."""
    by_number = {place.number: place for place in places}
    for record in records:
        place = by_number.get(number) if (number := _number(record)) is not None else None
        if place:
            state = f"would be REFUSED: {'; '.join(record['problems'])}" if record["problems"] else "taken"
            yield f"{record['at'][11:19]}  {place}: {state}"
    for flush in flushes(records, places):
        names = sorted({f"{dict(one).get('alertname')} fires" for one in flush.firing})
        names += sorted({f"{dict(one).get('alertname')} is over" for one in flush.over})
        yield f"    {flush.receiver} was told: {', '.join(names)}"
