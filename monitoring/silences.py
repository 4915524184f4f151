"""Silences and maintenance windows as a site writes them down: what Alertmanager is given, what is refused.

Pure. A window is local to its zone, and a weekly one keeps its hour when the clocks change.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

from monitoring.durations import parse_duration
from monitoring.errors import CatalogError
from monitoring.routing import MATCHER, matches
from monitoring.rule_files import Alert

AHEAD = timedelta(days=14)
"""How far ahead the windows of a weekly silence are given to Alertmanager."""
WEEK = timedelta(days=7)
YEARS = timedelta(days=731)
MARK = "(alertmanager_silences)"
"""Ends the author of every silence that came from data: those of people have none, and are left alone."""
NEEDED = {"name", "owner", "reason", "start", "end", "matchers"}
KNOWN = NEEDED | {"timezone", "until"}
FROM_SERIES = ("service", "host", "instance")
DAEMON = "The rollback daemon still acts on"

Silence = dict[str, Any]
Said = Mapping[str, Any]


@dataclass(frozen=True)
class Site:
    """What the silences of a site are judged by."""

    timezone: str
    longest: str
    alerts: Sequence[Alert]
    external: Collection[str] = ("env",)
    """Labels that every alert of the site carries."""


def read(said: Sequence[Said], site: Site, now: datetime) -> tuple[list[Silence], list[str]]:
    """Return what Alertmanager is to have, as it takes it, and a sentence for each entry that is idle.

    Raises CatalogError for an entry that cannot be read, that takes too much, or lasts too long.
    """
    if (
        not isinstance(said, Sequence)
        or isinstance(said, str)
        or not all(isinstance(s, Mapping) for s in said)
    ):
        raise CatalogError(f"alertmanager_silences: expected a list of mappings, found {said!r}")
    names = [str(one.get("name")) for one in said]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise CatalogError(f"alertmanager_silences: expected each name once, found {', '.join(twice)} twice")
    found, over = [], []
    for one in said:
        try:
            made, ended = _entry(one, site, now)
        except CatalogError as error:
            name = one.get("name", "an entry without a name")
            raise CatalogError(f"alertmanager_silences: {name}: {error}") from error
        found += made
        over += ended
    return found, over


def _entry(one: Said, site: Site, now: datetime) -> tuple[list[Silence], list[str]]:
    _refuse_shape(one)
    same = {
        "matchers": _matchers(one),
        "createdBy": f"{one['owner']} {MARK}",
        "comment": _comment(one, site),
    }
    last, windows = _windows(one, site, now)
    found = [{**same, "startsAt": _utc(start), "endsAt": _utc(end)} for start, end in windows]
    return found, [f"alertmanager_silences: {one['name']} {words}" for words in _doubts(one, last, site, now)]


def _doubts(one: Said, last: datetime, site: Site, now: datetime) -> Iterator[str]:
    if last <= now:
        yield f"ended on {last:%Y-%m-%d at %H:%M %Z}; take it out of the list"
        return
    for asked in (asked for asked in one["matchers"] if _name(asked) == "alertname"):
        names = [alert.name for alert in site.alerts]
        if not any(matches(asked, {"alertname": name}) for name in names):
            near = get_close_matches(asked.partition('"')[2].rstrip('"'), names, 1)
            meant = f"; is {near[0]} meant?" if near else ", unless a rule of the site's own has that name"
            yield f"silences nothing: no alert of monitoring/rules is {asked}{meant}"


def triggers_taken(matchers: Sequence[str], site: Site) -> list[str]:
    """Return the alerts that it may take although the rollback daemon acts on them."""
    asked = (alert for alert in site.alerts if alert.labels.get("rollback") in ("auto", "propose"))
    return sorted(alert.name for alert in asked if _may_take(matchers, alert, site))


def _refuse_shape(one: Said) -> None:
    if problem := _wrong_keys(one):
        raise CatalogError(problem)
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", str(one["name"])):
        raise CatalogError(f"expected a name such as database-move, found {one['name']!r}")
    for key in ("owner", "reason"):
        if not isinstance(one[key], str | int | float):
            raise CatalogError(f"expected a text as {key}, found {one[key]!r}")
    if not isinstance(one["matchers"], list):
        raise CatalogError(f"expected a list of matchers, found {one['matchers']!r}")


def _wrong_keys(one: Said) -> str:
    if lacking := sorted(key for key in NEEDED if not one.get(key)):
        return f"expected {', '.join(sorted(NEEDED))}, found no {', '.join(lacking)}"
    if odd := sorted(one.keys() - KNOWN):
        return f"expected {', '.join(sorted(KNOWN))}, found {', '.join(odd)}"
    return ""


def _matchers(one: Said) -> list[dict[str, Any]]:
    found = []
    for matcher in one["matchers"]:
        parsed = MATCHER.fullmatch(str(matcher))
        if not parsed or not str(matcher).rstrip().endswith('"'):
            raise CatalogError(f'expected a matcher such as host="app1", in double quotes, found {matcher!r}')
        name, operator, value = parsed.groups()
        value = re.sub(r"\\(.)", r"\1", value) if "~" not in operator else value
        found.append(
            {
                "name": name,
                "value": value,
                "isRegex": "~" in operator,
                "isEqual": not operator.startswith("!"),
            }
        )
    return found


def _comment(one: Said, site: Site) -> str:
    """Return name and reason, and what the daemon does; raise where the silence takes what none may take."""
    said = list(map(str, one["matchers"]))
    try:
        taken = [alert for alert in site.alerts if _takes(said, alert, site)]
    except re.error as error:
        raise CatalogError(f"expected regular expressions, found: {error}") from error
    if any(alert.labels.get("rollback") == "heartbeat" for alert in taken):
        raise CatalogError(
            "it silences the heartbeat, by which the dead-man switch knows that anybody is told; "
            "name a host, a service or an alert"
        )
    critical = [alert for alert in site.alerts if alert.severity == "critical"]
    if critical and all(alert in taken for alert in critical):
        raise CatalogError("it silences every critical alert; name a host, a service or an alert")
    triggers = triggers_taken(said, site)
    daemon = f". {DAEMON} {', '.join(triggers)}: freeze it to keep it from that" if triggers else ""
    return f"{one['name']}: {one['reason']}{daemon}"


def _takes(said: Iterable[str], alert: Alert, site: Site) -> bool:
    """Whether it takes an alert of whatever host or service: labels of the whole site are taken as equal."""
    anything = {} if alert.labels.get("rollback") == "heartbeat" else dict.fromkeys(FROM_SERIES, "(any)")
    labels = {**anything, **alert.labels, "alertname": alert.name}
    return all(_name(one) in site.external or matches(one, labels) for one in said)


def _may_take(said: Iterable[str], alert: Alert, site: Site) -> bool:
    """Whether it takes one of an alert's: what comes with the series may be what is asked for."""
    texts = " ".join((*alert.labels.values(), *alert.annotations.values()))
    series = {name for name in (*FROM_SERIES, "subject") if f"$labels.{name}" in texts}
    open_labels = {"service", *series, *site.external, *_templated(alert)}
    fixed = {**alert.labels, "alertname": alert.name}
    return all(_name(one) in open_labels or matches(one, fixed) for one in said)


def _templated(alert: Alert) -> set[str]:
    return {name for name, value in alert.labels.items() if "{{" in value}


def _name(matcher: str) -> str:
    parsed = MATCHER.fullmatch(matcher)
    return parsed[1] if parsed else ""


def _windows(one: Said, site: Site, now: datetime) -> tuple[datetime, list[tuple[datetime, datetime]]]:
    """Return when the last window ends, and those that Alertmanager is to know now."""
    start, end = (_moment(one, key, site) for key in ("start", "end"))
    lasts = end.astimezone(UTC) - start.astimezone(UTC)
    if lasts <= timedelta(0):
        raise CatalogError(f"expected its start before its end, found {one['start']} and {one['end']}")
    if lasts > _longest(site):
        raise CatalogError(f"expected at most {site.longest} (alertmanager_silences_longest), found {lasts}")
    if "until" not in one:
        return end, [(start, end)] if end > now else []
    last = _moment(one, "until", site)
    if not (lasts < WEEK and start < last < start + YEARS):
        raise CatalogError(
            f"expected a window shorter than a week, and until within two years of its start, "
            f"found {lasts} until {one['until']}"
        )
    windows = list(_weekly(start, end, last))
    return windows[-1][1], [(s, e) for s, e in windows if e > now and s < now + AHEAD]


def _longest(site: Site) -> timedelta:
    try:
        return timedelta(milliseconds=parse_duration(site.longest))
    except CatalogError as error:
        raise CatalogError(f"alertmanager_silences_longest: {error}") from error


def _weekly(start: datetime, end: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the windows at the same local hours, while they begin before the last moment.

    Where an hour comes twice or never because the clocks change, the window that is longer counts.
    """
    while start < last:
        yield _readings(start)[0], _readings(end)[1]
        start, end = start + WEEK, end + WEEK


def _readings(local: datetime) -> list[datetime]:
    """Return both ways to read a local time, the earlier first; they differ only while the clocks change."""
    both = sorted(local.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    return [moment.astimezone(local.tzinfo) for moment in both]


def _moment(one: Said, key: str, site: Site) -> datetime:
    name = str(one.get("timezone") or site.timezone)
    try:
        zone = ZoneInfo(name)
        read_as = datetime.fromisoformat(str(one[key]))
    except (OSError, ValueError, KeyError) as error:
        raise CatalogError(
            f"expected {key} such as '2026-12-01 22:00' in a zone such as "
            f"Europe/Sofia, found {one[key]!r} in {name}: {error}"
        ) from error
    local = (
        read_as.astimezone(zone) if read_as.tzinfo else read_as.replace(tzinfo=zone, fold=int(key == "end"))
    )
    if local.astimezone(UTC).astimezone(zone).replace(fold=0) != local.replace(fold=0):
        raise CatalogError(f"{key} {one[key]} is skipped in {name}, where the clocks change")
    return local


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
