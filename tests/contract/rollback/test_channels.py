"""Slack and PagerDuty over real connections: as they answer, as they refuse, and as they hang."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from devtools.wait import until
from harness.receivers.app import build
from harness.receivers.behaviour import Behaviours
from harness.receivers.received import Record, Store
from harness.receivers.settings import Settings
from rollback.adapters import posting
from rollback.adapters.pagerduty import PagerDutyMessenger
from rollback.adapters.slack import SlackMessenger
from rollback.adapters.sqlite import SqliteStore
from rollback.domain.deployment import Standing
from rollback.domain.errors import NotTaken, Undeliverable
from rollback.domain.stored import Notice, Urgency
from rollback.service.telling import Channel, Channels, Teller

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TOKEN, KEY = "planted-slack-token", "0123456789abcdefghijPLANTEDkey01"
FAILED = Notice(
    text="FAILED: rollback of shop\nA person must look",
    colour="danger",
    urgency=Urgency.URGENT,
    fields={"Rollback": "7"},
    thread="rollback-7",
    links={"Record": "/api/admin/rollback/rollbacks/7"},
)


class Outside:
    """What stands in for Slack and PagerDuty on the lab, here in the test's own process."""

    def __init__(self) -> None:
        self.store, self.behaviours = Store(), Behaviours()
        settings = Settings(
            credentials={"slack": {f"T0/B0/{TOKEN}": "#mita-deployments"}, "pagerduty": {KEY: "high"}},
            smtp_username="",
            smtp_password="",
        )
        config = uvicorn.Config(
            build(settings, self.store, self.behaviours), port=0, log_level="critical", lifespan="off"
        )
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._server.serve([self._socket])), daemon=True
        )
        self._thread.start()
        until("the receivers", lambda: self._server.started, deadline_s=30, interval_s=0.01)

    def got(self, receiver: str) -> list[Record]:
        return self.store.after(0, receiver)

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()


@pytest.fixture
def outside() -> Iterator[Outside]:
    found = Outside()
    yield found
    found.close()


def slack(url: str, token: str = TOKEN, channel: str = "#mita-deployments") -> SlackMessenger:
    return SlackMessenger(lambda: f"{url}/services/T0/B0/{token}", lambda: channel, lambda: "")


def pagerduty(url: str, key: str = KEY) -> PagerDutyMessenger:
    return PagerDutyMessenger(lambda: f"{url}/v2/enqueue", lambda: key, lambda: "https://monitor:8000")


@contextmanager
def odd(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does with each connection what the test says."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def answers(status: str, *headers: str, body: str = "") -> Callable[[socket.socket], None]:
    """One whole answer to whatever is asked."""
    head = "\r\n".join((f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers))

    def answer(connection: socket.socket) -> None:
        with connection:
            connection.recv(65_536)
            connection.sendall(f"{head}\r\n\r\n{body}".encode())

    return answer


def drips(text: bytes) -> Callable[[socket.socket], None]:
    """A byte now and then, often enough that no single read times out."""

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.recv(65_536)
            for number in range(10_000):
                connection.sendall(text[number : number + 1] or b"x")
                time.sleep(0.02)

    return answer


def hangs(connection: socket.socket) -> None:
    with connection:
        while connection.recv(65_536):
            pass


def test_slack_takes_what_the_daemon_tells(outside: Outside) -> None:
    slack(outside.url).send(FAILED)

    [record] = outside.got("slack")
    assert (record.valid, record.status) == (True, 200)
    assert isinstance(record.body, dict)
    assert record.body["text"] == FAILED.text


def test_pagerduty_takes_it_as_an_incident_and_twice_as_the_same(outside: Outside) -> None:
    pagerduty(outside.url).send(FAILED)
    pagerduty(outside.url).send(FAILED)

    first, second = outside.got("pagerduty")
    assert (first.valid, first.facts["event_action"]) == (True, "trigger")
    assert first.facts["dedup_key"] == second.facts["dedup_key"]
    assert isinstance(first.body, dict)
    assert first.body["payload"]["summary"] == "FAILED: rollback of shop"
    assert first.body["payload"]["severity"] == "critical"
    assert first.body["links"] == [
        {"text": "Record", "href": "https://monitor:8000/api/admin/rollback/rollbacks/7"}
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda url: slack(url, token="another-planted-token"),
        lambda url: pagerduty(url, key="ANOTHERplantedkey0123456789abcde"),
    ],
    ids=["a token that is not known", "a key of nobody"],
)
def test_what_somebody_can_mend_outside_loses_no_message(outside: Outside, make: Any) -> None:
    with pytest.raises(NotTaken) as refused:
        make(outside.url).send(FAILED)

    assert "planted" not in str(refused.value)


@pytest.mark.parametrize("status", [301, 302, 401, 403, 404, 408, 410, 429, 500, 503])
def test_what_says_nothing_about_the_message_loses_none(status: int) -> None:
    with odd(answers(f"{status} X", "location: http://127.0.0.1:9/", body="sorry")) as url:
        with pytest.raises(NotTaken, match=f"Slack answered {status}: sorry") as found:
            slack(url).send(FAILED)
        assert found.value.suspect == (status >= 500)


@pytest.mark.parametrize("error", ["invalid_payload", "no_text", "too_many_attachments"])
def test_what_slack_would_never_take_is_not_tried_again(error: str) -> None:
    with odd(answers("400 Bad Request", body=error)) as url, pytest.raises(Undeliverable, match=error):
        slack(url).send(FAILED)


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("30", 30),
        ("0", 0),
        ("86400", 600),
        (lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True), 40),
        (lambda: format_datetime(datetime.now(UTC) - timedelta(seconds=40), usegmt=True), 0),
        ("soon", None),
        ("-5", None),
        ("9" * 400, 600),
        ("Thu, 99 Foo 2026", None),
    ],
)
def test_slack_says_for_how_long_it_wants_to_be_left_alone(header: Any, pause: float | None) -> None:
    text = header if isinstance(header, str) else header()
    limited = answers("429 Too Many Requests", f"retry-after: {text}", body="rate_limited")
    with odd(limited) as url, pytest.raises(NotTaken) as found:
        slack(url).send(FAILED)
    assert found.value.pause == (None if pause is None else pytest.approx(pause, abs=2))


@pytest.mark.parametrize(
    "answer",
    [
        hangs,
        drips(b"HTTP/1.1 200 OK\r\nx-long: "),
        drips(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n"),
    ],
    ids=["hangs", "drips its head", "drips its body"],
)
def test_a_server_that_does_not_come_to_an_end_costs_a_bounded_time(
    answer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "DEADLINE_SECONDS", 1.0)
    began = time.monotonic()

    with odd(answer) as url, pytest.raises(NotTaken) as found:
        slack(url).send(FAILED)

    assert time.monotonic() - began < 3
    assert found.value.suspect


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://no-such-host.invalid", "http://[::1", "no url"]
)
def test_an_address_where_nobody_is_loses_no_message_and_is_not_told(url: str) -> None:
    with pytest.raises(NotTaken) as found:
        slack(url).send(FAILED)

    assert TOKEN not in str(found.value)
    assert not found.value.suspect
    assert found.value.__cause__ is None


def test_an_answer_that_repeats_the_address_is_masked() -> None:
    echo = answers("403 Forbidden", body=f"no access to /services/T0/B0/{TOKEN}")
    with odd(echo) as url, pytest.raises(NotTaken) as found:
        slack(url).send(FAILED)

    assert TOKEN not in str(found.value)


@dataclass
class Hand:
    """A clock that the test moves."""

    seconds: float = 0.0

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def ticks(self) -> float:
        return self.seconds


class Told:
    """The daemon's own parts from stored message to the channels, by a clock of the test."""

    def __init__(self, store: SqliteStore, make: Any, url: str) -> None:
        self.store, self.clock = store, Hand()
        make.live(store, "1", minutes=-60)
        one, two = (
            Channel(name="slack", messenger=slack(url)),
            Channel(name="pagerduty", messenger=pagerduty(url)),
        )
        channels = Channels(all=(one, two), patience=lambda: timedelta(minutes=1))
        self._tellers = [Teller(store, self.clock, channels, c) for c in (one, two)]

    def add(self, *notices: Notice) -> None:
        self.store.mark_release("shop", "production", "1", Standing.GOOD, "test", self.clock.now(), notices)

    def pass_by(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.seconds += 1
            for teller in self._tellers:
                while teller.work():
                    pass


@pytest.fixture
def told(tmp_path: Path, make: Any, outside: Outside) -> Iterator[Told]:
    store = SqliteStore(tmp_path / "rollback.db")
    yield Told(store, make, outside.url)
    store.close()


def test_slack_away_for_ten_minutes_around_a_rollback_that_failed(told: Told, outside: Outside) -> None:
    outside.behaviours.choose({"receiver": "slack", "status": 503})
    steps = ("Rolling back shop", "app1 was not restored")
    told.add(*(Notice(text=text, colour="warning", thread="rollback-7") for text in steps))
    told.pass_by(30)
    told.add(FAILED)
    told.pass_by(570)
    assert [r.body["payload"]["summary"] for r in outside.got("pagerduty")] == ["FAILED: rollback of shop"]  # type: ignore[index]
    assert told.store.tally().notices == {"waiting": 3}
    tried = len(outside.got("slack"))
    assert tried < 30

    outside.behaviours.reset()
    told.pass_by(31)

    [message] = [r.body for r in outside.got("slack") if r.status == 200]
    assert isinstance(message, dict)
    lines = message["text"].splitlines()
    assert lines[0] == "FAILED: rollback of shop"
    assert lines[-2:] == ["12:00:00 Rolling back shop", "12:00:00 app1 was not restored"]
    assert told.store.tally().notices == {"sent": 3}
    assert len(outside.got("pagerduty")) == 1


def test_a_daemon_whose_slack_hangs_tells_pagerduty_what_is_urgent(
    daemon: Any, alert: Callable[..., Any], outside: Outside
) -> None:
    (daemon.folder / "secrets/key").write_text(KEY)
    with odd(hangs) as url:
        (daemon.folder / "secrets/slack_webhook_url").write_text(f"{url}/services/T0/B0/{TOKEN}")
        daemon.configure(
            pagerduty_routing_key_file="secrets/key",
            pagerduty_url=f"{outside.url}/v2/enqueue",
            second_channel_after="1s",
            executor={"kind": "command", "argv": ["/bin/false"]},
            max_attempts=1,
        ).start()
        daemon.deploy("1.0.0")
        daemon.good("1.0.0")
        daemon.deploy("2.0.0")
        daemon.deliver(alert())
        daemon.until_phase("failed")
        [record] = until(
            "PagerDuty", lambda: outside.got("pagerduty"), deadline_s=30, interval_s=0.05, explain=daemon.said
        )

    assert isinstance(record.body, dict)
    assert record.body["payload"]["summary"].startswith(
        "FAILED: rollback of shop (production) 2.0.0 to 1.0.0"
    )
    assert daemon.metric("mita_rollback_notices_oldest_seconds") > 1
