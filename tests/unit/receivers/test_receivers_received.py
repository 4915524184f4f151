"""Records keep their order and numbers over a reset, and never credentials."""

import pytest

from harness.receivers.behaviour import Behaviours, UnknownBehaviourError
from harness.receivers.received import Answer, Store

TAKEN = Answer(status=200, body="ok", facts={"channel": "#a"})


def test_reader_sees_only_what_is_newer_and_of_its_receiver() -> None:
    store = Store()
    for receiver in ("slack", "smtp", "slack"):
        store.add(receiver, TAKEN, {}, {})

    assert [r.seq for r in store.after(1)] == [2, 3]
    assert [r.seq for r in store.after(0, "slack")] == [1, 3]


def test_numbers_go_on_after_a_reset() -> None:
    store = Store()
    store.add("slack", TAKEN, {}, {})

    assert store.clear() == 1
    assert store.after(0) == []
    assert store.add("slack", TAKEN, {}, {}).seq == 2


def test_credentials_are_not_kept() -> None:
    record = Store().add("webhook", TAKEN, {}, {"Authorization": "Basic c2VjcmV0", "User-Agent": "x"})

    assert record.headers == {"User-Agent": "x"}


def test_refused_request_is_not_valid() -> None:
    record = Store().add("slack", Answer(status=400, body="no_text", problems=("no_text",)), {}, {})

    assert (record.valid, record.as_json()["problems"]) == (False, ("no_text",))


@pytest.mark.parametrize(
    "wanted",
    [{"receiver": "fax"}, {"receiver": "slack", "status": 42}, {"receiver": "slack", "delay": -1}, {}],
)
def test_unknown_behaviour_is_refused(wanted: dict[str, object]) -> None:
    with pytest.raises(UnknownBehaviourError, match="expected"):
        Behaviours().choose(wanted)
