"""A run is watched from its beginning to its end: each wave begins to look where the one before ended."""

from dataclasses import replace
from typing import Any

import pytest

from devtools.paths import REPO
from harness.lab import addresses
from harness.proof import watching
from harness.proof.preparing import Bench
from harness.proof.witness import Witness
from harness.proof.witnessed import Played
from monitoring.yaml_text import read_yaml
from tests.unit.harness.test_proof import FAULT, NOON, everybody, seen

ROUTES = read_yaml((REPO / "monitoring" / "alertmanager.yml").read_text())


class Lab:
    """Receivers that were told something before a wave, and a Prometheus in which nothing fires."""

    asked: tuple[float, float] = (0, 0)

    def reset(self) -> int:
        return 7

    def requests(self, after: int = 0) -> list[dict[str, Any]]:
        return [{"seq": number} for number in (8, 9) if number > after]

    def query_range(self, _: str, start: float, end: float, step: float) -> list[dict[str, Any]]:
        Lab.asked = start, end
        return []


@pytest.fixture
def witness(monkeypatch: pytest.MonkeyPatch) -> Witness:
    monkeypatch.setattr(addresses, "receivers", Lab)
    monkeypatch.setattr(addresses, "prometheus", Lab)
    monkeypatch.setattr(watching, "configuration", lambda: ROUTES)
    return Witness()


def test_the_first_wave_has_nobody_before_it_and_the_second_has_the_first(witness: Witness) -> None:
    assert (witness.before().first, witness.told, witness.last_message()) == (True, 7, 9)
    begun, asked_until = Lab.asked
    assert asked_until == witness.since
    assert asked_until - begun > 1800  # in mail that it is over may be told a quarter of an hour later

    wave = seen(records=[{**record, "seq": 20 + n} for n, record in enumerate(everybody())])
    witness.played += wave.played
    witness.has_seen(wave)

    assert (witness.since, witness.told) == (wave.ended, 19 + len(wave.records))
    before = witness.before()
    assert (before.first, before.played, before.lives) == (False, tuple(wave.played), tuple(wave.lives))


def test_what_a_wave_left_is_over_when_the_lab_is_calm(witness: Witness) -> None:
    left = Played(fault=FAULT, began=NOON, injected=NOON)
    undone = replace(left, undone=NOON + 5)
    witness.played = [left, undone]

    witness.nothing_is_left()

    assert witness.played[0].undone and witness.played[1] == undone


def test_a_wave_in_which_nobody_was_told_anything_keeps_the_last_number(witness: Witness) -> None:
    witness.has_seen(seen(records=[]))

    assert witness.told == 7


def test_who_slept_between_two_waves_is_not_believed_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "prometheus", Lab)
    monkeypatch.setattr(watching, "asleep", lambda _, since: f"it slept since {since - NOON:.0f}")

    assert Bench(15).judged(replace(seen(), since=NOON - 60)).asleep == "it slept since -60"
