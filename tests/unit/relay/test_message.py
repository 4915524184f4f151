"""How loud a message is: total over what Alertmanager can write; and what is sent together."""

import json
from typing import Any

import pytest

from relay.errors import RelayError
from relay.message import LARGEST_TOGETHER, MOST_TOGETHER, read, together


def body(mark: str = "", **more: Any) -> bytes:
    return json.dumps(
        {"channel": "#a", "attachments": [{"title": "t", "callback_id": mark}], **more}
    ).encode()


@pytest.mark.parametrize(
    ("said", "rank"),
    [
        ("firing critical,", 0),
        ("firing warning,critical,", 0),
        ("firing error,", 1),
        ("firing warning,warning,", 2),
        ("firing info,", 3),
        ("firing none,", 3),
        ("firing critcal,", 0),
        ("firing warning,,", 0),
        ("firing ,", 0),
        ("resolved ", 4),
    ],
)
def test_rank_is_that_of_the_loudest_alert_that_fires(said: str, rank: int) -> None:
    assert read(body(f'{said} | "r" alertname="A"\n')).rank == rank


def test_what_has_no_mark_is_between_and_about_nothing_else() -> None:
    one, other = read(body()), read(b'{"text": "t"}')

    assert (one.rank, other.rank) == (1, 1)
    assert one.group != other.group


def test_mark_is_taken_out_and_what_a_site_says_there_stays() -> None:
    ours, theirs = read(body("firing error, | g\n")), read(body("firing error, | g\ntheir words"))

    assert (ours.group, theirs.group) == (" g", " g")
    assert "callback_id" not in json.loads(ours.body)["attachments"][0]
    assert json.loads(theirs.body)["attachments"][0]["callback_id"] == "their words"


@pytest.mark.parametrize("raw", [b"{", b"[]", b"\xff", b'"x"', b"[" * 100_000])
def test_what_is_no_message_is_refused(raw: bytes) -> None:
    with pytest.raises(RelayError, match="expected"):
        read(raw)


def one(title: str, **more: Any) -> str:
    return json.dumps({"channel": "#a", "attachments": [{"title": title}], **more})


def test_attachments_of_several_messages_are_one_in_their_order() -> None:
    whole, taken = together([one("a"), one("b"), one("c")])

    assert taken == 3
    assert json.loads(whole) == {
        "channel": "#a",
        "attachments": [{"title": "a"}, {"title": "b"}, {"title": "c"}],
    }


@pytest.mark.parametrize(
    "second",
    [
        one("b", channel="#b"),
        one("b", text="x"),
        '{"channel": "#a", "text": "x"}',
        json.dumps({"channel": "#a", "attachments": [{"title": str(n)} for n in range(MOST_TOGETHER)]}),
        one("x" * LARGEST_TOGETHER),
    ],
)
def test_what_would_change_the_message_or_make_it_too_large_is_sent_by_itself(second: str) -> None:
    assert together([one("a"), second, one("c")]) == (one("a"), 1)
