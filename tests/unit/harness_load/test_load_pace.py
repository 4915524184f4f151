"""Every arrival of a plan is due once, at its time, however late and by how many processes one looks."""

from itertools import pairwise

import pytest

from harness.load.pace import LONGEST_S, Pace, Standing
from harness.load.plan import PROFILES, Plan


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("of", [1, 2, 3])
def test_processes_together_have_each_arrival_of_the_plan_once(profile: str, of: int) -> None:
    plan = Plan.of_profile(profile, 37, 10)
    paces = [Pace(plan, place=place, of=of) for place in range(of)]
    moments = [moment for pace in paces for step in range(1001) for moment in pace.due(step / 100)]

    assert len(moments) == sum(pace.planned for pace in paces) == round(plan.arrivals(10))
    assert max(pace.planned for pace in paces) - min(pace.planned for pace in paces) <= 1
    assert not any(pace.due(20) for pace in paces), "launching ends with the plan"


def test_arrivals_are_even() -> None:
    pace = Pace(Plan.of_profile("steady", 10, 10))
    moments = sorted(moment for step in range(1001) for moment in pace.due(step / 100))

    gaps = [after - before for before, after in pairwise(moments)]
    assert all(gap == pytest.approx(0.1, abs=0.021) for gap in gaps)


def test_late_look_finds_what_was_due_in_between_at_its_time() -> None:
    pace = Pace(Plan.of_profile("steady", 10, 60))
    pace.due(1)

    assert pace.due(3) == pytest.approx([1 + number / 10 for number in range(1, 21)])


def test_next_look_is_when_something_is_due_and_soon_while_nothing_is() -> None:
    pace = Pace(Plan.of_profile("steady", 25, 60))
    pace.due(1.0)

    assert 0.02 <= pace.wait(1.0) <= 0.025
    assert Pace(Standing()).wait(0) == LONGEST_S


def test_users_that_come_and_go_are_counted_for_as_long_as_they_are_there() -> None:
    flow = Standing()
    flow.set(10, 1)
    flow.set(4, 3)

    assert (flow.arrivals(3), flow.arrivals(5), flow.rate(5)) == (20, 28, 4)


def test_nobody_is_late_who_came_after_a_pause() -> None:
    flow = Standing()
    pace = Pace(flow)
    pace.due(9.9)
    flow.set(100, 9.9)

    assert min(pace.due(10)) > 9.9
