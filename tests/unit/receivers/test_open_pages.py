"""The recorder knows which pages are open, as PagerDuty would."""

import pytest

from harness.receivers.open_pages import OpenPages
from harness.receivers.received import Answer


def event(action: str, *, key: str = "k", urgency: str = "critical", status: int = 202) -> Answer:
    return Answer(
        status=status, body="", facts={"urgency": urgency, "event_action": action, "dedup_key": key}
    )


BODY = {"payload": {"summary": "s"}}


def still_open(*events: Answer) -> list[tuple[str, str]]:
    pages = OpenPages()
    for one in events:
        pages.take(one, BODY)
    return [(page["urgency"], page["dedup_key"]) for page in pages.as_json()]


def test_triggered_twice_and_resolved_once_is_closed() -> None:
    assert still_open(event("trigger"), event("trigger"), event("resolve")) == []


@pytest.mark.parametrize(
    "other",
    [
        event("resolve", key="other"),
        event("resolve", urgency="error"),
        event("resolve", status=503),
        event("acknowledge"),
    ],
)
def test_only_its_own_taken_resolve_closes_it(other: Answer) -> None:
    assert still_open(event("trigger"), other) == [("critical", "k")]


def test_refused_trigger_opens_nothing() -> None:
    assert still_open(event("trigger", status=400)) == []


def test_what_is_closed_opens_again() -> None:
    assert still_open(event("trigger"), event("resolve"), event("trigger")) == [("critical", "k")]
