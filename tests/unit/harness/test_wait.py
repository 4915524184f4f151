"""A wait returns what it waited for, or says what it saw instead."""

import itertools

import pytest

from devtools.wait import DeadlineError, until


def test_first_truthy_value_is_returned() -> None:
    values = iter([0, "", "third"])

    assert until("a value", lambda: next(values), deadline_s=5, interval_s=0.001) == "third"


def test_an_error_of_the_probe_means_not_yet() -> None:
    calls = itertools.count()

    def probe() -> bool:
        if next(calls) < 2:
            raise ConnectionError("refused")
        return True

    assert until("an answer", probe, deadline_s=5, interval_s=0.001) is True


def test_a_true_condition_is_asked_once_even_without_time_left() -> None:
    assert until("now", lambda: "yes", deadline_s=0) == "yes"


def test_the_deadline_names_condition_last_value_and_evidence() -> None:
    with pytest.raises(DeadlineError) as raised:
        until(
            "app1 to answer", lambda: None, deadline_s=0.01, interval_s=0.001, explain=lambda: "journal tail"
        )

    assert "expected app1 to answer within 0.01 s; last seen: None" in str(raised.value)
    assert "journal tail" in str(raised.value)


def test_the_deadline_names_the_last_error_and_keeps_it_as_cause() -> None:
    def probe() -> bool:
        raise ConnectionError("refused")

    with pytest.raises(DeadlineError, match="ConnectionError: refused") as raised:
        until("an answer", probe, deadline_s=0.01, interval_s=0.001)

    assert isinstance(raised.value.__cause__, ConnectionError)


def test_failing_evidence_does_not_hide_the_deadline() -> None:
    def explain() -> str:
        raise OSError("no journal")

    with pytest.raises(DeadlineError, match=r"last seen: 0\n.*OSError: no journal"):
        until("one", lambda: 0, deadline_s=0.01, interval_s=0.001, explain=explain)
