"""When warnings wait for the morning: the hours of a site in its own time zone."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from monitoring.delivery.saying import Config, known, mapping
from monitoring.errors import CatalogError

INPUT = "alertmanager_mute_hours"
NAME = "off-hours"
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_FORM = "hours such as {from: '18:00', to: '08:00', timezone: Europe/Sofia, all_day: [saturday, sunday]}"


def with_hours(config: Config, said: Any) -> Config:
    """The mute times of ours with the site's hours; what it does not name stays."""
    given = mapping(INPUT, said, ("from", "to", "timezone", "all_day"), _FORM)
    if not given:
        return config
    ours = _ours(config)
    start = _time("from", given.get("from", ours["from"]))
    end = _time("to", given.get("to", ours["to"]))
    if start == end:
        raise CatalogError(f"{INPUT}: expected two times that differ, found {start} twice")
    days = _days(given.get("all_day", []))
    if len(set(days)) == len(DAYS) or (start, end) == ("00:00", "24:00"):
        raise CatalogError(f"{INPUT}: expected hours that end, found that warnings would wait for ever")
    zone = {"location": _zone(given.get("timezone", ours["timezone"]))}
    night = {"weekdays": ["sunday:saturday"], "times": _ranges(start, end), **zone}
    whole = {"weekdays": days, **zone}
    return _replaced(config, [night, *([whole] if whole["weekdays"] else [])])


def without_hours(config: Config) -> Config:
    """The same routes, never muted."""
    return _replaced(config, [])


def _ours(config: Mapping[str, Any]) -> dict[str, str]:
    """The hours in the file: its night is two ranges, the first of which ends at midnight."""
    found = [one for one in config.get("time_intervals") or [] if one["name"] == NAME]
    if not found:
        raise CatalogError(
            f"{INPUT}: expected time_intervals with the name {NAME} in alertmanager.yml, found none"
        )
    (night,) = found[0]["time_intervals"]
    first, second = night["times"]
    return {"from": first["start_time"], "to": second["end_time"], "timezone": night["location"]}


def _replaced(config: Config, intervals: list[dict[str, Any]]) -> Config:
    changed = [
        {**one, "time_intervals": intervals} if one["name"] == NAME else one
        for one in config.get("time_intervals") or []
    ]
    return {**config, "time_intervals": changed}


def _time(name: str, value: Any) -> str:
    if not (isinstance(value, str) and _TIME.fullmatch(value)) or (name == "from" and value == "24:00"):
        raise CatalogError(f"{INPUT}, {name}: expected a time in quotes such as '18:00', found {value!r}")
    return value


def _ranges(start: str, end: str) -> list[dict[str, str]]:
    """A range cannot cross midnight: such a night is two."""
    if start < end:
        return [{"start_time": start, "end_time": end}]
    morning = [{"start_time": "00:00", "end_time": end}] if end != "00:00" else []
    return [{"start_time": start, "end_time": "24:00"}, *morning]


def _zone(value: Any) -> str:
    try:
        return ZoneInfo(str(value)).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    near = get_close_matches(str(value), sorted(available_timezones()), 1)
    hint = f"; is {near[0]} meant?" if near else ""
    raise CatalogError(f"{INPUT}, timezone: expected a name such as Europe/Sofia, found {value!r}{hint}")


def _days(value: Any) -> list[str]:
    if not isinstance(value, list):
        raise CatalogError(f"{INPUT}, all_day: expected a list of days, found {value!r}")
    return [known(f"{INPUT}, all_day", day, DAYS, "days") for day in value]
