"""Receivers, routes and inhibitions of a site, added to ours. An added route takes no alert from another."""

from collections.abc import Iterator, Mapping
from typing import Any

from monitoring.delivery.saying import Config, kind_of, known, listed
from monitoring.destinations import INTEGRATIONS
from monitoring.errors import CatalogError
from monitoring.routing import MATCHER

RECEIVERS, ROUTES = "alertmanager_receivers", "alertmanager_routes"
INHIBITIONS = "alertmanager_inhibit_rules"
TEXTS = {"slack_configs": "channel", "email_configs": "to", "pagerduty_configs": "routing_key_file"}
"""The integrations that get our texts, and what is a receiver's own in each."""
TIMES = ("mute_time_intervals", "active_time_intervals")
_ROUTE = (
    *("receiver", "matchers", "group_by", "group_wait", "group_interval", "repeat_interval"),
    *("continue", "routes", *TIMES),
)
_INHIBITION = ("source_matchers", "target_matchers", "equal")


def with_receivers(config: Config, said: Any) -> Config:
    """Our receivers and the site's, which send our texts unless they say others."""
    ours = config.get("receivers") or []
    taken = [receiver["name"] for receiver in ours]
    added = []
    for receiver in listed(RECEIVERS, said):
        place = f"{RECEIVERS}, {receiver.get('name')}"
        if not isinstance(receiver.get("name"), str) or not receiver["name"]:
            raise CatalogError(f"{RECEIVERS}: expected a name for each, found {sorted(receiver)}")
        if receiver["name"] in taken:
            raise CatalogError(
                f"{place}: expected a name of its own, found one that there is; what ours send is changed by "
                "alertmanager_channels, alertmanager_mentions, alertmanager_mail and alertmanager_without"
            )
        taken.append(receiver["name"])
        added.append(_with_texts(place, receiver, ours))
    return {**config, "receivers": [*ours, *added]}


def _with_texts(place: str, receiver: Config, ours: list[Config]) -> Config:
    kinds = [key for key in receiver if key != "name"]
    for key in kinds:
        known(place, key, [f"{name}_configs" for name in INTEGRATIONS], "integrations of Alertmanager")
    if not any(receiver[key] for key in kinds):
        raise CatalogError(
            f"{place}: expected an integration such as slack_configs, found none: it tells nobody"
        )
    return {"name": receiver["name"]} | {
        key: [
            _texted(f"{place}, {key}", key, entry, ours) for entry in listed(f"{place}, {key}", receiver[key])
        ]
        for key in kinds
    }


def _texted(place: str, kind: str, entry: Config, ours: list[Config]) -> Config:
    own = TEXTS.get(kind)
    if own is None:
        return entry
    if own not in entry and not (kind == "pagerduty_configs" and "routing_key" in entry):
        raise CatalogError(f"{place}: expected {own} in each, found {sorted(entry)}")
    sample = next((one for one in _samples(kind, ours)), {})
    return {key: value for key, value in sample.items() if key not in _PRIVATE} | entry


_PRIVATE = (*TEXTS.values(), "pretext", "api_url_file")


def _samples(kind: str, ours: list[Config]) -> Iterator[Config]:
    for receiver in ours:
        yield from receiver.get(kind) or []


def with_routes(config: Config, said: Any) -> Config:
    """The site's routes stand behind those of the daemon and of the heartbeat, before ours for people."""
    added = [_route(f"{ROUTES}, item {number}", route, config) for number, route in _numbered(ROUTES, said)]
    for number, route in enumerate(added, 1):
        if route.get("continue", True) is not True:
            raise CatalogError(
                f"{ROUTES}, item {number}: expected no `continue: false`; an added route tells more people, "
                "and the alert goes on to ours"
            )
    ours = config["route"].get("routes") or []
    place = next((at for at, route in enumerate(ours) if not _for_machines(route)), len(ours))
    routes = [*ours[:place], *({**route, "continue": True} for route in added), *ours[place:]]
    return {**config, "route": {**config["route"], "routes": routes}} if added else config


def _for_machines(route: Mapping[str, Any]) -> bool:
    return any(matcher.lstrip().startswith("rollback") for matcher in route.get("matchers") or ())


def _numbered(place: str, said: Any) -> Iterator[tuple[int, Config]]:
    return enumerate(listed(place, said), 1)


def _route(place: str, route: Config, config: Mapping[str, Any], *, top: bool = True) -> Config:
    for key in route:
        known(place, key, _ROUTE, "some of")
    _matchers(f"{place}, matchers", route.get("matchers", []))
    if "receiver" in route or top:
        known(place, route.get("receiver"), [one["name"] for one in config["receivers"]], "a receiver")
    times = [one["name"] for key in ("time_intervals", *TIMES[:1]) for one in config.get(key) or []]
    for key in TIMES:
        for name in route.get(key) or []:
            known(f"{place}, {key}", name, times, "one of")
    children = [
        _route(f"{place}, route {number}", child, config, top=False)
        for number, child in _numbered(f"{place}, routes", route.get("routes") or [])
    ]
    return {**route, "routes": children} if children else route


def _matchers(place: str, said: Any) -> None:
    """Alertmanager takes a list; a text would be read letter by letter."""
    form = """expected a list of matchers such as ['severity="critical"']"""
    if not isinstance(said, list):
        raise CatalogError(f"{place}: {form}, found {kind_of(said)}")
    for one in said:
        if not (isinstance(one, str) and MATCHER.fullmatch(one)):
            raise CatalogError(f"{place}: {form}, found {one!r} in it")


def with_inhibitions(config: Config, said: Any) -> Config:
    """Our inhibitions and the site's."""
    added = []
    for number, rule in _numbered(INHIBITIONS, said):
        place = f"{INHIBITIONS}, item {number}"
        for key in rule:
            known(place, key, _INHIBITION, "some of")
        if not rule.get("source_matchers") or not rule.get("target_matchers"):
            raise CatalogError(f"{place}: expected source_matchers and target_matchers, found {sorted(rule)}")
        for side in ("source_matchers", "target_matchers"):
            _matchers(f"{place}, {side}", rule[side])
        added.append(rule)
    ours = config.get("inhibit_rules") or []
    return {**config, "inhibit_rules": [*ours, *added]} if added else config
