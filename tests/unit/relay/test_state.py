"""What a person is told of, and what Prometheus can read."""

import time
from pathlib import Path

import pytest

from relay.__main__ import main
from relay.message import Message
from relay.settings import Address, Settings
from relay.state import complaints, series, state
from relay.store import Store

SETTINGS = Settings(
    port=1, addresses={"a_url": Address(file=Path("x"))}, late_s=300, keep_s=3600, longest_pause_s=15
)


def test_waiting_too_long_and_refused_lately_is_told(tmp_path: Path) -> None:
    store, now = Store(tmp_path / "queue.sqlite"), time.time()
    assert complaints(SETTINGS, state(SETTINGS, store, now)) == []
    for group in ("a", "b"):
        store.take("a_url", Message(rank=0, group=group, body="{}"))

    assert complaints(SETTINGS, state(SETTINGS, store, now + 290)) == []
    (late,) = complaints(SETTINGS, state(SETTINGS, store, now + 302))
    assert late.startswith("2 messages wait for the channel of a_url, the oldest for 30")

    store.refuse("a_url", store.next("a_url", 1)[0], "invalid_payload")
    store.told("a_url", store.next("a_url", 1))
    told = ["1 messages for the channel of a_url were refused for good: invalid_payload"]
    assert complaints(SETTINGS, state(SETTINGS, store, now + 890)) == told
    assert complaints(SETTINGS, state(SETTINGS, store, now + 910)) == []
    store.close()


def test_series_say_what_became_of_messages(tmp_path: Path) -> None:
    store = Store(tmp_path / "queue.sqlite")
    for group in ("a", "b", "c"):
        store.take("a_url", Message(rank=0, group=group, body="{}"))
    store.refuse("a_url", store.next("a_url", 1)[0], "invalid_payload")
    store.told("a_url", store.next("a_url", 1))

    lines = series(SETTINGS, store).splitlines()

    assert 'mita_relay_waiting{address="a_url"} 1' in lines
    total = "mita_relay_messages_total"
    assert f'{total}{{address="a_url",became="taken",reason=""}} 3' in lines
    assert f'{total}{{address="a_url",became="told",reason=""}} 1' in lines
    assert f'{total}{{address="a_url",became="refused",reason="invalid_payload"}} 1' in lines
    store.close()


@pytest.mark.parametrize("text", ["", "[]", '{"port": 1}', '{"addresses": {"a/b": {}}}'])
def test_settings_that_are_none_end_it_with_a_sentence(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "relay.json").write_text(text)

    assert main([f"--settings={tmp_path}/relay.json", "--check"]) == 1
    assert "expected the settings that the role writes" in capsys.readouterr().err


def test_relay_that_does_not_answer_is_a_failed_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = '{"port": 1, "addresses": {}, "late_s": 1, "keep_s": 1, "longest_pause_s": 1}'
    (tmp_path / "relay.json").write_text(settings)

    assert main([f"--settings={tmp_path}/relay.json", "--look"]) == 1
    assert "expected the relay to answer" in capsys.readouterr().err


def test_what_is_posted_again_for_want_of_an_answer_waits_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "queue.sqlite")
    fires, over = (Message(rank=rank, group="disk", body=f'{{"text": "{rank}"}}') for rank in (0, 4))
    for message in (fires, fires, over, fires, Message(rank=0, group="memory", body=fires.body)):
        store.take("a_url", message)
    store.take("b_url", fires)

    assert [one.body for one in store.next("a_url", 9)] == [fires.body, over.body, fires.body, fires.body]
    assert store.waiting()["b_url"][0] == 1
    assert ("a_url", "taken", "", 4) in store.counts()
    store.close()
