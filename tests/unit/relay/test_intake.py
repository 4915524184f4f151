"""Whatever is posted gets an answer, and what was taken before is sent."""

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from relay.intake import Intake
from relay.sender import Sender
from relay.settings import Address, Settings
from relay.slack import Taken
from relay.store import Store


@pytest.fixture
def intake(tmp_path: Path) -> Iterator[Intake]:
    settings = Settings(
        port=0, addresses={"a": Address(file=Path("x"))}, late_s=300, keep_s=3600, longest_pause_s=1
    )
    store = Store(tmp_path / "queue.sqlite")
    server = Intake(settings, store, {"a": Sender("a", settings, store, lambda *_: Taken())})
    Thread(target=server.serve_forever, args=(0.02,)).start()
    yield server
    server.shutdown()
    server.server_close()
    store.close()


def status(intake: Intake, length: str, body: bytes = b"", path: str = "/a") -> int:
    head = f"POST {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode("latin-1")
    with socket.create_connection(("127.0.0.1", intake.server_port), timeout=30) as connection:
        connection.sendall(head + body)
        return int(connection.makefile("rb").readline().split()[1])


@pytest.mark.parametrize(
    ("length", "answer"),
    [("", 411), ("-1", 411), ("\u00b2", 411), ("9" * 5000, 413), ("300000000", 413)],
)
def test_odd_length_is_answered(intake: Intake, length: str, answer: int) -> None:
    assert status(intake, length) == answer


def test_half_a_character_is_taken(intake: Intake) -> None:
    body = rb'{"attachments": [{"callback_id": "firing critical, | \ud800\n", "title": "\ud800"}]}'

    assert status(intake, str(len(body)), body) == 200
    assert intake.store.waiting()["a"][0] == 1


def test_who_hangs_up_is_no_fault_and_what_is_one_is_a_line(
    intake: Intake, capsys: pytest.CaptureFixture[str]
) -> None:
    for fault in (BrokenPipeError("gone"), ValueError("odd\nline")):
        try:
            raise fault
        except Exception:
            intake.handle_error(None, None)

    (line,) = capsys.readouterr().err.splitlines()
    assert line == r"<3>relay: expected to answer a request, found ValueError: odd\nline"
