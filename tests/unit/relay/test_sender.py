"""What is sent next, what is set aside, and that one message never stops the others."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay.message import Message
from relay.sender import Sender
from relay.settings import Address, Settings
from relay.slack import Again, Never, Taken, Verdict, Wait
from relay.store import MOST_WAITING, FullError, Store

NAME = "slack_webhook_url"
SETTINGS = Settings(
    port=1, addresses={NAME: Address(file=Path("x"))}, late_s=300, keep_s=3600, longest_pause_s=15
)


class Slack:
    """Takes everything, unless a test says what it answers to which titles."""

    def __init__(self) -> None:
        self.posts: list[list[str]] = []
        self.judge: Callable[[list[str]], Verdict] = lambda _titles: Taken()

    def post(self, _address: Address, body: str) -> Verdict:
        titles = [one["title"] for one in json.loads(body)["attachments"]]
        self.posts.append(titles)
        return self.judge(titles)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store(tmp_path / "queue.sqlite")
    yield found
    found.close()


@pytest.fixture
def slack() -> Slack:
    return Slack()


@pytest.fixture
def sender(store: Store, slack: Slack) -> Sender:
    return Sender(NAME, SETTINGS, store, slack.post)


def take(store: Store, title: str, rank: int = 1, group: str = "") -> None:
    body = json.dumps({"channel": "#a", "attachments": [{"title": title}]})
    store.take(NAME, Message(rank=rank, group=group or title, body=body))


def drain(sender: Sender, most: int = 400) -> None:
    for _ in range(most):
        if sender.step() is None:
            return
    raise AssertionError("it sends for ever")


def test_loudest_is_first_and_the_earliest_of_the_equally_loud(
    store: Store, sender: Sender, slack: Slack
) -> None:
    for title, rank in (("over", 4), ("warning", 2), ("first", 0), ("error", 1), ("second", 0)):
        take(store, title, rank)

    drain(sender)

    assert slack.posts == [["first"], ["second"], ["error"], ["warning"], ["over"]]


def test_end_never_comes_after_what_fires_again(store: Store, sender: Sender, slack: Slack) -> None:
    take(store, "other", 1)
    take(store, "over", 4, "g")
    take(store, "fires again", 0, "g")

    drain(sender)

    assert slack.posts == [["over"], ["fires again"], ["other"]]


def test_limit_is_waited_for_and_what_waited_meanwhile_is_sent_together(
    store: Store, sender: Sender, slack: Slack
) -> None:
    for number in range(12):
        take(store, str(number))
    slack.judge = lambda _: Wait(7)

    assert sender.step() == 7
    slack.judge = lambda _: Taken()
    drain(sender)

    assert [len(titles) for titles in slack.posts] == [1, 10, 2]
    assert [title for titles in slack.posts[1:] for title in titles] == [str(number) for number in range(12)]


def test_one_that_is_refused_takes_no_other_with_it(store: Store, sender: Sender, slack: Slack) -> None:
    for title in ("good", "bad", "better"):
        take(store, title)
    slack.judge = lambda _: Wait(1)
    sender.step()
    slack.judge = lambda titles: Never("invalid_payload") if "bad" in titles else Taken()

    drain(sender)

    assert slack.posts[1:] == [["good", "bad", "better"], ["good"], ["bad"], ["better"]]
    assert store.refused_since(0) == [(NAME, "invalid_payload", 1)]


def test_failing_slack_is_tried_again_ever_more_slowly_and_loses_nothing(
    store: Store, sender: Sender, slack: Slack
) -> None:
    for title in ("a", "b", "c"):
        take(store, title)
    slack.judge = lambda _: Again("503")

    pauses = [sender.step() for _ in range(100)]

    assert pauses[:4] == [0.5, 1, 2, 4] and set(pauses[8:]) == {15}
    slack.judge = lambda _: Taken()
    drain(sender)
    assert slack.posts[100:102] != [] and store.waiting() == {} and store.refused_since(0) == []


def test_message_that_alone_fails_does_not_stop_the_others(
    store: Store, sender: Sender, slack: Slack
) -> None:
    take(store, "poison", 0, "g")
    take(store, "about the same", 0, "g")
    for number in range(5):
        take(store, str(number))
    slack.judge = lambda titles: Again("500") if "poison" in titles else Taken()

    drain(sender)

    assert store.refused_since(0) == [(NAME, "fails_alone", 1)]
    told = [titles for titles in slack.posts if "poison" not in titles]
    assert sorted(told) == [[str(number)] for number in range(5)] + [["about the same"]]


def test_what_slack_took_is_not_sent_again_where_the_store_fails(
    store: Store, sender: Sender, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(store, "a")
    with monkeypatch.context() as full:

        def fail(*_: object) -> None:
            raise sqlite3.OperationalError("disk full")

        full.setattr(store, "told", fail)
        for _ in range(3):
            with pytest.raises(sqlite3.OperationalError):
                sender.step()

    drain(sender)

    assert slack.posts == [["a"]]


def test_journal_that_is_away_ends_nobody(
    store: Store, sender: Sender, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(store, "a")
    slack.judge = lambda _: Never("invalid_payload")

    class Away:
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr("sys.stderr", Away())
    drain(sender)

    assert store.refused_since(0) == [(NAME, "invalid_payload", 1)]


def test_what_waited_too_long_is_set_aside(
    store: Store, sender: Sender, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(store, "old")
    later = time.time() + 3601
    monkeypatch.setattr(time, "time", lambda: later)

    drain(sender)

    assert slack.posts == []
    assert store.refused_since(0) == [(NAME, "too_old", 1)]


def test_quiet_ones_never_keep_a_loud_one_out(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("relay.store.MOST_WAITING", 3)
    assert MOST_WAITING > 3
    for number in range(3):
        take(store, str(number), 2)

    with pytest.raises(FullError):
        take(store, "one too many", 2)
    take(store, "loud", 0)
    assert store.next(NAME, 1)[0].group == "loud"


def test_what_was_taken_is_there_for_the_next_process(store: Store, tmp_path: Path) -> None:
    take(store, "a")

    again = Store(tmp_path / "queue.sqlite")

    assert [one.group for one in again.next(NAME, 9)] == ["a"]
    assert again.strangers({NAME}) == 0
    assert again.strangers(set()) == 1
    assert again.waiting() == {}
    again.close()
