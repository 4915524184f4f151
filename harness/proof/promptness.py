"""When each place was told of an alert, against the times of its own routes, and in which words. Pure."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.incident.patience import MARGIN_S
from harness.incident.receipts import ALERTMANAGER, at, destination, says, sender
from harness.proof.witnessed import PROMETHEUS_S, Config, Records
from monitoring.destinations import Destination, destinations
from monitoring.durations import parse_duration
from monitoring.routing import Labels, routes_of

BROKEN = re.compile(r"<error expanding template|<no value>|%!\w?\(")
"""What stands in a text where Prometheus, Alertmanager or a format of theirs could not fill it in."""


@dataclass(frozen=True)
class Heard:
    """A place, when it was first told, and how long after the news that was."""

    place: str
    at: float
    took_s: float
    allowed_s: float

    @property
    def late(self) -> bool:
        """Whether its routes allow no such wait."""
        return self.took_s > self.allowed_s


def heard(
    config: Config, records: Records, alert: str, said: str, news: Sequence[float], labels: Iterable[Labels]
) -> list[Heard]:
    """When each place first heard Alertmanager say that of an alert, from the first of these *news* on.

    How long that took counts from the latest of them: what is told may have been silenced until then.
    """
    allowed = _allowed(config, labels)
    first: dict[str, float] = {}
    since = min(news, default=0.0) - PROMETHEUS_S
    for one in records:
        if sender(one) == ALERTMANAGER and says(one, alert) == said and at(one) >= since:
            first.setdefault(str(destination(one)), at(one))
    found = []
    for place, moment in first.items():
        before = [each for each in news if each <= moment + PROMETHEUS_S]
        if before and place in allowed:
            found.append(Heard(place, moment, moment - max(before), allowed[place]))
    return found


def _allowed(config: Config, labels: Iterable[Labels]) -> dict[str, float]:
    """For how long Alertmanager may keep news from each place, on a busy machine."""
    found: dict[str, float] = {}
    for one in labels:
        for place, route in places(config, one):
            times = [parse_duration(route.get(name, 0)) / 1000 for name in ("group_wait", "group_interval")]
            found[str(place)] = max(found.get(str(place), 0.0), *times)
    # A busy machine may be late twice: with what Prometheus sends, and with what Alertmanager sends.
    return {place: seconds + 2 * MARGIN_S for place, seconds in found.items()}


def places(config: Config, labels: Labels) -> Iterator[tuple[Destination, Mapping[str, str]]]:
    """Each destination of an alert, with the route that leads to it."""
    by_name = {receiver["name"]: receiver for receiver in config["receivers"]}
    for route in routes_of(config, labels):
        for place in destinations(by_name.get(route["receiver"], {"name": ""})):
            yield place, route


def broken(records: Records, alert: str) -> list[str]:
    """The places that were told in words that a template could not make."""
    found = [one for one in records if says(one, alert) and BROKEN.search(json.dumps(one["body"]))]
    where = sorted({str(destination(one)) for one in found})
    return [f"{place} in words of a template that failed" for place in where]
