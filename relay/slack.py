"""What an answer of Slack means for the message. Total: every status, and none at all, means one of four."""

import re
from dataclasses import dataclass
from email.message import Message as Headers

LONGEST_WAIT_S = 600.0
"""However long Slack asks for, it is tried again by then."""
USUAL_WAIT_S = 1.0
KNOWN = (
    *("invalid_payload", "invalid_attachments", "invalid_blocks", "no_text", "msg_too_long"),
    *("too_many_attachments", "too_many_blocks", "user_not_found"),
)
"""Slack's words for a message that it never takes; what else a server says is no name for a metric."""
AGAIN = {401, 403, 404, 407, 408, 410, 425}
"""It is the address that is wrong, or its channel is archived: a person mends that, and the message waits."""


@dataclass(frozen=True)
class Taken:
    """The message is in its channel."""


@dataclass(frozen=True)
class Wait:
    """Slack limits this address for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Again:
    """It may be taken later."""

    why: str


@dataclass(frozen=True)
class Never:
    """The same message would be refused again."""

    why: str


_WORD = re.compile("[a-z_]{1,40}")
"""A page of a proxy may repeat the address."""
Verdict = Taken | Wait | Again | Never


def judge(status: int, headers: Headers, body: str) -> Verdict:
    """Return what Slack's answer means; what it says is taken for a reason only if it is a known word."""
    word = body.strip()
    if 200 <= status < 300 and not word.startswith("<"):  # a page comes from something before Slack
        return Taken() if word == "ok" else Never("not_ok")
    if status == 429:
        return Wait(_seconds(headers.get("Retry-After", "")))
    if 400 <= status < 500 and status not in AGAIN:
        return Never(word if word in KNOWN else f"status_{status}")
    return Again(f"{status} {word if _WORD.fullmatch(word) else ''}".strip())


def _seconds(said: str) -> float:
    try:
        wanted = float(said)
    except ValueError:
        return USUAL_WAIT_S
    return min(wanted, LONGEST_WAIT_S) if wanted > 0 else USUAL_WAIT_S  # nor is "nan" above 0
