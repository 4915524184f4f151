"""Events API v2 as PagerDuty answers it: 202 with the dedup key, 400 with a list of errors. Pure."""

import json
import re
from collections.abc import Mapping

from .received import Answer

PATH = "/v2/enqueue"

ACTIONS = ("trigger", "acknowledge", "resolve")
SEVERITIES = ("critical", "error", "warning", "info")
LARGEST = 512 * 1024
KEY_LENGTH = 32
LONGEST_SUMMARY = 1024
LONGEST_DEDUP_KEY = 255


def _payload_problems(payload: object) -> list[str]:
    """Return what a trigger's payload lacks."""
    if not isinstance(payload, dict):
        return ["'payload' is missing or is not an object"]
    problems = [f"'payload.{f}' is missing or blank" for f in ("summary", "source") if not payload.get(f)]
    if len(str(payload.get("summary", ""))) > LONGEST_SUMMARY:
        problems.append(f"'payload.summary' is longer than {LONGEST_SUMMARY} characters")
    if payload.get("severity") not in SEVERITIES:
        problems.append(
            f"'payload.severity' must be one of {', '.join(SEVERITIES)}, found {payload.get('severity')!r}"
        )
    return problems


def _problems(event: dict[str, object], keys: Mapping[str, str]) -> list[str]:
    action, dedup, routing_key = (event.get(f) for f in ("event_action", "dedup_key", "routing_key"))
    problems = []
    if not (isinstance(routing_key, str) and re.fullmatch(rf"[0-9A-Za-z]{{{KEY_LENGTH}}}", routing_key)):
        problems.append(f"'routing_key' must be {KEY_LENGTH} letters and digits")
    elif routing_key not in keys:
        problems.append("'routing_key' belongs to no integration")
    if action not in ACTIONS:
        problems.append(f"'event_action' must be one of {', '.join(ACTIONS)}, found {action!r}")
    if dedup is not None and not (isinstance(dedup, str) and len(dedup) <= LONGEST_DEDUP_KEY):
        problems.append(f"'dedup_key' must be a string of at most {LONGEST_DEDUP_KEY} characters")
    if action in ACTIONS[1:] and not dedup:
        problems.append(f"'dedup_key' is required to {action}")
    return problems + (_payload_problems(event.get("payload")) if action == "trigger" else [])


def _refuse(status: int, problems: list[str]) -> Answer:
    body: dict[str, object] = {
        "status": "invalid event",
        "message": "Event object is invalid",
        "errors": problems,
    }
    return Answer(status=status, body=body, problems=tuple(problems))


def answer(raw: bytes, place: str, keys: Mapping[str, str]) -> tuple[Answer, object]:
    """Return PagerDuty's answer to *raw*, and the event without its routing key.

    *keys* maps each known routing key to the urgency of its service.
    """
    del place  # one address takes all events
    if len(raw) > LARGEST:
        return _refuse(413, [f"the event is larger than {LARGEST} bytes: {len(raw)}"]), None
    try:
        event = json.loads(raw)
    except ValueError:
        return _refuse(400, ["the body is not JSON"]), raw.decode("utf-8", "replace")
    if not isinstance(event, dict):
        return _refuse(400, ["the event is not an object"]), event
    shown = {**event, "routing_key": "(masked)"} if "routing_key" in event else event
    if problems := _problems(event, keys):
        return _refuse(400, problems), shown
    dedup = event.get("dedup_key") or f"generated-{abs(hash(raw)):x}"
    facts = {"urgency": keys[event["routing_key"]], "event_action": event["event_action"], "dedup_key": dedup}
    taken: dict[str, object] = {"status": "success", "message": "Event processed", "dedup_key": dedup}
    return Answer(status=202, body=taken, facts=facts), shown
