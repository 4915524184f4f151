"""What was told of alerts that no fault is to prove, and should not have been. Pure.

The alerts that are proven are judged in `rungs`. Any other that fired may be inhibited: its own receivers may
hear of it or not, but once for each time that it fired or was to be repeated. Nobody else may hear of it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from harness.incident.receipts import (
    ALERTMANAGER,
    at,
    count,
    destination,
    first_words,
    names,
    sender,
    strangers,
)
from monitoring.destinations import Destination
from monitoring.durations import parse_duration
from monitoring.routing import Labels, deliveries, routes_of

Records = Sequence[Mapping[str, Any]]
Config = Mapping[str, Any]
SENT_AGAIN = frozenset({"rate_limited"})
"""Problems of a request that the service takes a little later."""


@dataclass(frozen=True)
class Firing:
    """A time in which an alert fired."""

    labels: Labels
    lasted_s: float


@dataclass(frozen=True, kw_only=True)
class Overheard:
    """Something that a receiver should not have been told."""

    alert: str
    """Its name; the first words of the message where that is about no alert that is known."""
    at: float
    """When it was told, the last time, in seconds since the epoch."""
    place: str
    why: str


def overheard(config: Config, records: Records, fired: Iterable[Firing], proven: Set[str]) -> list[Overheard]:
    """What receivers heard of any alert but those that are *proven*; *config* has the times in force."""
    told = [record for record in records if sender(record) == ALERTMANAGER]
    by_name: dict[str, list[Firing]] = {}
    for one in fired:
        by_name.setdefault(one.labels["alertname"], []).append(one)
    others = sorted(by_name.keys() - proven)
    return [
        *_refused(told),
        *_of_nothing(told, by_name.keys() | proven),
        *(found for name in others for found in _too_much(config, told, name, by_name[name])),
    ]


def _refused(told: Records) -> Iterator[Overheard]:
    for record in told:
        if not record["valid"] and not SENT_AGAIN & {*record["problems"]}:
            yield _about(record, f"the service would refuse it: {'; '.join(record['problems'])}")


def _of_nothing(told: Records, known: Set[str]) -> Iterator[Overheard]:
    for record in told:
        if record["valid"] and not any(names(record, name) for name in known):
            yield _about(record, "it is about no alert that fired")


def _about(record: Mapping[str, Any], why: str) -> Overheard:
    return Overheard(alert=first_words(record), at=at(record), place=str(destination(record)), why=why)


def _too_much(config: Config, told: Records, name: str, fired: Sequence[Firing]) -> Iterator[Overheard]:
    wrong = {
        row.destination: "it is not among its receivers"
        for row in strangers(config, told, [one.labels for one in fired], name)
    }
    most: Counter[Destination] = Counter()
    for one in fired:
        for delivery in deliveries(config, one.labels):
            most[delivery.destination] += 1 + _repeats(config, one)
    for place, expected in most.items():
        firing, _ = count(told, place, name)
        if firing > expected:
            wrong[place] = f"told {firing} times that it fires, expected at most {expected}"
    for place, why in wrong.items():
        last = max(at(record) for record in told if destination(record) == place and names(record, name))
        yield Overheard(alert=name, at=last, place=str(place), why=why)


def _repeats(config: Config, one: Firing) -> int:
    """How often it is told again while it fires."""
    every = min(parse_duration(route["repeat_interval"]) for route in routes_of(config, one.labels))
    return int(one.lasted_s * 1000 // every)
