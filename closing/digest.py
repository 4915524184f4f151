"""The message that tells in the morning what fired in the night, as Slack takes it. Pure."""

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from .night import MOST, Fired, Night

MOST_LINES = 20
LONGEST = 160
ESCAPES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))
"""Slack reads markup in every text; monitoring/templates/slack.tmpl escapes the same three."""


def message(channel: str, night: Night, firing: Collection[str], *, known: bool) -> dict[str, Any]:
    """Return the digest of a night; *firing* are the alerts that Alertmanager lists now.

    Unless it is *known* what fires, an alert that is not listed is not called over.
    """
    still = [one for key, one in night.fired.items() if key in firing]
    gone = [one for key, one in night.fired.items() if key not in firing]
    most = "at least " if len(night.fired) >= MOST else ""
    what = f"{most}{len(night.fired)} fired, {len(still)} still {'fires' if len(still) == 1 else 'fire'}"
    title = f"While warnings waited: {what}"
    parts = [
        f"{_moment(night.began)} to {_moment(night.ended)}",
        *_part(
            "Still firing",
            [f"{_name(one)}{_summary(one)}, since {_began(one)}{_times(one)}" for one in still],
        ),
        *_part(
            "Over" if known else "Not seen any more; Alertmanager does not know yet whether they are over",
            [f"{_name(one)}, {_began(one)} to {_moment(one.seen)}{_times(one)}" for one in gone],
        ),
    ]
    attachment = {
        "color": "warning" if still or not known else "good",
        "title": title,
        "fallback": title,
        "text": "\n".join(parts),
        "mrkdwn_in": ["text"],
    }
    return ({"channel": channel} if channel else {}) | {"attachments": [attachment]}


def _part(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    more = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return [f"*{title}*", *(f"• {line}" for line in lines[:MOST_LINES]), *more]


def _name(one: Fired) -> str:
    labels: Mapping[str, str] = one.labels
    names = ("subject", "host", "instance", "queue", "service")
    place = next((labels[name] for name in names if labels.get(name)), "")
    about = f"{labels.get('alertname', '')}{' on ' if place else ''}{place}"
    env = f" ({labels['env']})" if labels.get("env") else ""
    return f"*{_shown(about)}*{_shown(env)}"


def _summary(one: Fired) -> str:
    """Only of what still fires: the value of what is over is of the past."""
    return f": {_shown(one.summary)}" if one.summary else ""


def _shown(text: str) -> str:
    """Text of labels, as text: in one line, cut, and nothing in it read as markup."""
    flat = re.sub(r"\s+", " ", text)
    short = flat if len(flat) <= LONGEST else flat[:LONGEST] + "..."
    for plain, escaped in ESCAPES:
        short = short.replace(plain, escaped)
    return short


def _began(one: Fired) -> str:
    try:
        return _moment(datetime.fromisoformat(one.since).timestamp())
    except ValueError:
        return "an unknown time"


def _moment(seconds: float) -> str:
    """Local time of the host's unit, as in every other message."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%a %H:%M %Z")


def _times(one: Fired) -> str:
    return f" (the last of {one.times} times)" if one.times > 1 else ""
