"""The life of an alert, from what Prometheus stored of it."""

from typing import Any

import pytest

from harness.clients import Prometheus
from harness.lab import addresses
from harness.proof import preparing, watching
from harness.proof.watching import asleep, lives
from harness.proof.witnessed import Life, Witnessed


class Stored(Prometheus):
    """Answers what a test gives it."""

    def __init__(self, series: list[dict[str, Any]] | None = None, **values: float) -> None:
        super().__init__("http://nowhere")
        object.__setattr__(self, "given", (series or [], values))

    def query_range(self, expression: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        assert (expression, step) == ("ALERTS", 1.0)
        return self.given[0]  # type: ignore[attr-defined, no-any-return]

    def value(self, expression: str, at: float | None = None) -> float | None:
        assert 'instance!~"mita-fault-.*"' in expression
        names = {
            "missed": "iterations_missed",
            "due": "iterations_total",
            "late": "last_evaluation",
            "unseen": "up{",
            "begun": "start_time",
        }
        [name] = [name for name, part in names.items() if part in expression]
        return self.given[1].get(name)  # type: ignore[attr-defined, no-any-return]


def series(state: str, *moments: int) -> dict[str, Any]:
    labels = {"__name__": "ALERTS", "alertname": "HostDown", "host": "app2", "alertstate": state}
    return {"metric": labels, "values": [[at, "1"] for at in moments]}


@pytest.mark.parametrize(("until", "ended"), [(20, 10.0), (10, None)])
def test_a_life_is_put_together_from_its_states(until: float, ended: float | None) -> None:
    stored = Stored([series("pending", 3, 4, 5), series("firing", 6, 7, 8, 9)])

    labels = {"alertname": "HostDown", "host": "app2"}
    assert lives(stored, 0, until) == [Life(labels=labels, pending=3.0, firing=6.0, ended=ended)]


def test_an_alert_that_comes_back_lives_twice_and_a_moment_that_is_missing_ends_none() -> None:
    stored = Stored([series("pending", 3), series("firing", 4, 6, 9, 10)])

    first, second = lives(stored, 0, 20)

    assert (first.pending, first.firing, first.ended) == (3.0, 4.0, 7.0)
    assert (second.pending, second.firing, second.ended) == (9.0, 9.0, 11.0)


def test_an_alert_that_fired_and_waits_again_has_ended_and_lives_twice() -> None:
    stored = Stored([series("pending", 3, 6, 7), series("firing", 4, 5, 8, 9)])

    first, second = lives(stored, 0, 20)

    assert (first.pending, first.firing, first.ended) == (3.0, 4.0, 6.0)
    assert (second.pending, second.firing, second.ended) == (6.0, 8.0, 10.0)


def test_a_wave_after_a_long_wait_is_asked_for_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of both together would be many of the wave's."""
    windows = {100.0: "", 4_000.0: "it missed ten"}
    monkeypatch.setattr(preparing, "judge", lambda *_: [])
    monkeypatch.setattr(preparing, "strays", lambda *_: [])
    monkeypatch.setattr(preparing, "mistold", lambda *_: [])
    monkeypatch.setattr(addresses, "prometheus", Stored)
    monkeypatch.setattr(watching, "asleep", lambda _, since: windows[since])
    seen = Witnessed(since=100.0, began=4_000.0, ended=4_100.0, config={}, lives=[], records=[], played=[])

    bench = object.__new__(preparing.Bench)
    bench.rules, bench.expected = {}, {}

    assert bench.judged(seen).asleep == "it missed ten"


def test_what_never_fired_was_pending() -> None:
    [life] = lives(Stored([series("pending", 3, 4)]), 0, 20)

    assert (life.pending, life.firing, life.ended) == (3.0, None, None)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"due": 1000, "missed": 0, "unseen": 0}, ""),
        ({"due": 1000}, ""),
        ({"due": 1000, "missed": 9}, ""),
        ({"due": 1000, "missed": 11}, "Prometheus missed 11 evaluations of groups of 1000"),
        ({"due": 1000, "unseen": 11}, "Prometheus could not scrape itself 11 times in 100 s"),
        ({"due": 1000, "late": 9}, ""),
        ({"due": 1000, "late": 11}, "Prometheus evaluated a group 11 s late"),
        ({"due": 1000, "begun": 1}, "Prometheus was started anew 1 times"),
        ({"due": 1000, "begun": 0}, ""),
        ({}, "Prometheus evaluated no rule"),
    ],
)
def test_a_witness_who_slept_is_not_believed(
    values: dict[str, float], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1100.0)

    assert asleep(Stored(None, **values), 1000.0) == why
