"""Who must be told about an alert, read from Alertmanager's own configuration. Pure.

amtool answers the same question one alert at a time; a test holds the two together.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.destinations import Destination, RoutingError, destinations

Labels = Mapping[str, str]
Route = Mapping[str, Any]
INHERITED = ("receiver", "group_by", "group_wait", "group_interval", "repeat_interval")
MATCHER = re.compile(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(=~|!~|!=|=)\s*"?((?:[^"\\]|\\.)*)"?\s*')
ESCAPED = re.compile(r'\\([n"\\])')
"""What stands for another character in a matcher; before any other a backslash is one."""
SEVERAL = re.compile(r'(?:[^",]|"(?:[^"\\]|\\.)*")+')
"""One of the matchers that share a line; a comma between quotes belongs to a value."""


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
    wanted = ESCAPED.sub(lambda found: {"n": "\n"}.get(found[1], found[1]), wanted)
    value = labels.get(name, "")
    same = bool(re.fullmatch(wanted, value)) if "~" in operator else value == wanted
    return same != operator.startswith("!")


def matchers_of(route: Route, of: str = "") -> Iterator[str]:
    """Yield each matcher of a route, or those *of* the `source` or `target` of an inhibition, in one form.

    Alertmanager also takes several in a line, in braces or not, and the older `match` and `match_re`.
    """
    prefix = f"{of}_" if of else ""
    for line in route.get(f"{prefix}matchers") or ():
        yield from SEVERAL.findall(str(line).strip().removeprefix("{").removesuffix("}")) or [str(line)]
    for key, operator in ((f"{prefix}match", "="), (f"{prefix}match_re", "=~")):
        for name, value in (route.get(key) or {}).items():
            yield f"{name}{operator}{json.dumps(str(value), ensure_ascii=False)}"


def _all(matchers: Iterable[str], labels: Labels) -> bool:
    return all(matches(matcher, labels) for matcher in matchers)


def _leaves(route: Route, labels: Labels) -> list[Route]:
    """Return every route that takes the alert with what it inherits, children before their parent."""
    taken: list[Route] = []
    inherited = {key: route[key] for key in INHERITED if key in route}
    for child in route.get("routes", ()):
        if not _all(matchers_of(child), labels):
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
    """Return every destination of an alert that people look at; webhooks are for machines and left out.

    Raises RoutingError where a receiver of the alert has an integration whose destination cannot be told.
    """
    by_name = {receiver["name"]: receiver for receiver in config["receivers"]}
    always: dict[Destination, bool] = {}
    for name, muted in receivers_of(config, labels):
        for destination in destinations(by_name[name]):
            always[destination] = always.get(destination, False) or not muted
    return [Delivery(destination, not always[destination]) for destination in sorted(always)]


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
        if _all(matchers_of(rule, "target"), labels):
            for other in others:
                if other != labels and _all(matchers_of(rule, "source"), other):
                    yield other, rule.get("equal", ())
