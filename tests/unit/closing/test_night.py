"""The morning's digest: what fired while warnings waited, told once, to the channels that were mute."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from closing.alertmanager import Listed, View
from closing.digest import MOST_LINES, message
from closing.errors import ClosingError
from closing.night import MOST, Fired, Night
from closing.nights import tell
from closing.settings import Settings
from tests.unit.closing.test_look import SETTINGS, listed

PLACE, OTHER = ("", "#alerts"), ("", "#team")
WARNING = {"alertname": "HostDiskSpaceLow", "severity": "warning", "subject": "app1", "env": "lab"}
BRIEF = {**WARNING, "alertname": "HostHighCpu"}


def at(day: int, hour: int, minute: int = 0) -> float:
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp()


class Queue(ThreadingHTTPServer):
    """What stands before Slack."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.refused = ""
        self.told: list[dict[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Queue

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status = 404 if body["channel"] == self.server.refused else self.server.status
        self.server.told += [body] if status == 200 else []
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def queue() -> Iterator[Queue]:
    server = Queue()
    Thread(target=server.serve_forever, args=(0.02,)).start()
    yield server
    server.shutdown()
    server.server_close()


class House:
    def __init__(self, path: Path, queue: Queue) -> None:
        url = f"http://127.0.0.1:{queue.server_port}/x"
        self.path, self.queue = path, queue
        self.settings: Settings = replace(
            SETTINGS, digest={"quiet": ((url, "#alerts"),), "team": ((url, "#team"),)}
        )

    def looks(self, now: float, *alerts: Listed, known: bool = True) -> None:
        seen = View(started="t0", alerts={one.fingerprint: one for one in alerts}, silences=[])
        tell(self.path, seen, self.settings, now, known=known)

    def texts(self, channel: str = "#alerts") -> list[str]:
        return [one["attachments"][0]["text"] for one in self.queue.told if one["channel"] == channel]


@pytest.fixture
def house(tmp_path: Path, queue: Queue) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("TZ", "UTC")
        time.tzset()
        yield House(tmp_path / "nights.json", queue)
    time.tzset()


def begun(labels: dict[str, str], day: int, hour: int, minute: int, receiver: str = "quiet") -> Listed:
    since = f"2026-11-{day}T{hour:02}:{minute:02}:00.000Z"
    return replace(listed(labels, receiver=receiver), starts_at=since)


def test_both_of_a_night_stand_in_the_digest_of_eight_o_clock(house: House) -> None:
    """A warning from 17:55 to 18:05, another from 22:00 to 23:00, and one that still fires."""
    first, second = begun(WARNING, 27, 17, 55), begun(BRIEF, 27, 22, 0)
    third = begun({**WARNING, "subject": "data"}, 28, 3, 0)
    house.looks(at(27, 17, 59), first)
    for minute in range(6):
        house.looks(at(27, 18, minute), first)
    house.looks(at(27, 18, 6))
    house.looks(at(27, 22, 0), second)
    house.looks(at(27, 23, 0), second)
    house.looks(at(28, 3, 0), third)
    house.looks(at(28, 7, 59), third)
    assert house.queue.told == []

    house.looks(at(28, 8, 0), third)
    house.looks(at(28, 8, 1), third)

    (text,) = house.texts()
    assert text.splitlines() == [
        "Fri 18:00 UTC to Sat 08:00 UTC",
        "*Still firing*",
        "• *HostDiskSpaceLow on data* (lab): s, since Sat 03:00 UTC",
        "*Over*",
        "• *HostDiskSpaceLow on app1* (lab), Fri 17:55 UTC to Fri 18:05 UTC",
        "• *HostHighCpu on app1* (lab), Fri 22:00 UTC to Fri 23:00 UTC",
    ]
    (told,) = house.queue.told
    assert told["attachments"][0]["title"] == "While warnings waited: 3 fired, 1 still fires"


def test_quiet_night_is_not_told(house: House) -> None:
    house.looks(at(27, 19))
    house.looks(at(28, 8))

    assert house.queue.told == []


def test_only_what_waited_for_a_channel_is_told_there(house: House) -> None:
    error = {**WARNING, "severity": "error", "alertname": "Loud"}
    silenced = replace(begun({**WARNING, "alertname": "Silenced"}, 27, 20, 0), silenced=True)
    house.looks(at(27, 20), begun(error, 27, 20, 0, "team"), begun(WARNING, 27, 20, 0, "team"), silenced)
    house.looks(at(28, 8))

    assert house.texts("#alerts") == []
    (text,) = house.texts("#team")
    assert "HostDiskSpaceLow" in text and "Loud" not in text and "Silenced" not in text


def test_alert_that_came_and_went_is_one_line_with_how_often(house: House) -> None:
    for hour in (20, 21, 22):
        house.looks(at(27, hour), begun(WARNING, 27, hour, 0))
        house.looks(at(27, hour, 30))
    house.looks(at(28, 8))

    (text,) = house.texts()
    assert "Fri 22:00 UTC to Fri 22:00 UTC (the last of 3 times)" in text


def test_digest_waits_for_an_alertmanager_that_was_just_started(house: House) -> None:
    house.looks(at(27, 20), begun(WARNING, 27, 20, 0))
    house.looks(at(28, 8), known=False)
    assert house.queue.told == []

    house.looks(at(28, 8, 7), begun(WARNING, 27, 20, 0))
    assert "*Still firing*" in house.texts()[0]


def test_digest_of_an_alertmanager_that_stays_ignorant_calls_nothing_over(house: House) -> None:
    house.looks(at(27, 20), begun(WARNING, 27, 20, 0))
    house.looks(at(28, 8), known=False)
    house.looks(at(28, 8, 31), known=False)

    (text,) = house.texts()
    assert "*Over*" not in text and "does not know yet" in text


def test_digest_that_is_not_taken_is_told_later(house: House) -> None:
    house.looks(at(27, 20), begun(WARNING, 27, 20, 0))
    house.queue.status = 503
    with pytest.raises(ClosingError, match="to take the digest"):
        house.looks(at(28, 8))
    house.queue.status = 200
    house.looks(at(28, 8, 1))
    house.looks(at(28, 8, 2))

    assert len(house.queue.told) == 1


def test_channel_that_takes_no_digest_keeps_no_other_waiting_and_repeats_none(house: House) -> None:
    house.looks(at(27, 20), begun(WARNING, 27, 20, 0), begun(BRIEF, 27, 20, 0, "team"))
    house.queue.refused = "#alerts"
    for minute in range(3):
        with pytest.raises(ClosingError, match="to take the digest"):
            house.looks(at(28, 8, minute))
    assert (len(house.texts("#team")), house.texts("#alerts")) == (1, [])

    house.queue.refused = ""
    house.looks(at(28, 8, 4))
    house.looks(at(28, 8, 5))

    assert (len(house.texts("#team")), len(house.texts("#alerts"))) == (1, 1)


def test_night_that_nobody_took_is_told_with_the_next(house: House) -> None:
    house.looks(at(27, 20), begun(WARNING, 27, 20, 0))
    house.queue.status = 503
    with pytest.raises(ClosingError, match="to take the digest"):
        house.looks(at(28, 8))
    house.looks(at(28, 18), begun(BRIEF, 28, 18, 0))
    house.queue.status = 200
    house.looks(at(29, 8))

    (text,) = house.texts()
    assert "HostDiskSpaceLow" in text and "HostHighCpu" in text


def test_night_with_more_than_is_remembered_does_not_say_that_this_is_all(house: House) -> None:
    house.looks(at(27, 20), *(begun({**WARNING, "subject": str(n)}, 27, 20, 0) for n in range(MOST + 1)))
    house.looks(at(28, 8))

    (told,) = house.queue.told
    title = f"While warnings waited: at least {MOST} fired, 0 still fire"
    assert told["attachments"][0]["title"] == title


def test_file_that_is_broken_is_said_and_begun_anew(house: House) -> None:
    house.path.write_text("{")
    with pytest.raises(ClosingError, match="begins anew"):
        house.looks(at(27, 20), begun(WARNING, 27, 20, 0))
    house.looks(at(28, 8))

    assert len(house.queue.told) == 1


def test_label_is_text_and_a_long_night_is_cut() -> None:
    evil = {"alertname": "<!channel> <https://evil.example|Runbook> a&b\n*x*", "service": "s" * 1000}
    fired = {
        str(number): Fired(labels=evil, summary="", since="2026-11-28T03:00:00Z", seen=at(28, 4))
        for number in range(400)
    }

    found = message("#a", Night(began=at(27, 18), ended=at(28, 8), fired=fired), {"1"}, known=True)

    text = found["attachments"][0]["text"]
    assert "<" not in text.replace("&lt;", "") and "a&amp;b *x*" in text
    assert f"and {399 - MOST_LINES} more" in text and len(text) < 8000
