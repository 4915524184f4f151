"""Who must be told about an alert, read from Alertmanager's own configuration. Pure.

amtool answers the same question one alert at a time; a test holds the two together.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import HarnessError

Labels = Mapping[str, str]
MATCHER = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*"?((?:[^"\\]|\\.)*)"?\s*')


class RoutingError(HarnessError):
    """The routing configuration has a form that is not understood here."""


@dataclass(frozen=True, order=True)
class Destination:
    """One place that a person looks at: the receiving service, and the channel, urgency or address there."""

    service: str
    place: str

    def __str__(self) -> str:
        return f"{self.service} {self.place}"


@dataclass(frozen=True)
class Delivery:
    """A destination of an alert. A muted one is told only outside its mute times."""

    destination: Destination
    muted_at_times: bool


def matches(matcher: str, labels: Labels) -> bool:
    """Tell whether one matcher of Alertmanager's holds; a missing label is an empty one."""
    parsed = MATCHER.fullmatch(matcher)
    if not parsed:
        raise RoutingError(f'expected a matcher such as severity="critical", found {matcher!r}')
    name, operator, wanted = parsed.groups()
    value = labels.get(name, "")
    same = bool(re.fullmatch(wanted, value)) if "~" in operator else value == wanted
    return same != operator.startswith("!")


def _all(matchers: Iterable[str], labels: Labels) -> bool:
    return all(matches(matcher, labels) for matcher in matchers)


def _leaves(route: Mapping[str, Any], labels: Labels) -> list[tuple[str, bool]]:
    """Return (receiver, muted at times) of every route that takes the alert, children before their parent."""
    taken: list[tuple[str, bool]] = []
    for child in route.get("routes", ()):
        child = {"receiver": route["receiver"], **child}
        if not _all(child.get("matchers", ()), labels):
            continue
        taken += _leaves(child, labels)
        if not child.get("continue", False):
            break
    if taken:
        return taken
    return [(route["receiver"], bool(route.get("mute_time_intervals")))]


def receivers_of(config: Mapping[str, Any], labels: Labels) -> list[tuple[str, bool]]:
    """Return the names of the receivers of an alert, and whether each is muted at times."""
    return _leaves(config["route"], labels)


def deliveries(config: Mapping[str, Any], labels: Labels) -> list[Delivery]:
    """Return every destination of an alert that people look at; webhooks are for machines and left out."""
    by_name = {receiver["name"]: receiver for receiver in config["receivers"]}
    found: dict[Destination, Delivery] = {}
    for name, muted in receivers_of(config, labels):
        for destination in _destinations(by_name[name]):
            found[destination] = Delivery(destination, muted and found.get(destination, True) is not False)
    return sorted(found.values(), key=lambda delivery: delivery.destination)


def _destinations(receiver: Mapping[str, Any]) -> Iterable[Destination]:
    for slack in receiver.get("slack_configs", ()):
        yield Destination("slack", slack["channel"])
    for pagerduty in receiver.get("pagerduty_configs", ()):
        yield Destination("pagerduty", _urgency(pagerduty["routing_key_file"]))
    for mail in receiver.get("email_configs", ()):
        yield Destination("smtp", mail["to"])


def _urgency(key_file: str) -> str:
    """Return the urgency in the name of a routing key's file: .../pagerduty_critical_key is critical."""
    found = re.fullmatch(r"pagerduty_(\w+)_key", key_file.rpartition("/")[2])
    if not found:
        raise RoutingError(f"expected a file named pagerduty_<urgency>_key, found {key_file}")
    return found[1]


def inhibited(config: Mapping[str, Any], labels: Labels, others: Sequence[Labels]) -> bool:
    """Tell whether one of the *others*, when it fires, silences this alert."""
    for rule in config.get("inhibit_rules", ()):
        if not _all(rule.get("target_matchers", ()), labels):
            continue
        for other in others:
            equal = all(other.get(name, "") == labels.get(name, "") for name in rule.get("equal", ()))
            if other != labels and equal and _all(rule.get("source_matchers", ()), other):
                return True
    return False
