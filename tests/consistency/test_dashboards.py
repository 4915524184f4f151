"""Dashboards show what alerts speak of: by the same expressions, with the same limits."""

import json
import re
from collections import Counter
from itertools import combinations
from typing import Any

import pytest

from devtools.paths import REPO
from monitoring import grafana
from monitoring.catalog import Alert, load
from monitoring.measures import Measure, covers, measures, selectors, shows
from monitoring.promql_parse import parse
from ruletools.house.lint.dashboards import LINK, Dashboard, Panel, load_dashboards

ALERTS = load(REPO / "monitoring" / "rules")
DASHBOARDS = load_dashboards(REPO / "monitoring" / "dashboards")
PANELS = [(dashboard, panel) for dashboard in DASHBOARDS for panel in dashboard.panels]
every_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.uid)
every_panel = pytest.mark.parametrize(
    ("dashboard", "panel"), PANELS, ids=[f"{d.uid}: {p.title}" for d, p in PANELS]
)
NUMBERS = ("timeseries", "stat")
UNLINKED = {"mita-delivery"}
"""What no alert leads to, but other pages do."""
VARIABLES = {"datasource", "service"}
FIXED = {"runbooks", "alertmanager", "daemon"}
VARIABLE = re.compile(r"\$\{?([a-z]+)")


def test_there_is_one_file_per_dashboard_that_alerts_link() -> None:
    found = [LINK.search(alert.annotations["dashboard_url"]) for alert in ALERTS]
    linked = {match["uid"] for match in found if match}

    assert linked | UNLINKED == {dashboard.uid for dashboard in DASHBOARDS}
    assert [dashboard.path.stem for dashboard in DASHBOARDS] == [dashboard.uid for dashboard in DASHBOARDS]


@every_dashboard
def test_a_dashboard_fits_a_screen_or_two_and_any_grafana(dashboard: Dashboard) -> None:
    assert 6 <= len(dashboard.panels) <= 20
    assert dashboard.variables - {"host"} == VARIABLES | FIXED
    assert len({panel.data["id"] for panel in dashboard.panels}) == len(dashboard.panels)
    assert len({panel.title for panel in dashboard.panels}) == len(dashboard.panels)


@every_dashboard
def test_no_panel_covers_another(dashboard: Dashboard) -> None:
    def cells(panel: Panel) -> set[tuple[int, int]]:
        at: dict[str, Any] = panel.data["gridPos"]
        assert at["x"] + at["w"] <= 24
        return {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}

    assert not [pair for pair in combinations(dashboard.panels, 2) if cells(pair[0]) & cells(pair[1])]


@every_panel
def test_a_panel_has_a_unit_a_legend_and_only_known_variables(dashboard: Dashboard, panel: Panel) -> None:
    assert panel.data["fieldConfig"]["defaults"]["unit"]
    assert panel.data["datasource"]["uid"] == "${datasource}"
    for target in panel.data["targets"]:
        assert set(VARIABLE.findall(target["expr"])) <= dashboard.variables
        assert target["legendFormat"] or panel.data["type"] == "table"
    assert len({target["refId"] for target in panel.data["targets"]}) == len(panel.data["targets"])


@every_panel
def test_a_panel_draws_the_limits_of_the_alerts_on_what_it_shows(dashboard: Dashboard, panel: Panel) -> None:
    """Joined by the expression, so that no alert's name stands here twice."""
    if panel.data["type"] in NUMBERS:
        measured = [each for alert in ALERTS for each in measures(alert.tree) if each.has_line]
        assert panel.limits == {each.limit for each in measured if asks(panel, each)}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_the_page_behind_a_link_shows_what_the_alert_measures(alert: Alert) -> None:
    """With a line where there is a limit, unless a panel shows the states themselves."""
    found = LINK.search(alert.annotations["dashboard_url"])
    assert found
    (linked,) = [dashboard for dashboard in DASHBOARDS if dashboard.uid == found["uid"]]
    for measure in measures(alert.tree):
        assert any(answers(panel, measure) for panel in linked.panels), (
            f"{linked.uid} needs a panel that shows {measure.what} {measure.op} {measure.limit}"
        )


def answers(panel: Panel, measure: Measure) -> bool:
    """Where numbers are drawn, a limit or a state is of just what is asked; else the series are there."""
    if panel.data["type"] in NUMBERS and measure.has_line:
        return measure.limit in panel.limits and asks(panel, measure)
    if panel.data["type"] in NUMBERS and measure.op == "==":
        return asks(panel, measure)
    shown = [found for expression in panel.expressions for found in selectors(parse(expression))]
    return all(any(covers(each, asked) for each in shown) for asked in measure.selectors)


def asks(panel: Panel, measure: Measure) -> bool:
    return any(shows(parse(expression), measure.what) for expression in panel.expressions)


def test_a_query_has_one_panel_of_a_page() -> None:
    """A tile may show the number of now, and a graph how it came to that."""
    asked = Counter(
        (dashboard.uid, expression, panel.data["type"] == "stat")
        for dashboard, panel in PANELS
        for expression in panel.expressions
    )
    assert not [each for each, count in asked.items() if count > 1]


def test_the_dashboards_follow_from_their_panels() -> None:
    expected = grafana.dashboards()
    found = {path: path.read_text() for path in grafana.TARGET.glob("*.json")}
    assert found == expected, "expected no difference; run `python -m monitoring.grafana`"


@every_panel
def test_a_panel_says_what_it_shows_and_links_to_what_there_is(dashboard: Dashboard, panel: Panel) -> None:
    assert len(panel.data["description"]) > 20
    text = json.dumps(panel.data)
    assert set(re.findall(r"\$\{(\w+)\}/", text)) <= FIXED
    assert set(re.findall(r'"/d/([\w-]+)', text)) <= {each.uid for each in DASHBOARDS}


@every_dashboard
def test_deployments_and_rollbacks_are_marked_on_every_graph(dashboard: Dashboard) -> None:
    marks = {each["name"]: each["expr"] for each in dashboard.data["annotations"]["list"]}

    assert "mita_build_info" in marks["Deployments"] and "mita_rollback_in_progress" in marks["Rollbacks"]
