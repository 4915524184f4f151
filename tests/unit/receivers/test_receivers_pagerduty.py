"""The PagerDuty stand-in refuses what the Events API v2 refuses."""

import json
from typing import Any

import pytest

from harness.receivers import pagerduty

KEY = "a" * 32
KEYS = {KEY: "critical"}
EVENT: dict[str, Any] = {
    "routing_key": KEY,
    "event_action": "trigger",
    "dedup_key": "d1",
    "payload": {"summary": "s", "source": "Alertmanager", "severity": "critical"},
}


def with_payload(**changes: object) -> dict[str, Any]:
    return {**EVENT, "payload": {**EVENT["payload"], **changes}}


def ask(event: object) -> Any:
    raw = event if isinstance(event, bytes) else json.dumps(event).encode()
    return pagerduty.answer(raw, "", KEYS)[0]


def test_complete_event_is_taken_with_its_dedup_key() -> None:
    answer = ask(EVENT)

    assert answer.status == 202
    assert answer.body == {"status": "success", "message": "Event processed", "dedup_key": "d1"}
    assert answer.facts == {"urgency": "critical", "event_action": "trigger", "dedup_key": "d1"}


def test_resolve_needs_no_payload() -> None:
    assert ask({"routing_key": KEY, "event_action": "resolve", "dedup_key": "d1"}).status == 202


@pytest.mark.parametrize(
    ("event", "word"),
    [
        ({**EVENT, "routing_key": "short"}, "routing_key"),
        ({**EVENT, "routing_key": "b" * 32}, "no integration"),
        ({**EVENT, "event_action": "fire"}, "event_action"),
        ({**EVENT, "dedup_key": "d" * 256}, "dedup_key"),
        ({"routing_key": KEY, "event_action": "resolve"}, "dedup_key"),
        ({**EVENT, "payload": None}, "payload"),
        (with_payload(summary=""), "payload.summary"),
        (with_payload(summary="s" * 1025), "1024"),
        (with_payload(source=""), "payload.source"),
        (with_payload(severity="page"), "payload.severity"),
        (b"no json", "not JSON"),
        ([], "not an object"),
    ],
)
def test_incomplete_event_is_refused_with_the_field_named(event: object, word: str) -> None:
    answer = ask(event)

    assert answer.status == 400
    assert any(word in problem for problem in answer.problems)
    assert answer.body["errors"] == list(answer.problems)


def test_oversized_event_is_refused() -> None:
    assert ask(b"x" * (512 * 1024 + 1)).status == 413


def test_routing_key_is_never_kept() -> None:
    _, shown = pagerduty.answer(json.dumps(EVENT).encode(), "", KEYS)

    assert KEY not in json.dumps(shown)
