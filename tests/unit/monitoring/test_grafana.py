"""A page in a few words becomes a dashboard: rows, widths, colours, and what alerts give it."""

import json
from typing import Any

import pytest

from monitoring.errors import CatalogError
from monitoring.grafana import generate


def panels(text: str) -> list[dict[str, Any]]:
    head = "title: T\ndescription: D\nrows:\n  - row: R\n    panels:\n"
    found: list[dict[str, Any]] = json.loads(generate("mita-x", head + text))["panels"]
    return found


def one(text: str) -> dict[str, Any]:
    _, panel = panels(f"      - {text.replace('{title: P,', '{title: P, description: D,')}\n")
    return panel


def colours(panel: dict[str, Any]) -> list[tuple[float | None, str]]:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return [(step["value"], step["color"]) for step in steps]


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([1], [(0, 1, 24)]),
        ([1, 1, 1], [(0, 1, 8), (8, 1, 8), (16, 1, 8)]),
        ([1, 3], [(0, 1, 6), (6, 1, 18)]),
        ([1, 1, 1, 1], [(0, 1, 12), (12, 1, 12), (0, 9, 12), (12, 9, 12)]),
        ([1, 1, 1, 1, 1], [(0, 1, 8), (8, 1, 8), (16, 1, 8), (0, 9, 12), (12, 9, 12)]),
    ],
)
def test_panels_fill_their_row_at_most_three_abreast(
    weights: list[int], expected: list[tuple[int, int, int]]
) -> None:
    text = "".join(
        f"      - {{title: P, description: D, weight: {weight}, show: {{a: up}}}}\n" for weight in weights
    )
    row, *found = panels(text)

    assert row["gridPos"] == {"h": 1, "w": 24, "x": 0, "y": 0}
    assert [(p["gridPos"]["x"], p["gridPos"]["y"], p["gridPos"]["w"]) for p in found] == expected


def test_an_alert_gives_its_expression_for_the_chosen_services_and_its_limit() -> None:
    panel = one("{title: P, show: {a: CriticalErrorRate, b: HighErrorRate}}")

    assert [target["expr"] for target in panel["targets"]] == [
        'mita:http_error_ratio:rate2m{service=~"$service"}',
        'mita:http_error_ratio:rate5m{service=~"$service"}',
    ]
    assert colours(panel) == [(None, "green"), (0.05, "orange"), (0.2, "red")]


@pytest.mark.parametrize("alert", ["HostOomKill", "HostSystemdUnitFailed"])
def test_neither_nought_nor_a_state_has_a_line(alert: str) -> None:
    assert "thresholds" not in one(f"{{title: P, show: {{a: {alert}}}}}")["fieldConfig"]["defaults"]


def test_the_nearest_limit_is_always_in_sight() -> None:
    free, whole = (
        one(f"{{title: P, {limit}show: {{a: BackendFileDescriptorsHigh}}}}") for limit in ("", "max: 1, ")
    )

    assert free["fieldConfig"]["defaults"]["custom"]["axisSoftMax"] == pytest.approx(0.88)
    assert whole["fieldConfig"]["defaults"]["custom"]["axisSoftMax"] == 1


@pytest.mark.parametrize(("bad", "expected"), [("", ["red", "green"]), ("bad: 1, ", ["green", "red"])])
def test_a_state_has_two_colours(bad: str, expected: list[str]) -> None:
    panel = one(f'{{title: P, states: {{0: "no", 1: "yes"}}, {bad}show: {{a: up}}}}')
    (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]

    assert panel["type"] == "state-timeline"
    assert [mapping["options"][value]["color"] for value in ("0", "1")] == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{title: P , show: {a: up}}", "a description, found none"),
        (
            "{title: P, show: {a: NoSuchAlert}}",
            "an expression or the name of an alert, found 'NoSuchAlert'",
        ),
        ("{title: P, units: s, show: {a: up}}", "unit, weight, found 'units'"),
        ("{title: P, kind: pie, show: {a: up}}", "stat, table, found 'pie'"),
    ],
)
def test_what_a_panel_cannot_be_is_refused(text: str, message: str) -> None:
    with pytest.raises(CatalogError, match=f"panel 'P': expected .*{message}"):
        one(text)


@pytest.mark.parametrize(
    ("alert", "expected"),
    [
        ("CriticalErrorRate", [(None, "green"), (0.2, "red")]),
        ("PrometheusNotConnectedToAlertmanager", [(None, "red"), (1, "green")]),
    ],
)
def test_a_number_is_red_on_the_side_where_its_alert_fires(
    alert: str, expected: list[tuple[float | None, str]]
) -> None:
    assert colours(one(f"{{title: P, kind: stat, show: {{a: {alert}}}}}")) == expected


def test_what_an_objective_allows_is_read_from_the_sites_prometheus() -> None:
    panel = one("{title: P, show: {a: up / ALLOWED(availability)}}")

    assert panel["targets"][0]["expr"] == "up / scalar(max(slo:availability:allowed:ratio))"


def test_objective_that_nobody_promised_is_refused() -> None:
    with pytest.raises(
        CatalogError, match=r"ALLOWED\(speed\): expected an objective of slo.yml, availability"
    ):
        one("{title: P, show: {a: up / ALLOWED(speed)}}")


def test_nought_is_drawn_on_an_axis_to_one() -> None:
    panel = one("{title: P, show: {a: up}}")

    assert panel["fieldConfig"]["defaults"]["custom"]["axisSoftMax"] == 1


def test_bad_words_are_red_and_the_last_that_fits_wins() -> None:
    panel = one("{title: P, show: {a: up}}")
    found = [each["matcher"]["options"] for each in panel["fieldConfig"]["overrides"]]

    assert found.index("/succeeded|fixed|healthy|^sent|success|up$/i") < next(
        number for number, pattern in enumerate(found) if "not_fixed" in pattern
    )


def test_a_page_about_hosts_shows_what_alerts_measure_for_the_chosen_host() -> None:
    head = "title: T\ndescription: D\nhosts: label_values(up, host)\nrows:\n  - row: R\n    panels:\n"
    page = json.loads(
        generate("mita-x", f"{head}      - {{title: P, description: D, show: {{a: HostOomKill}}}}\n")
    )
    names = [each["name"] for each in page["templating"]["list"]]

    assert "host" in names
    assert 'host=~"$host"' in page["panels"][1]["targets"][0]["expr"]
