"""A Slack message as a page that resembles Slack: escapes, markup, links and buttons as Slack reads them."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

COLOURS = {"good": "#2eb67d", "warning": "#ecb22e", "danger": "#e01e5a"}
STYLE = """
body { margin: 0; padding: 12px; color: #1d1c1d; background: #fff;
  font: 15px/22px -apple-system, 'Segoe UI', Lato, Roboto, 'DejaVu Sans', sans-serif; }
.to { color: #616061; font-size: 12px; padding-top: 14px; }
.push { color: #616061; font-size: 12px; line-height: 17px; border: 1px solid #e8e8e8; border-radius: 8px;
  padding: 6px 8px; margin: 6px 0; max-width: 420px; overflow-wrap: anywhere; }
.pretext { padding: 2px 0; }
.attachment { border-left: 4px solid; border-radius: 4px; padding: 2px 0 4px 12px; max-width: 620px;
  overflow-wrap: anywhere; }
.title { font-weight: bold; color: #1264a3; text-decoration: none; }
.text { white-space: pre-wrap; }
.button { display: inline-block; border: 1px solid #bbb; border-radius: 4px; padding: 4px 12px;
  margin: 6px 6px 0 0; font-weight: bold; font-size: 13px; color: #1d1c1d; text-decoration: none; }
.mention { background: #fff2cc; color: #1264a3; border-radius: 3px; padding: 0 2px; }
"""
_PARTS = re.compile(r"<([^<>]*)>")
_BOLD = re.compile(r"(?<![\w*])\*([^*\n]+)\*(?![\w*])")
_ITALIC = re.compile(r"(?<![\w_])_([^\n]+)_(?![\w_])")
_CODE = re.compile(r"`([^`\n]+)`")


def page(records: Sequence[Mapping[str, Any]]) -> str:
    """The messages of one scene below each other."""
    shown = "\n".join(_message(record) for record in records)
    return (
        f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Slack</title><style>{STYLE}</style>'
        f'<meta name="viewport" content="width=device-width"><body>{shown}</body></html>'
    )


def _message(record: Mapping[str, Any]) -> str:
    [attachment] = record["body"]["attachments"]
    buttons = "".join(
        f'<a class="button" href="{html.escape(one["url"])}">{html.escape(one["text"])}</a>'
        for one in attachment.get("actions", ())
    )
    colour = COLOURS.get(attachment["color"], attachment["color"])
    link = html.escape(attachment.get("title_link", ""))
    pretext = attachment.get("pretext", "")
    return (
        f'<div class="to">{html.escape(record["channel"])}</div>'
        f'<div class="push">{plain(attachment["fallback"])}</div>'
        + (f'<div class="pretext">{mrkdwn(pretext)}</div>' if pretext else "")
        + f'<div class="attachment" style="border-color:{html.escape(colour)}">'
        f'<a class="title" href="{link}">{plain(attachment["title"])}</a>'
        f'<div class="text">{mrkdwn(attachment["text"].strip())}</div>{buttons}</div>'
    )


def plain(text: str) -> str:
    """A text without markup, as HTML: only Slack's three escapes are undone."""
    return html.escape(unescaped(text))


def unescaped(text: str) -> str:
    """What Slack shows for a text that is escaped for it."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def mrkdwn(text: str) -> str:
    """A text with Slack's markup, as HTML; what stands in angle brackets is a link, a mention or a moment."""
    shown, last = [], 0
    for found in _PARTS.finditer(text):
        shown += [_styled(text[last : found.start()]), _bracketed(found[1])]
        last = found.end()
    whole = "".join([*shown, _styled(text[last:])])
    whole = whole.replace(":white_check_mark:", "\N{HEAVY CHECK MARK}")
    return _CODE.sub(r"<code>\1</code>", _ITALIC.sub(r"<i>\1</i>", _BOLD.sub(r"<b>\1</b>", whole)))


def _styled(text: str) -> str:
    return html.escape(unescaped(text), quote=False)


def _bracketed(inside: str) -> str:
    target, _, label = inside.partition("|")
    if target.startswith("!date^"):
        return "3 minutes ago" if "{ago}" in target else plain(label)
    if target.startswith(("!", "@")):
        return f'<span class="mention">@{plain(label or target.lstrip("!@"))}</span>'
    return f'<a href="{html.escape(unescaped(target))}">{plain(label or target)}</a>'
