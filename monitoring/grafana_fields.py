"""What makes single series, columns and panels differ from the others: colours by meaning, and links."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]
SEVERITIES = {"critical": "red", "error": "orange", "warning": "yellow"}
MEANINGS = {
    "succeeded|fixed|healthy|^sent|success|up$": "green",
    "fail|error|down|refused|dropped|not_fixed|worse|critical|late": "red",
    "usual|week|called_off": "#8e8e98",
    "before": "light-blue",
    "warning|unverified|blind|pending": "yellow",
}
"""The colour of a line by the words of its name, unless the panel has `colours`; the last that fits wins."""
LINKS = {
    "alerts": ("Alertmanager", "${alertmanager}/#/alerts"),
    "daemon": ("The rollback daemon", "${daemon}/"),
    "runbooks": ("Runbooks", "${runbooks}"),
    "hosts": ("This host", "/d/mita-hosts?var-host=${__field.labels.host}&${__url_time_range}"),
    "traffic": ("Traffic and instances", "/d/mita-traffic?${service:queryparam}&${__url_time_range}"),
    "components": ("Components", "/d/mita-components?${service:queryparam}&${__url_time_range}"),
    "promises": ("Promises", "/d/mita-slo?${service:queryparam}&${__url_time_range}"),
    "rollbacks": ("Deployments and rollbacks", "/d/mita-rollback?${__url_time_range}"),
    "stores": ("PostgreSQL and Redis", "/d/mita-stores?${__url_time_range}"),
    "delivery": ("Proof and delivery", "/d/mita-delivery?${__url_time_range}"),
    "runbook": ("Runbook", "${runbooks}/${__data.fields.Alert}"),
    "silence": (
        "Silence it",
        "${alertmanager}/#/silences/new?filter=%7Balertname%3D%22${__data.fields.Alert}%22%7D",
    ),
}


def panel_links(panel: Json) -> Json:
    """The links in the corner of a panel."""
    found = [{"title": LINKS[name][0], "url": LINKS[name][1]} for name in panel.get("links", ())]
    return {"links": found} if found else {}


def overrides(panel: Json) -> Iterator[Json]:
    """What differs for some of its series or columns."""
    if "columns" in panel:
        for column in panel["columns"].values():
            yield _by_name(column["title"], dict(_column(column)))
    elif "states" not in panel and panel.get("kind") != "stat":
        for pattern, colour in panel.get("colours", MEANINGS).items():
            yield _by_words(pattern, {"color": {"mode": "fixed", "fixedColor": colour}})
    for pattern, steps in panel.get("alarm", {}).items():
        yield _by_words(pattern, {"thresholds": _steps(steps)})


def _steps(steps: Json) -> Json:
    """Colours by the value from which on they count; the first one counts from nowhere on."""
    (_, first), *others = steps.items()
    found = [
        {"color": first, "value": None},
        *({"color": colour, "value": value} for value, colour in others),
    ]
    return {"mode": "absolute", "steps": found}


def _column(column: Json) -> Iterator[tuple[str, Any]]:
    if "width" in column:
        yield "custom.width", column["width"]
    if "unit" in column:
        yield "unit", column["unit"]
    if "link" in column:
        title, url = LINKS[column["link"]]
        yield "links", [{"title": title, "url": url, "targetBlank": True}]
    if "colours" in column:
        yield "custom.cellOptions", {"type": "color-background", "mode": "basic"}
        shown = {
            value: {"color": colour, "index": n}
            for n, (value, colour) in enumerate(column["colours"].items())
        }
        yield "mappings", [{"type": "value", "options": shown}]


def _by_name(name: str, properties: Json) -> Json:
    return _override("byName", name, properties)


def _by_words(pattern: str, properties: Json) -> Json:
    return _override("byRegexp", f"/{pattern}/i", properties)


def _override(kind: str, wanted: str, properties: Json) -> Json:
    listed = [{"id": name, "value": value} for name, value in properties.items()]
    return {"matcher": {"id": kind, "options": wanted}, "properties": listed}
