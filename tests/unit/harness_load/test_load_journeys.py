# ruff: noqa: S311  (a repeatable mix is what is tested)
"""Journeys cover what the application offers, in the proportions written down."""

from collections import Counter
from random import Random

from harness.load.journeys import JOURNEYS, Users, choose, lab_headers, register

DRAWS = 4000


def test_everybody_registers_before_the_first_user_is_known() -> None:
    random = Random(1)

    assert {choose(random, Users(random)).path for _ in range(50)} == {"/api/register"}


def test_mix_follows_the_weights() -> None:
    random = Random(1)
    users = Users(random)
    users.add("1")
    counts = Counter(choose(random, users).name for _ in range(DRAWS))

    expected = {j.call(random, "1").name: j.weight / sum(k.weight for k in JOURNEYS) for j in JOURNEYS}
    assert set(counts) == set(expected)
    assert all(abs(counts[name] / DRAWS - share) < 0.03 for name, share in expected.items())


def test_reads_are_counted_under_the_route_not_the_user() -> None:
    random = Random(1)
    users = Users(random)
    users.add("1")
    reads = [c for c in (choose(random, users) for _ in range(200)) if c.method == "GET"]

    assert {(c.name, c.path) for c in reads} == {("/api/users/{user_id}", "/api/users/1")}


def test_registrations_differ() -> None:
    random = Random(1)

    assert register(random).body != register(random).body


def test_asked_share_of_requests_is_spoiled() -> None:
    random = Random(1)
    spoiled = sum(
        "X-Mita-Fail" in lab_headers(random, error_ratio=0.3, added_latency=0) for _ in range(DRAWS)
    )

    assert abs(spoiled / DRAWS - 0.3) < 0.03


def test_added_latency_goes_with_every_request() -> None:
    assert lab_headers(Random(1), error_ratio=0, added_latency=1.5) == {"X-Mita-Delay": "1.5"}
    assert lab_headers(Random(1), error_ratio=0, added_latency=0) == {}
