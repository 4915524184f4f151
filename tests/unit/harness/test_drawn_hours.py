"""The hours that are drawn: rules in the order of their needs, and samples as promtool reads them."""

from typing import Any

from harness.drawing.curves import END, LENGTH, MOMENTS, STEP, Series, between, counter, events, exposition
from harness.drawing.hours import everything, levels


def rule(name: str, expression: str) -> dict[str, Any]:
    return {"record": name, "expr": expression}


def test_a_rule_is_evaluated_after_what_it_reads() -> None:
    last, first, middle = rule("c", "b + up"), rule("a", "up"), rule("b", "a or b")

    assert levels([last, first, middle]) == [[first], [middle], [last]]


def test_rules_in_a_circle_are_evaluated_together() -> None:
    one, other = rule("a", "b"), rule("b", "a")

    assert levels([one, other]) == [[one, other]]


def test_a_counter_grows_only_while_its_target_answers() -> None:
    grown = counter("x", {}, 2, between(-1, 1))

    assert grown.samples[-6] is None
    assert grown.samples[-1] == 2 * STEP * len(MOMENTS)


def test_events_are_counted_when_they_happen() -> None:
    seen = events("x", {}, -10, -5)

    assert [seen.samples[round(-minute * 60 / STEP) - 1] for minute in (11, 10, 5, 1)] == [0, 1, 2, 2]


def test_samples_stand_by_name_and_end_as_the_format_says() -> None:
    lines = list(
        exposition([Series("b", {"z": "1", "a": "2"}, [1.5, None], [-15, 0]), Series("a", {}, [0], [0])])
    )

    assert lines == [f"a{{}} 0 {END:.0f}\n", f'b{{a="2",z="1"}} 1.5 {END - 15:.0f}\n', "# EOF\n"]


def test_every_target_of_the_site_is_expected() -> None:
    found = everything()
    targets = {(one.labels["job"], one.labels["instance"]) for one in found if one.name == "up"}
    expected = {one.labels["job"]: one.samples[0] for one in found if one.name == "job:targets:expected"}

    assert expected["mita-backend"] == 2 and sum(map(int, expected.values())) == len(targets)  # type: ignore[arg-type]
    assert all(len(one.samples) == LENGTH // STEP + 1 for one in found)
