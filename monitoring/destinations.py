"""Where a receiver of Alertmanager tells people: channel, urgency or address of each integration. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from monitoring.errors import CatalogError

Integration = Mapping[str, Any]


class RoutingError(CatalogError):
    """The routing configuration has a form that is not understood here."""


@dataclass(frozen=True, order=True)
class Destination:
    """One place that a person looks at: the receiving service, and the channel, urgency or address there."""

    service: str
    place: str

    def __str__(self) -> str:
        return f"{self.service} {self.place}"


def destinations(receiver: Mapping[str, Any]) -> Iterator[Destination]:
    """Return the destinations of a receiver; webhooks are for machines and have none.

    Raises RoutingError for an integration that has none here, and for a key that Alertmanager does not know:
    silence would be read as "nobody has to be told".
    """
    for key, entries in receiver.items():
        if key == "name":
            continue
        told = _told(receiver["name"], key)
        for entry in entries or ():
            yield from told(receiver["name"], entry)


def _slack(receiver: str, entry: Integration) -> Iterator[Destination]:
    """An address of Slack has a channel of its own, where none is named."""
    yield Destination("slack", str(entry.get("channel") or f"channel of receiver {receiver}"))


def _mail(receiver: str, entry: Integration) -> Iterator[Destination]:
    """One message goes to all addresses."""
    addresses = _value(receiver, "email", entry, "to").split(",")
    yield Destination("smtp", ",".join(address.strip() for address in addresses))


def _pagerduty(receiver: str, entry: Integration) -> Iterator[Destination]:
    """The urgency stands in the name of the key's file: .../pagerduty_critical_key is critical.

    A key that is not named so is a service of PagerDuty's that only its receiver is known of.
    """
    found = re.fullmatch(r"pagerduty_(\w+)_key", str(entry.get("routing_key_file", "")).rpartition("/")[2])
    yield Destination("pagerduty", found[1] if found else f"service of receiver {receiver}")


def _machine(receiver: str, entry: Integration) -> Iterator[Destination]:
    del receiver, entry
    return iter(())


def _value(receiver: str, kind: str, entry: Integration, name: str) -> str:
    if name not in entry:
        raise RoutingError(
            f"receiver {receiver}: expected {name} in its {kind} integration, found {sorted(entry)}"
        )
    return str(entry[name])


Told = Callable[[str, Integration], Iterator[Destination]]
INTEGRATIONS: Mapping[str, Told | None] = {
    "discord": None,
    "email": _mail,
    "jira": None,
    "msteams": None,
    "msteamsv2": None,
    "opsgenie": None,
    "pagerduty": _pagerduty,
    "pushover": None,
    "rocketchat": None,
    "slack": _slack,
    "sns": None,
    "telegram": None,
    "victorops": None,
    "webex": None,
    "webhook": _machine,
    "wechat": None,
}
"""Every integration of Alertmanager 0.25 to 0.28 and how its destination is told, if it can be."""


def elsewhere(receiver: Mapping[str, Any]) -> list[str]:
    """Return the kinds of a receiver's integrations whose destination nobody here can tell."""
    return [kind for kind, told in INTEGRATIONS.items() if told is None and receiver.get(f"{kind}_configs")]


def without_elsewhere(receiver: Mapping[str, Any]) -> dict[str, Any]:
    """Return a receiver of which every destination can be told."""
    others = {f"{kind}_configs" for kind in elsewhere(receiver)}
    return {name: value for name, value in receiver.items() if name not in others}


def _told(receiver: str, key: str) -> Told:
    kind = key.removesuffix("_configs")
    if kind == key or kind not in INTEGRATIONS:
        close = get_close_matches(key, [f"{name}_configs" for name in INTEGRATIONS], 1)
        hint = f"; is {close[0]} meant?" if close else ""
        raise RoutingError(
            f"receiver {receiver}: expected a name and integrations of Alertmanager, found {key}{hint}"
        )
    told = INTEGRATIONS[kind]
    if told is None:
        known = ", ".join(name for name, one in INTEGRATIONS.items() if one)
        raise RoutingError(
            f"receiver {receiver}: expected an integration with a known destination ({known}), found {key}; "
            "say in INTEGRATIONS of monitoring/destinations.py where it tells people"
        )
    return told
