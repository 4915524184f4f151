"""Who must be told about an alert, read from Alertmanager's own configuration. Pure.

amtool answers the same question one alert at a time; a test holds the two together.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.errors import CatalogError

Labels = Mapping[str, str]
Route = Mapping[str, Any]
INHERITED = ("receiver", "group_by", "group_wait", "group_interval", "repeat_interval")
MATCHER = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*"?((?:[^"\\]|\\.)*)"?\s*')


class RoutingError(CatalogError):
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


def _leaves(route: Route, labels: Labels) -> list[Route]:
    """Return every route that takes the alert with what it inherits, children before their parent."""
    taken: list[Route] = []
    inherited = {key: route[key] for key in INHERITED if key in route}
    for child in route.get("routes", ()):
        if {"match", "match_re"} & child.keys():
            raise RoutingError(f"expected `matchers` in every route, found the old form in {child}")
        if not _all(child.get("matchers", ()), labels):
            continue
        taken += _leaves({**inherited, **child}, labels)
        if not child.get("continue", False):
            break
    return taken or [route]


def routes_of(config: Mapping[str, Any], labels: Labels) -> list[Route]:
    """Return the routes that deliver an alert, each with its receiver, grouping and times."""
    return _leaves(config["route"], labels)


def receivers_of(config: Mapping[str, Any], labels: Labels) -> list[tuple[str, bool]]:
    """Return the names of the receivers of an alert, and whether each is muted at times."""
    return [
        (route["receiver"], bool(route.get("mute_time_intervals"))) for route in routes_of(config, labels)
    ]


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
    return any(
        all(other.get(name, "") == labels.get(name, "") for name in equal)
        for other, equal in silencers(config, labels, others)
    )


def silencers(
    config: Mapping[str, Any], labels: Labels, others: Sequence[Labels]
) -> Iterable[tuple[Labels, Sequence[str]]]:
    """Return those of the *others* that silence this alert where the labels named beside them are equal."""
    for rule in config.get("inhibit_rules", ()):
        if _all(rule.get("target_matchers", ()), labels):
            for other in others:
                if other != labels and _all(rule.get("source_matchers", ()), other):
                    yield other, rule.get("equal", ())
