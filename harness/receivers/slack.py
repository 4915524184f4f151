"""Incoming webhooks of a Slack app as Slack answers them: plain-text errors, `ok` for what is taken. Pure.

Each address belongs to one channel. The one that a message names is ignored, and noted.
"""

import json
from collections.abc import Mapping

from .received import Answer

PATH = "/services/{place:path}"

MOST_ATTACHMENTS = 100
MOST_BLOCKS = 50
LONGEST_TEXT = 40_000


def _refuse(status: int, error: str, detail: str, facts: Mapping[str, str]) -> Answer:
    return Answer(status=status, body=error, problems=(f"{error}: {detail}",), facts=facts)


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


def answer(raw: bytes, place: str, channels: Mapping[str, str]) -> tuple[Answer, object]:
    """Return Slack's answer to *raw* posted to `/services/<place>`, and the body as it was understood.

    *channels* has the channel of each address, which is written as `T.../B.../token`.
    """
    hook, _, token = place.rpartition("/")
    nowhere = {"channel": ""}
    if not token or hook not in {known.rpartition("/")[0] for known in channels}:
        return _refuse(404, "no_service", "no webhook has this address", nowhere), None
    if place not in channels:
        return _refuse(403, "invalid_token", "the token of this address is not known", nowhere), None
    facts = {"channel": channels[place]}
    try:
        message = json.loads(raw)
    except ValueError:
        return _refuse(400, "invalid_payload", "expected a JSON body", facts), raw.decode("utf-8", "replace")
    if not isinstance(message, dict):
        return _refuse(
            400, "invalid_payload", f"expected an object, found {type(message).__name__}", facts
        ), message
    if asked := message.get("channel"):
        facts["asked"] = str(asked)
    if problem := _content_problem(message):
        return _refuse(400, *problem, facts), message
    return Answer(status=200, body="ok", facts=facts), message
