"""Profiles are data: what they want in each second can be read without running them."""

import pytest

from harness.load.profiles import PROFILES, Plan


def test_steady_wants_the_same_rate_until_its_end() -> None:
    plan = Plan("steady", 30, 60)

    assert {plan.rate_at(t) for t in range(60)} == {30}
    assert plan.rate_at(60) is None
    assert plan.tick(60) is None


def test_ramp_rises_to_its_peak_and_holds_it() -> None:
    rates = [Plan("ramp", 100, 100).rate_at(t) or 0 for t in range(100)]

    assert (rates[0], rates[35]) == (10, 55)
    assert rates == sorted(rates)
    assert rates[70:] == [100] * 30


def test_spike_multiplies_the_rate_by_four_in_the_middle_only() -> None:
    rates = [Plan("spike", 40, 100).rate_at(t) for t in range(100)]

    assert rates == [10] * 40 + [40] * 20 + [10] * 40


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_covers_its_whole_duration_and_reaches_its_peak(profile: str) -> None:
    plan = Plan(profile, 40, 10)

    assert sum(leg.share for leg in PROFILES[profile]) == pytest.approx(1.0)
    assert max(plan.rate_at(t / 10) or 0 for t in range(100)) == 40


def test_arrivals_are_the_sum_of_the_rates_until_the_moment_asked_for() -> None:
    plan = Plan("spike", 40, 10)

    assert plan.arrivals(10) == 4 * 10 + 2 * 40 + 4 * 10
    assert plan.arrivals(5) == 4 * 10 + 40
    assert plan.arrivals(99) == plan.arrivals(10)


def test_tick_asks_for_as_many_users_as_arrivals_and_all_at_once() -> None:
    assert Plan("steady", 30, 60).tick(0) == (30, 30.0)
