"""An alert at a site as text and as JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict

import yaml

from monitoring.routing import Route
from ruletools.house.site.effective import Effective, Value

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def as_text(found: Effective) -> str:
    """For a person: the rule, then where everything comes from and leads to."""
    site = f"{found.site.inventory}, host {found.site.host}" if found.site.inventory else "the repository"
    lines = [f"{found.alert} in {site}", ""]
    if found.rule is None:
        lines += [f"switched off by {found.off}", ""]
    else:
        rule = yaml.dump(dict(found.rule), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
        lines += [rule, *_table(found.values), *_deliveries(found)]
    lines += [f"runbook: {found.runbook}", f"         {found.runbook_url}"]
    lines += [f"fault:   {found.cause.kind}: {found.cause.how}"]
    return "\n".join(lines)


def _table(values: tuple[Value, ...]) -> Iterator[str]:
    yield "where each value comes from"
    wide = max(len(value.field) for value in values)
    for value in values:
        shown = " ".join(str(value.value).split())
        yield f"  {value.field:{wide}}  {shown if len(shown) <= 30 else '(above)':30}  {_origin(value)}"
    yield ""


def _origin(value: Value) -> str:
    if not value.scaled:
        return value.place
    stated = " ".join(str(value.stated).split())
    said = f" ({stated})" if len(stated) <= 30 else ""
    return f"{value.place}{said}, then {value.scaled}"


def _deliveries(found: Effective) -> Iterator[str]:
    yield "routes"
    yield from (f"  {_route(route)}" for route in found.routes)
    yield from ("", "may be muted by", *(f"  {one}" for one in found.muted_by or ("nothing",)), "")


def _route(route: Route) -> str:
    by = ", ".join(route.get("group_by", ())) or "nothing"
    times = f"waits {route.get('group_wait', '30s')}, then every {route.get('group_interval', '5m')}"
    muted = route.get("mute_time_intervals", ())
    quiet = f"; muted in {', '.join(muted)}" if muted else ""
    again = f"repeats after {route.get('repeat_interval', '4h')}"
    return f"{route['receiver']:20} grouped by {by}; {times}; {again}{quiet}"


def as_json(found: Effective) -> str:
    """The same for a program; what the site's inventory says besides is left out."""
    document = {
        "alert": found.alert,
        "inventory": found.site.inventory,
        "host": found.site.host,
        "enabled": found.rule is not None,
        "off": found.off,
        "rule": found.rule,
        "values": [asdict(value) for value in found.values],
        "routes": [{key: route[key] for key in route if key != "routes"} for route in found.routes],
        "muted_by": found.muted_by,
        "runbook": {"path": found.runbook, "url": found.runbook_url},
        "fault": {"kind": found.cause.kind, "how": found.cause.how},
    }
    return json.dumps(document, indent=2)
