"""PagerDuty's incidents as a page that resembles its app: a line, and what it opens to."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]
STYLE = """
body { margin: 0; padding: 12px; color: #1f2a33; background: #f2f4f5;
  font: 14px/20px -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; }
.incident { background: #fff; border-radius: 8px; padding: 10px 12px; margin: 0 0 12px;
  overflow-wrap: anywhere; }
.state { display: inline-block; border-radius: 4px; padding: 0 8px; font-size: 12px; color: #fff; }
.triggered { background: #c32f27; }
.resolved { background: #048a24; }
.urgency { font-size: 12px; color: #5c6f7f; padding-left: 6px; }
.title { font-weight: bold; padding: 4px 0; }
td { vertical-align: top; font-size: 12px; line-height: 17px; padding: 1px 8px 1px 0; white-space: pre-wrap; }
td:first-child { color: #5c6f7f; white-space: nowrap; }
a { color: #0b66c3; font-size: 13px; padding-right: 12px; }
"""


def page(records: Sequence[Record]) -> str:
    """The incidents in the order in which they were opened; the first one is unfolded."""
    shown = "\n".join(_incident(one, unfolded=not number) for number, one in enumerate(incidents(records)))
    return (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>PagerDuty</title><style>{STYLE}</style>'
        f'<meta name="viewport" content="width=device-width"><body>{shown}</body></html>'
    )


def incidents(records: Sequence[Record]) -> list[Record]:
    """Each incident in the words that opened it, which PagerDuty keeps, and as the last event left it."""
    opened: dict[tuple[str, str], Record] = {}
    for one in records:
        first = opened.setdefault((one["urgency"], one["dedup_key"]), one)
        last = {**first["body"], "event_action": one["body"]["event_action"]}
        opened[one["urgency"], one["dedup_key"]] = {**first, "body": last}
    return list(opened.values())


def _incident(record: Record, *, unfolded: bool) -> str:
    body = record["body"]
    payload = body["payload"]
    state = "resolved" if body["event_action"] == "resolve" else "triggered"
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(str(value).strip())}</td></tr>"
        for name, value in payload["custom_details"].items()
        if str(value).strip()
    )
    links = "".join(
        f'<a href="{html.escape(one["href"])}">{html.escape(one["text"])}</a>'
        for one in body.get("links", ())
    )
    return (
        f'<div class="incident"><span class="state {state}">{state}</span>'
        f'<span class="urgency">{html.escape(record["urgency"])} service</span>'
        f'<div class="title">{html.escape(payload["summary"])}</div>'
        + (f"<table>{rows}</table>{links}" if unfolded else "")
        + "</div>"
    )
