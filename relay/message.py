"""A message as Alertmanager posts it, and the mark in it that says how loud it is and what it is about. Pure.

The role has Alertmanager write the mark into `callback_id`, as one line: `firing critical,error, | GROUP`.
Slack does not see it.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import RelayError

MARKED = "callback_id"
RANKS = {"critical": 0, "error": 1, "warning": 2, "info": 3, "none": 3}
MISSPELT = 0
"""A severity that nobody knows may be meant as the loudest."""
UNMARKED = 1
OVER = 4
"""Nobody is woken by what is over."""
MOST_TOGETHER, LARGEST_TOGETHER = 10, 30_000
"""Attachments and bytes of one post; Slack takes more, and shows less of it."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """`body` is what Slack is sent; `group` keeps the order of what was said about one thing."""

    rank: int
    group: str
    body: str


def read(raw: bytes) -> Message:
    """Return the message in *raw*; RelayError where it is no object of JSON."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise RelayError(f"expected JSON, found {type(error).__name__}") from error
    if not isinstance(found, dict):
        raise RelayError(f"expected an object, found {type(found).__name__}")
    rank, group = UNMARKED, secrets.token_hex(8)
    for attachment in _attachments(found):
        mark, line, own = str(attachment.pop(MARKED, "")).partition("\n")
        if own:
            attachment[MARKED] = own
        if line:
            said, _, group = mark.encode(errors="replace").decode().partition("|")
            rank = _rank(said)
    return Message(rank=rank, group=group, body=json.dumps(found))


def _rank(said: str) -> int:
    status, _, severities = said.strip().partition(" ")
    if status != "firing":
        return OVER
    return min(RANKS.get(one.strip(), MISSPELT) for one in severities.removesuffix(",").split(","))


def together(bodies: Sequence[str]) -> tuple[str, int]:
    """Return one message with the attachments of the first bodies, and how many of them are in it."""
    whole = json.loads(bodies[0])
    size, taken = len(bodies[0]), 1
    for body in bodies[1:]:
        other = json.loads(body)
        size += len(body)
        several = _attachments(whole) and _attachments(other) and _around(whole) == _around(other)
        if not several or size > LARGEST_TOGETHER:
            break
        if len(whole["attachments"]) + len(other["attachments"]) > MOST_TOGETHER:
            break
        whole["attachments"] += other["attachments"]
        taken += 1
    return (json.dumps(whole) if taken > 1 else bodies[0]), taken


def _attachments(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = message.get("attachments")
    if isinstance(found, list) and all(isinstance(one, dict) for one in found):
        return found
    return []


def _around(message: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name != "attachments"}
