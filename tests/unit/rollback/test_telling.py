"""Messages reach people, the urgent ones first and none never, whatever becomes of a channel."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollback.adapters.sqlite import SqliteStore
from rollback.domain.deployment import Standing
from rollback.domain.errors import NotTaken, RollbackError, Undeliverable
from rollback.domain.stored import Notice, Urgency
from rollback.service.telling import Channel, Channels, Teller

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


HANGS = NotTaken("no answer in time", suspect=True)
AWAY = NotTaken("no answer")


@dataclass
class FakeChannel:
    """Takes messages, or does what the test says about all, or about those that begin like one it names."""

    sent: list[str] = field(default_factory=list)
    asked: list[tuple[float, str]] = field(default_factory=list)
    failure: RollbackError | None = None
    picky: dict[str, RollbackError] = field(default_factory=dict)
    configured: bool = True
    clock: Any = None

    def send(self, notice: Notice) -> None:
        self.asked.append((self.clock.ticks(), notice.text))
        failure = next((e for text, e in self.picky.items() if notice.text.startswith(text)), self.failure)
        if failure:
            raise failure
        self.sent.append(notice.text)

    @property
    def heads(self) -> list[str]:
        """The first line of each message."""
        return [text.split("\n")[0] for text in self.sent]


class Stored:
    """Messages that wait to be told, and what became of them."""

    def __init__(self, store: SqliteStore, clock: Any, make: Any) -> None:
        self.store, self.clock = store, clock
        self.first, self.second = FakeChannel(clock=clock), FakeChannel(clock=clock, configured=False)
        make.live(store, "1", minutes=-60)
        self.begin()

    def begin(self) -> None:
        """A life of the daemon: what is only in memory is new."""
        one = Channel(name="first", messenger=self.first)
        two = Channel(name="second", messenger=self.second)
        channels = Channels(all=(one, two), patience=lambda: timedelta(minutes=1))
        self.tellers = [Teller(self.store, self.clock, channels, c) for c in (one, two)]

    def add(self, *texts: str, urgency: Urgency = Urgency.NEWS, thread: str = "") -> None:
        for text in texts:
            notice = Notice(text=text, colour="good", urgency=urgency, thread=thread)
            self.store.mark_release(
                "shop", "production", "1", Standing.GOOD, "test", self.clock.now(), (notice,)
            )

    def turn(self) -> None:
        """Each channel's loop runs until it has nothing to do."""
        for teller in self.tellers:
            while teller.work():
                pass

    def pass_by(self, seconds: float) -> None:
        """Let the daemon's loops run for so long, once a second."""
        for _ in range(round(seconds)):
            self.clock.move(1 / 60)
            self.turn()

    def counted(self, state: str) -> int:
        return self.store.tally().notices.get(state, 0)


@pytest.fixture
def stored(store: SqliteStore, clock: Any, make: Any) -> Stored:
    return Stored(store, clock, make)


def test_messages_are_sent_once_and_in_order(stored: Stored) -> None:
    stored.add(*(str(number) for number in range(10)))

    stored.turn()
    stored.turn()

    assert stored.first.sent == [str(number) for number in range(10)]
    assert (stored.counted("sent"), stored.second.asked) == (10, [])


def test_what_is_urgent_goes_first_and_brings_what_came_before_in_its_thread(stored: Stored) -> None:
    stored.add("eight begins", thread="eight")
    stored.add("seven begins", "seven goes on", thread="seven")
    stored.add("proposed", urgency=Urgency.PROPOSAL)
    stored.add("on hold", urgency=Urgency.HOLD)
    stored.add("seven failed", urgency=Urgency.URGENT, thread="seven")

    stored.turn()

    assert stored.first.sent == [
        "seven begins", "seven goes on", "seven failed", "on hold", "proposed", "eight begins",
    ]  # fmt: skip


def test_what_becomes_urgent_while_others_are_told_is_next(stored: Stored) -> None:
    stored.add(*(str(number) for number in range(9)))
    stored.tellers[0].work()
    stored.add("failed", urgency=Urgency.URGENT)

    stored.turn()

    assert stored.first.sent[:3] == ["0", "failed", "1"]


@pytest.mark.parametrize("minutes", [1, 10, 600])
def test_a_channel_that_was_away_is_told_all_of_it_in_order_once_it_is_back(
    stored: Stored, minutes: int
) -> None:
    stored.first.failure = AWAY
    stored.add("one", "two")
    stored.pass_by(min(minutes * 30, 600))
    stored.clock.move(max(minutes - 20, 0))
    stored.add("three")
    stored.pass_by(min(minutes * 30, 600))
    assert stored.counted("waiting") == 3

    stored.first.failure = None
    stored.pass_by(31)

    assert stored.first.heads == ["one", "two", "three"]
    assert "This is told late; it was so at 2026-03-01 12:00:00 UTC." in stored.first.sent[0]
    assert (stored.counted("sent"), stored.counted("dropped")) == (3, 0)


def test_after_ten_minutes_away_the_failure_is_told_first_and_as_one_message(stored: Stored) -> None:
    stored.first.failure = AWAY
    stored.add(*(f"progress {number}" for number in range(40)))
    stored.add("rolling back", "app1 restored", thread="rollback-7")
    stored.add("FAILED: rollback of shop", urgency=Urgency.URGENT, thread="rollback-7")
    stored.pass_by(600)

    stored.first.failure = None
    stored.pass_by(31)

    assert len(stored.first.sent) == 2
    assert stored.first.sent[0].splitlines()[0] == "FAILED: rollback of shop"
    assert stored.first.sent[0].splitlines()[2:] == [
        "Before that:", "12:00:00 rolling back", "12:00:00 app1 restored",
    ]  # fmt: skip
    assert stored.first.heads[1].startswith("40 messages waited since 2026-03-01 12:00:00 UTC")
    assert "progress 39" in stored.first.sent[1]
    assert stored.counted("sent") == 43


def test_300_proposals_about_a_deployment_are_one_message_behind_the_failure(stored: Stored) -> None:
    for number in range(300):
        stored.add(f"proposal {number}", urgency=Urgency.PROPOSAL, thread="proposal-shop-7")
    stored.add("FAILED", urgency=Urgency.URGENT)

    stored.turn()

    assert stored.first.heads == ["FAILED", "proposal 299"]
    assert "(279 earlier ones)" in stored.first.sent[1]
    assert (stored.counted("sent"), stored.counted("waiting")) == (301, 0)


def test_many_questions_about_different_things_are_all_listed(stored: Stored) -> None:
    for number in range(100):
        stored.add(f"proposal {number}", urgency=Urgency.PROPOSAL, thread=f"proposal-{number}")

    stored.turn()

    told = "\n".join(stored.first.sent)
    assert len(stored.first.sent) == 5
    assert all(f" proposal {number}\n" in told for number in range(100))


def test_a_channel_that_is_away_is_not_hammered(stored: Stored) -> None:
    stored.first.failure = AWAY
    stored.add(*(str(number) for number in range(9)))

    stored.pass_by(600)

    assert len(stored.first.asked) < 30


@pytest.mark.parametrize(("asked", "pause"), [(20.0, 20), (0.0, 1), (None, 1), (300.0, 300)])
def test_a_channel_that_asks_for_rest_gets_it(stored: Stored, asked: float | None, pause: int) -> None:
    stored.first.failure = NotTaken("429", pause=asked)
    stored.add("one")

    stored.pass_by(pause + 1)

    first, second = (at for at, _ in stored.first.asked)
    assert second - first == pause


@pytest.mark.parametrize("failure", [HANGS, Undeliverable("invalid_payload")])
def test_a_message_that_no_channel_takes_holds_up_no_other(stored: Stored, failure: RollbackError) -> None:
    stored.first.picky = {"bad": failure}
    stored.add("bad", urgency=Urgency.URGENT)
    stored.add("good", "better")

    stored.pass_by(5)
    assert stored.first.sent == ["good", "better"]
    stored.add("also good", urgency=Urgency.URGENT)
    stored.pass_by(10)

    assert stored.first.sent == ["good", "better", "also good"]
    assert stored.counted("dropped") == (0 if failure is HANGS else 1)


def test_a_message_that_the_channel_hung_on_is_told_in_the_end(stored: Stored) -> None:
    stored.first.picky = {"bad": HANGS}
    stored.add("bad", "good")
    stored.pass_by(300)

    stored.first.picky = {}
    stored.pass_by(62)

    assert stored.first.heads == ["good", "bad"]


def test_news_of_yesterday_are_given_up(stored: Stored) -> None:
    stored.first.failure = AWAY
    stored.add("old")
    stored.pass_by(3600)
    stored.clock.move(24 * 60)
    stored.add("new")
    stored.pass_by(60)

    assert (stored.counted("dropped"), stored.counted("waiting")) == (1, 1)


def test_a_clock_that_is_set_a_day_ahead_loses_no_message(stored: Stored) -> None:
    stored.first.failure = AWAY
    stored.add("one")
    stored.pass_by(30)
    stored.clock.move(48 * 60)
    stored.pass_by(60)

    stored.first.failure = None
    stored.pass_by(31)

    assert (stored.first.heads, stored.counted("dropped")) == (["one"], 0)


def test_the_second_channel_tells_what_is_urgent_once_the_first_was_away_for_a_while(stored: Stored) -> None:
    stored.first.failure, stored.second.configured = AWAY, True
    stored.add("progress")
    stored.add("FAILED", urgency=Urgency.URGENT)

    stored.pass_by(59)
    assert stored.second.sent == []
    stored.pass_by(2)
    assert stored.second.heads == ["FAILED"]
    stored.pass_by(600)
    stored.begin()
    stored.pass_by(600)
    assert (stored.second.heads, stored.counted("waiting")) == (["FAILED"], 2)

    stored.first.failure = None
    stored.pass_by(31)

    assert (stored.first.heads, stored.second.heads) == (["FAILED", "progress"], ["FAILED"])
    assert stored.counted("sent") == 2


def test_the_second_channel_waits_as_long_when_the_clock_is_set_back(stored: Stored, clock: Any) -> None:
    stored.first.failure, stored.second.configured = AWAY, True
    stored.add("FAILED", urgency=Urgency.URGENT)
    stored.pass_by(10)
    back = timedelta(hours=1)
    now = clock.now
    clock.now = lambda: now() - back

    stored.pass_by(55)

    assert stored.second.heads == ["FAILED"]


def test_what_the_first_channel_refuses_the_second_tells_at_once(stored: Stored) -> None:
    stored.first.failure, stored.second.configured = Undeliverable("invalid_payload"), True
    stored.add("FAILED", urgency=Urgency.URGENT)
    stored.add("progress")

    stored.turn()

    assert stored.second.sent == ["FAILED"]
    assert (stored.counted("sent"), stored.counted("dropped")) == (1, 1)


@pytest.mark.parametrize("second_first", [False, True])
def test_what_both_channels_refuse_is_dropped(stored: Stored, second_first: bool) -> None:
    stored.second.configured = True
    stored.first.failure = AWAY if second_first else Undeliverable("no")
    stored.second.failure = Undeliverable("no")
    stored.add("FAILED", urgency=Urgency.URGENT)
    stored.pass_by(70)

    stored.first.failure = Undeliverable("no")
    stored.pass_by(31)

    assert (stored.counted("dropped"), stored.counted("waiting")) == (1, 0)


def test_a_second_channel_that_is_taken_away_leaves_nothing_waiting_for_it(stored: Stored) -> None:
    stored.first.failure, stored.second.configured = Undeliverable("no"), True
    stored.second.failure = AWAY
    stored.add("FAILED", urgency=Urgency.URGENT)
    stored.turn()
    assert stored.counted("waiting") == 1

    stored.second.configured = False
    stored.turn()

    assert stored.counted("dropped") == 1


def test_without_the_first_channel_the_second_tells_what_is_urgent_at_once(stored: Stored) -> None:
    stored.first.configured, stored.second.configured = False, True
    stored.add("FAILED", urgency=Urgency.URGENT)

    stored.turn()

    assert (stored.first.asked, stored.second.sent) == ([], ["FAILED"])


def test_without_any_channel_nothing_waits(stored: Stored) -> None:
    stored.first.configured = False
    stored.add("FAILED", urgency=Urgency.URGENT)

    stored.turn()

    assert (stored.first.asked, stored.counted("sent")) == ([], 1)


def test_a_daemon_that_died_before_it_settled_a_message_tells_it_again(stored: Stored) -> None:
    class Dies(FakeChannel):
        def send(self, notice: Notice) -> None:
            super().send(notice)
            raise KeyboardInterrupt

    stored.first = Dies(clock=stored.clock)
    stored.begin()
    stored.add("one")
    with pytest.raises(KeyboardInterrupt):
        stored.turn()

    stored.first = FakeChannel(clock=stored.clock)
    stored.begin()
    stored.turn()

    assert stored.first.sent == ["one"]


def test_a_clock_that_goes_back_stops_nothing(stored: Stored, clock: Any) -> None:
    stored.first.failure = NotTaken("no answer")
    stored.add("first")
    stored.pass_by(40)
    now = clock.now
    clock.now = lambda: now() - timedelta(hours=1)
    stored.first.failure = None
    stored.add("second")

    stored.pass_by(31)

    assert stored.first.heads == ["first", "second"]
