"""Messages reach people in order and late rather than never; log lines are one line each."""

import io
import json
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from rollback.adapters import logs
from rollback.adapters.sqlite import SqliteStore
from rollback.domain.deployment import Standing
from rollback.domain.errors import Blind, RollbackError, Undeliverable
from rollback.domain.reasons import Reason
from rollback.domain.records import Notice
from rollback.service.telling import Teller

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Stored:
    """Messages that wait to be told, and what became of them."""

    def __init__(self, store: SqliteStore, clock: Any, messenger: Any, make: Any) -> None:
        self.store, self.clock, self.messenger = store, clock, messenger
        make.live(store, "1", minutes=-60)
        self.teller = Teller(store, clock, messenger)

    def add(self, *texts: str) -> None:
        for text in texts:
            notice = self._notice(text)
            self.store.mark_release(
                "shop", "production", "1", Standing.GOOD, "test", self.clock.now(), (notice,)
            )

    def pass_by(self, seconds: float) -> None:
        """Let the daemon's loop run for so long, once a second."""
        for _ in range(round(seconds)):
            self.clock.move(1 / 60)
            self.teller.work()

    def counted(self, state: str) -> int:
        return self.store.tally().notices.get(state, 0)

    @staticmethod
    def _notice(text: str) -> Any:
        return Notice(text=text, colour="good")


@pytest.fixture
def stored(store: SqliteStore, clock: Any, messenger: Any, make: Any) -> Stored:
    return Stored(store, clock, messenger, make)


def test_messages_are_sent_once_and_in_order(stored: Stored) -> None:
    stored.add(*(str(number) for number in range(12)))

    counts = [stored.teller.work() for _ in range(4)]

    assert counts == [5, 5, 2, 0]
    assert stored.messenger.sent == [str(number) for number in range(12)]


@pytest.mark.parametrize("minutes", [1, 10, 60])
def test_a_channel_that_was_away_is_told_all_of_it_in_order_once_it_is_back(
    stored: Stored, minutes: int
) -> None:
    stored.messenger.failure = Blind("no answer")
    stored.add("first", "second")
    stored.pass_by(minutes * 60 / 2)
    stored.add("third")
    stored.pass_by(minutes * 60 / 2)
    assert stored.counted("waiting") == 3

    stored.messenger.failure = None
    stored.pass_by(31)

    assert stored.messenger.sent == ["first", "second", "third"]
    assert stored.counted("dropped") == 0


def test_a_channel_that_is_away_is_not_hammered(stored: Stored) -> None:
    tries: list[str] = []

    class Away:
        def send(self, notice: Any) -> None:
            tries.append(notice.text)
            raise Blind("no answer")

    stored.teller = Teller(stored.store, stored.clock, Away())
    stored.add(*(str(number) for number in range(20)))

    stored.pass_by(600)

    assert len(tries) < 30
    assert set(tries) == {"0"}, "the others wait behind it"


@pytest.mark.parametrize(
    ("failure", "waits"), [(Undeliverable("invalid_payload"), False), (Blind("no answer"), True)]
)
def test_a_message_that_no_channel_takes_holds_up_no_other(
    stored: Stored, failure: RollbackError, waits: bool
) -> None:
    sent: list[str] = []

    class Picky:
        def send(self, notice: Any) -> None:
            if notice.text == "bad":
                raise failure
            sent.append(notice.text)

    stored.teller = Teller(stored.store, stored.clock, Picky())
    stored.add("bad", "good")

    stored.pass_by(5)

    assert sent == ([] if waits else ["good"])
    assert stored.counted("dropped") == (0 if waits else 1)


def test_news_of_yesterday_are_given_up(stored: Stored) -> None:
    stored.messenger.failure = Blind("no answer")
    stored.add("old")
    stored.pass_by(3)
    stored.clock.move(24 * 60)
    stored.add("new")
    stored.pass_by(3)

    assert stored.counted("dropped") == 1
    assert stored.counted("waiting") == 1


def test_a_clock_that_goes_back_stops_nothing(stored: Stored) -> None:
    stored.messenger.failure = Blind("no answer")
    stored.add("first")
    stored.pass_by(40)
    stored.clock.move(-60)
    stored.messenger.failure = None
    stored.add("second")

    stored.pass_by(5)

    assert stored.messenger.sent[-2:] == ["first", "second"]


@pytest.mark.parametrize("log_format", ["logfmt", "json"])
def test_log_lines_are_one_line_each_with_fields(log_format: str) -> None:
    said = io.StringIO()
    with redirect_stdout(said):
        logs.configure(log_format)
        structlog.get_logger().info("decided", reason=Reason.COOLDOWN, text="two\nlines", nothing=None)
        try:
            raise ValueError("first\nsecond")
        except ValueError:
            structlog.get_logger().exception("failed")
    structlog.reset_defaults()

    first, second = said.getvalue().splitlines()
    if log_format == "json":
        assert json.loads(first)["reason"] == "cooldown"
        assert json.loads(second)["event"] == "failed"
    else:
        assert first == 'level=info event=decided reason=cooldown text="two | lines"'
        assert "ValueError: first | second" in second
