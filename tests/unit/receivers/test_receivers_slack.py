"""The Slack stand-in refuses what Slack refuses, in Slack's words."""

import json

import pytest

from harness.receivers import slack
from harness.receivers.limits import Limit, limited
from harness.receivers.received import Answer

PATH = "T000/B000/good"
CHANNELS = {PATH: "#mita-alerts", "T000/B001/better": "#mita-database"}


def ask(body: object, path: str = PATH) -> tuple[int, str]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer, _ = slack.answer(raw, path, CHANNELS)
    assert bool(answer.problems) == (answer.status != 200)
    return answer.status, str(answer.body)


@pytest.mark.parametrize(
    "message",
    [
        {"text": "hello"},
        {"attachments": [{"title": "CriticalErrorRate"}], "channel": "#mita-alerts"},
        {"blocks": [{"type": "divider"}], "channel": "C024BE91L"},
    ],
)
def test_complete_message_is_taken(message: object) -> None:
    assert ask(message) == (200, "ok")


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        ({}, (400, "no_text")),
        ({"text": ""}, (400, "no_text")),
        ({"username": "x", "channel": "#a"}, (400, "no_text")),
        (b"not json", (400, "invalid_payload")),
        ([1], (400, "invalid_payload")),
        ({"text": {"a": 1}}, (400, "invalid_payload")),
        ({"text": "x" * 40_001}, (400, "msg_too_long")),
        ({"attachments": "one"}, (400, "invalid_attachments")),
        ({"attachments": [{}] * 101}, (400, "too_many_attachments")),
        ({"blocks": [{}] * 51}, (400, "too_many_blocks")),
    ],
)
def test_incomplete_message_is_refused(message: object, refusal: tuple[int, str]) -> None:
    assert ask(message) == refusal


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("T000/B000/bad", (403, "invalid_token")),
        ("T000/B001/good", (403, "invalid_token")),
        ("T000/B002/good", (404, "no_service")),
        ("T000/B000", (404, "no_service")),
        ("x/y/good", (404, "no_service")),
    ],
)
def test_unknown_address_is_refused(path: str, refusal: tuple[int, str]) -> None:
    assert ask({"text": "hello"}, path) == refusal


@pytest.mark.parametrize("asked", ["#mita-incidents", "#Mita Alerts", 5])
def test_a_message_arrives_where_its_address_belongs_whatever_it_asks_for(asked: object) -> None:
    body = json.dumps({"text": "x", "channel": asked}).encode()

    answer, _ = slack.answer(body, "T000/B001/better", CHANNELS)

    assert answer.facts == {"channel": "#mita-database", "asked": str(asked)}


def test_burst_is_taken_and_then_so_many_a_second_at_each_address() -> None:
    limit = Limit(per_second=1, burst=5)

    assert [limit.retry_after("a", 0.0) for _ in range(6)] == [0, 0, 0, 0, 0, 1]
    assert limit.retry_after("a", 0.5) == 0.5
    assert limit.retry_after("b", 0.5) == 0
    assert limit.retry_after("a", 1.5) == 0
    assert Limit().retry_after("a", 0.0) == 0


def test_what_is_over_the_limit_is_told_when_to_come_again() -> None:
    taken = Answer(status=200, body="ok", facts={"channel": "#a"})

    answer = limited(taken, 0.4, per_second=1)

    assert (answer.status, answer.headers, answer.facts) == (429, {"Retry-After": "1"}, {"channel": "#a"})
    assert answer.problems == ("rate_limited",)
    assert limited(taken, 0.4, per_second=9).headers == {"Retry-After": "0.400"}
