"""Incoming webhooks as Slack answers them: plain-text errors, `ok` for what is taken. Pure."""

import json
import re
from collections.abc import Collection

from .received import Answer

PATH = "/services/{place:path}"

MOST_ATTACHMENTS = 100
MOST_BLOCKS = 50
LONGEST_TEXT = 40_000
CHANNEL = re.compile(r"#[a-z0-9_-]{1,79}|@[a-z0-9._-]{1,79}|[CDGU][A-Z0-9]{8,}")


def _refuse(status: int, error: str, detail: str, channel: str = "") -> Answer:
    return Answer(status=status, body=error, problems=(f"{error}: {detail}",), facts={"channel": channel})


def _content_problem(message: dict[str, object]) -> tuple[str, str] | None:
    """Return (Slack's error, what was found) for a message without content or with too much of it."""
    text, attachments, blocks = (message.get(key) for key in ("text", "attachments", "blocks"))
    if not any((text, attachments, blocks)):
        return "no_text", "expected text, attachments or blocks, found none of them"
    if text is not None and not isinstance(text, str):
        return "invalid_payload", f"expected text to be a string, found {type(text).__name__}"
    if text and len(text) > LONGEST_TEXT:
        return "msg_too_long", f"expected at most {LONGEST_TEXT} characters, found {len(text)}"
    for name, value, most in (
        ("attachments", attachments, MOST_ATTACHMENTS),
        ("blocks", blocks, MOST_BLOCKS),
    ):
        if value is not None and not (isinstance(value, list) and all(isinstance(v, dict) for v in value)):
            return f"invalid_{name}", f"expected {name} to be a list of objects"
        if isinstance(value, list) and len(value) > most:
            return f"too_many_{name}", f"expected at most {most}, found {len(value)}"
    return None


def answer(raw: bytes, place: str, tokens: Collection[str]) -> tuple[Answer, object]:
    """Return Slack's answer to *raw* posted to `/services/<place>`, and the body as it was understood."""
    team, _, rest = place.partition("/")
    hook, _, token = rest.partition("/")
    if not (team.startswith("T") and hook.startswith("B") and token):
        return _refuse(404, "no_service", "expected /services/T.../B.../token"), None
    if token not in tokens:
        return _refuse(403, "invalid_token", "the token of this address is not known"), None
    try:
        message = json.loads(raw)
    except ValueError:
        return _refuse(400, "invalid_payload", "expected a JSON body"), raw.decode("utf-8", "replace")
    if not isinstance(message, dict):
        return _refuse(400, "invalid_payload", f"expected an object, found {type(message).__name__}"), message
    channel = message.get("channel", "")
    if channel and not (isinstance(channel, str) and CHANNEL.fullmatch(channel)):
        return _refuse(404, "channel_not_found", f"found {channel!r}", str(channel)), message
    if problem := _content_problem(message):
        return _refuse(400, *problem, channel=channel), message
    return Answer(status=200, body="ok", facts={"channel": channel}), message
