"""A file of the queue that cannot be used stops no message that comes after, and a person hears of it."""

import signal
import sqlite3
from pathlib import Path

import pytest

from relay.__main__ import main
from relay.message import Message
from relay.opening import VERSION
from relay.sender import Sender
from relay.settings import Address, Settings
from relay.slack import Taken
from relay.state import complaints, state
from relay.store import Store

SETTINGS = Settings(
    port=1, addresses={"a": Address(file=Path("x"))}, late_s=300, keep_s=3600, longest_pause_s=0.01
)
MESSAGE = Message(rank=0, group="g", body="{}")


def damaged(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


def torn(path: Path) -> None:
    """A page in the middle is another one's."""
    content = bytearray(path.read_bytes())
    content[4096:] = b"\x07" * (len(content) - 4096)
    path.write_bytes(content)


def newer(path: Path) -> None:
    base = sqlite3.connect(path)
    base.execute(f"PRAGMA user_version = {VERSION + 1}")
    base.close()


@pytest.mark.parametrize("spoil", [damaged, torn, newer])
def test_file_that_cannot_be_used_is_kept_and_the_queue_begins_anew(tmp_path: Path, spoil: object) -> None:
    path = tmp_path / "queue.sqlite"
    before = Store(path)
    before.take("a", MESSAGE)
    before.close()
    assert callable(spoil)
    spoil(path)

    store = Store(path)
    store.note_lost(SETTINGS.addresses)
    store.take("a", MESSAGE)

    assert store.wrong and store.waiting()["a"][0] == 1
    assert (tmp_path / "queue.sqlite.kept").exists()
    (line,) = complaints(SETTINGS, state(SETTINGS, store, 0))
    assert line == "what waited for the channel of a is lost: the file of the queue was unusable"
    store.close()
    assert Store(path).wrong == ""


@pytest.mark.parametrize("version", [0, VERSION])
def test_file_of_this_release_and_of_the_first_goes_on(tmp_path: Path, version: int) -> None:
    path = tmp_path / "queue.sqlite"
    store = Store(path)
    store.take("a", MESSAGE)
    store.close()
    base = sqlite3.connect(path)
    base.execute(f"PRAGMA user_version = {version}")
    base.close()

    again = Store(path)

    assert again.wrong == "" and again.waiting()["a"][0] == 1
    again.close()


def test_place_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = '{"port": 1, "addresses": {}, "late_s": 1, "keep_s": 1, "longest_pause_s": 1}'
    (tmp_path / "relay.json").write_text(settings)

    assert main([f"--settings={tmp_path}/relay.json", f"--store={tmp_path}/none/queue.sqlite"]) == 1
    assert "expected to open the queue in" in capsys.readouterr().err


def test_damage_at_work_ends_the_process_so_that_the_next_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "queue.sqlite")
    sender = Sender("a", SETTINGS, store, lambda *_: Taken())
    sent: list[int] = []

    def fail(*_: object) -> None:
        sender.stop()
        raise sqlite3.DatabaseError("database disk image is malformed")

    monkeypatch.setattr(signal, "raise_signal", sent.append)
    monkeypatch.setattr(store, "next", fail)
    sender.run()
    store.close()

    assert sent == [signal.SIGTERM]
