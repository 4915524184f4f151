# ruff: noqa: S311  (a repeatable mix is what is tested)
"""Journeys cover what the application offers, in the proportions written down."""

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from devtools.errors import UserError
from harness.load.journeys import JOURNEYS, USER, lab_headers, register
from harness.load.mix import Known, Mix, fitting, read_journeys

DRAWS = 4000
OWN = """
from harness.load.mix import Call, Journey

def look(random, known):
    return Call(method="GET", path="/items")

JOURNEYS = [Journey(1, look, tags=frozenset({"read"}))]
"""


def settled(random: Random) -> Mix:
    mix = Mix(JOURNEYS, random)
    mix.keep(USER, "1")
    return mix


def test_everybody_registers_before_the_first_user_is_known() -> None:
    mix = Mix(JOURNEYS, Random(1))

    assert {mix.next().path for _ in range(50)} == {"/api/register"}


def test_mix_follows_the_weights() -> None:
    random = Random(1)
    mix = settled(random)
    counts = Counter(mix.next().row for _ in range(DRAWS))

    whole = sum(journey.weight for journey in JOURNEYS)
    expected = {journey.call(random, mix.known).row: journey.weight / whole for journey in JOURNEYS}
    assert set(counts) == set(expected)
    assert all(abs(counts[name] / DRAWS - share) < 0.03 for name, share in expected.items())


def test_reads_are_counted_under_the_route_not_the_user() -> None:
    mix = settled(Random(1))
    reads = [call for call in (mix.next() for _ in range(200)) if call.method == "GET"]

    assert {(call.row, call.path) for call in reads} == {("/api/users/{user_id}", "/api/users/1")}


def test_registrations_differ() -> None:
    random = Random(1)

    assert register(random, Known(random)).body != register(random, Known(random)).body


def test_asked_share_of_requests_is_spoiled() -> None:
    random = Random(1)
    spoiled = sum(
        "X-Mita-Fail" in lab_headers(random, error_ratio=0.3, added_latency=0) for _ in range(DRAWS)
    )

    assert abs(spoiled / DRAWS - 0.3) < 0.03


def test_added_latency_goes_with_every_request() -> None:
    assert lab_headers(Random(1), error_ratio=0, added_latency=1.5) == {"X-Mita-Delay": "1.5"}
    assert lab_headers(Random(1), error_ratio=0, added_latency=0) == {}


def test_own_journeys_come_from_a_python_file(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(OWN)
    [journey] = read_journeys(tmp_path / "shop.py")

    assert (journey.name, set(journey.tags)) == ("look", {"read"})
    assert Mix([journey], Random(1)).next().row == "/items"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "found none"),
        ("JOURNEYS = []", r"found \[\]"),
        ("JOURNEYS = [1]", r"found \[1\]"),
        ("import nothing_of_that_name", "ModuleNotFoundError"),
        ("def", "SyntaxError"),
    ],
)
def test_file_without_journeys_is_refused_in_a_sentence(text: str | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "shop.py"
    if text is not None:
        path.write_text(text)

    with pytest.raises(UserError, match=words):
        read_journeys(path)


@pytest.mark.parametrize("left", [[], [journey for journey in JOURNEYS if journey.needs]])
def test_journeys_that_all_wait_for_an_answer_are_refused(left: list) -> None:  # type: ignore[type-arg]
    with pytest.raises(UserError, match="nobody could be the first"):
        fitting(left, "the application")
