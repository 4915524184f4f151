"""Plans are data: what they want at each moment can be read without running them."""

from pathlib import Path

import pytest

from devtools.errors import UserError
from harness.load.plan import PROFILES, Leg, Plan, read_plan


def test_steady_wants_the_same_rate_until_its_end() -> None:
    plan = Plan.of_profile("steady", 30, 60)

    assert {plan.rate(t) for t in range(60)} == {30}
    assert plan.rate(60) == 0


def test_ramp_rises_to_its_peak_and_holds_it() -> None:
    plan = Plan.of_profile("ramp", 100, 100)
    rates = [plan.rate(t) for t in range(100)]

    assert (rates[0], rates[35]) == (10, 55)
    assert rates == sorted(rates)
    assert rates[70:] == [100] * 30


def test_spike_multiplies_the_rate_by_four_in_the_middle_only() -> None:
    plan = Plan.of_profile("spike", 40, 100)

    assert [plan.rate(t) for t in range(100)] == [10] * 40 + [40] * 20 + [10] * 40


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_covers_its_whole_duration_and_reaches_its_peak(profile: str) -> None:
    plan = Plan.of_profile(profile, 40, 10)

    assert plan.duration == pytest.approx(10)
    assert plan.peak == 40
    assert max(plan.rate(t / 10) for t in range(100)) == 40


def test_arrivals_are_the_area_under_the_rates_until_the_moment_asked_for() -> None:
    plan = Plan.of_profile("spike", 40, 10)

    assert plan.arrivals(10) == pytest.approx(4 * 10 + 2 * 40 + 4 * 10)
    assert plan.arrivals(5) == pytest.approx(4 * 10 + 40)
    assert plan.arrivals(99) == plan.arrivals(10)
    assert Plan((Leg(10, 0, 10),)).arrivals(5) == 12.5


def test_plan_from_a_file_goes_from_leg_to_leg(tmp_path: Path) -> None:
    (tmp_path / "plan.yml").write_text("- {seconds: 10, from: 0, to: 20}\n- {seconds: 5, rate: 20}\n")
    plan = read_plan(tmp_path / "plan.yml")

    assert [plan.rate(t) for t in (0, 5, 10, 14)] == [0, 10, 20, 20]
    assert (plan.duration, plan.arrivals(15)) == (15, 200)
    assert Plan.of_rows(plan.rows(), "its own rows") == plan


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a list of legs"),
        ("rate: 5", "a list of legs"),
        ("- {seconds: 5}", "`rate`, or with `from` and `to`, in leg 1"),
        ("- {seconds: 5, rate: 1}\n- {seconds: 5, from: 1}", "leg 2"),
        ("- {seconds: 0, rate: 1}", "more than 0 `seconds` in leg 1"),
        ("- {seconds: 5, rate: fast}", "found 'fast'"),
        ("- {seconds: 5, rate: -1}", "found -1"),
        ("- {seconds: .inf, rate: 1}", "found inf"),
        ("- {seconds: 5, rate: 0}", "a rate above 0"),
        ("- [", "a list of legs"),
        (None, "a list of legs"),
    ],
)
def test_plan_that_cannot_be_followed_is_refused_in_a_sentence(
    text: str | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "plan.yml"
    if text is not None:
        path.write_text(text)

    with pytest.raises(UserError, match=words) as refusal:
        read_plan(path)

    assert "plan.yml" in str(refusal.value)
