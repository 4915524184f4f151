"""What may be said in `alertmanager_overrides`: not what replaces a list or has its own input."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from monitoring.delivery import additions
from monitoring.delivery.mute_hours import NAME as HOURS_NAME
from monitoring.errors import CatalogError

INPUT = "alertmanager_overrides"
BY_KIND = {
    "slack_configs": "alertmanager_channels, alertmanager_mentions or alertmanager_without",
    "email_configs": "alertmanager_mail or alertmanager_without",
    "pagerduty_configs": "the secrets pagerduty_critical_key, pagerduty_error_key, or alertmanager_without",
    "webhook_configs": "alertmanager_dead_man, or a receiver and a route of your own",
}
OWN = f"{additions.RECEIVERS} and {additions.ROUTES}"


def check(config: Mapping[str, Any], overrides: Any) -> None:
    """CatalogError where an override would replace what it does not name, with the input to use instead."""
    if not isinstance(overrides, Mapping):
        raise CatalogError(f"expected {INPUT} as a mapping laid over alertmanager.yml, found {overrides!r}")
    route = overrides.get("route")
    if route is not None and not isinstance(route, Mapping):
        raise CatalogError(f"{INPUT}, route: expected times of the first route, found {route!r}")
    if "routes" in (route or {}):
        raise _refused("route.routes", f"it would replace all our routes; add yours with {additions.ROUTES}")
    if "receiver" in (route or {}):
        raise _refused("route.receiver", f"it is told of what no route knows; add yours with {OWN}")
    if "route" in overrides and route is None:
        raise _refused("route", "nobody would be told of anything")
    if "inhibit_rules" in overrides:
        raise _refused(
            "inhibit_rules", f"it would replace all of ours; add yours with {additions.INHIBITIONS}"
        )
    if "templates" in overrides and not {*config.get("templates", ())} <= {*(overrides["templates"] or ())}:
        raise _refused("templates", "it would replace our texts; add yours with alertmanager_template_files")
    if any(_named(overrides.get(key), HOURS_NAME) for key in ("time_intervals", "mute_time_intervals")):
        raise _refused(HOURS_NAME, "use alertmanager_mute_hours")
    if "receivers" in overrides:
        raise _refused("receivers", _instead(config, overrides["receivers"]))


def _instead(config: Mapping[str, Any], receivers: Any) -> str:
    """Which input changes what the override would."""
    ours = [one["name"] for one in config.get("receivers") or []]
    said = [one for one in receivers if isinstance(one, Mapping)] if isinstance(receivers, list) else []
    for one in said:
        if one.get("name") not in ours:
            near = get_close_matches(str(one.get("name")), ours, 1)
            hint = f" (is {near[0]} meant?)" if near else ""
            return f"there is no receiver {one.get('name')}{hint}; a new one is added with {OWN}"
    kinds: Iterable[str] = (key for one in said for key in one if key in BY_KIND)
    meant = list(dict.fromkeys(BY_KIND[kind] for kind in kinds))
    return f"our texts and `send_resolved` would be lost; use {'; or '.join(meant) or OWN}"


def _named(items: Any, name: str) -> bool:
    return isinstance(items, list) and any(
        isinstance(one, Mapping) and one.get("name") == name for one in items
    )


def _refused(what: str, why: str) -> CatalogError:
    return CatalogError(f"{INPUT}: expected no change of {what}, found one; {why}")
