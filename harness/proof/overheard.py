"""What was told of alerts that no fault is to prove, and should not have been. Pure.

The alerts that are proven are judged in `rungs`. Any other that fired may be inhibited: its own receivers may
hear of it or not, but once for each time that a series of it fired or was to be repeated. Nobody else may.
"""

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass

from harness.incident.receipts import (
    ALERTMANAGER,
    Record,
    at,
    count,
    destination,
    first_words,
    named,
    names,
    sender,
    uninvited,
)
from harness.proof.promptness import places
from harness.proof.witnessed import Config, Records
from monitoring.destinations import Destination
from monitoring.durations import parse_duration
from monitoring.routing import Labels

Subject = tuple[str, str]
"""An alert and the service that it is about."""
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


def overheard(
    config: Config, records: Records, fired: Sequence[Firing], known: Sequence[Labels]
) -> list[Overheard]:
    """What receivers heard of these alerts, and of any that is not *known*; *config* has the times in force.

    Known is what fired, or fired shortly before: also what is judged elsewhere.
    """
    told = [record for record in records if sender(record) == ALERTMANAGER]
    by_subject: dict[Subject, list[Firing]] = {}
    for one in fired:
        by_subject.setdefault(_subject(one.labels), []).append(one)
    services = Counter(name for name, _ in {_subject(labels) for labels in known})
    about: dict[str, list[Record]] = {}
    for record in told:
        for name in named(record, services):
            about.setdefault(name, []).append(record)
    strange = uninvited(config, told, known)
    found = [*_refused(told), *_of_nothing(told, services.keys())]
    for (name, service), ones in sorted(by_subject.items()):
        here = about.get(name, [])
        if services[name] > 1:
            here = _about_it(here, service)
        found += _too_much(config, here, name, ones, strange)
    return found


def _subject(labels: Labels) -> Subject:
    return labels["alertname"], labels.get("service", "")


def _about_it(told: Records, service: str) -> list[Record]:
    """Of what was told that which names the service: others have an alert of the same name."""
    return [record for record in told if not service or names(record, service)]


def _refused(told: Records) -> Iterator[Overheard]:
    for record in told:
        if not record["valid"] and not SENT_AGAIN & {*record["problems"]}:
            yield _about(record, f"the service would refuse it: {'; '.join(record['problems'])}")


def _of_nothing(told: Records, known: Set[str]) -> Iterator[Overheard]:
    for record in told:
        if record["valid"] and not named(record, known):
            yield _about(record, "it is about no alert that fired")


def _about(record: Record, why: str) -> Overheard:
    return Overheard(alert=first_words(record), at=at(record), place=str(destination(record)), why=why)


def _too_much(
    config: Config, told: Records, name: str, fired: Sequence[Firing], strange: Records
) -> Iterator[Overheard]:
    """What was *told* of an alert where it is *strange*, or too often."""
    wrong = {destination(record): "it is not among its receivers" for record in told if record in strange}
    most: Counter[Destination] = Counter()
    for one in fired:
        for place, every_s in _repeats(config, one.labels).items():
            most[place] += 1 + int(one.lasted_s // every_s)
    for place, expected in most.items():
        firing, _ = count(told, place, name)
        if firing > expected:
            wrong[place] = f"told {firing} times that it fires, expected at most {expected}"
    for place, why in wrong.items():
        last = max(at(record) for record in told if destination(record) == place)
        yield Overheard(alert=name, at=last, place=str(place), why=why)


def _repeats(config: Config, labels: Labels) -> dict[Destination, float]:
    """After how many seconds each place is told again of what goes on."""
    found: dict[Destination, float] = {}
    for place, route in places(config, labels):
        every_s = parse_duration(route["repeat_interval"]) / 1000
        found[place] = min(found.get(place, every_s), every_s)
    return found
