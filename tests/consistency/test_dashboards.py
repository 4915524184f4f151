"""Dashboards show what alerts speak of: by the same expressions, with the same limits."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from harness.paths import REPO
from harness.rules.lint.dashboards import LINK, Dashboard, Panel, load_dashboards
from monitoring.catalog import Alert, load
from monitoring.promql import Binary, Node, Selector, transform, walk
from monitoring.promql_parse import parse
from monitoring.thresholds import comparison, threshold

ALERTS = load(REPO / "monitoring" / "rules")
DASHBOARDS = load_dashboards(REPO / "monitoring" / "dashboards")
PANELS = [(dashboard, panel) for dashboard in DASHBOARDS for panel in dashboard.panels]
every_dashboard = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.uid)
every_panel = pytest.mark.parametrize(
    ("dashboard", "panel"), PANELS, ids=[f"{d.uid}: {p.title}" for d, p in PANELS]
)
VARIABLE = re.compile(r"\$\{?([a-z]+)")


def test_there_is_one_file_per_dashboard_that_alerts_link() -> None:
    found = [LINK.search(alert.annotations["dashboard_url"]) for alert in ALERTS]
    linked = {match["uid"] for match in found if match}

    assert linked == {dashboard.uid for dashboard in DASHBOARDS}
    assert [dashboard.path.stem for dashboard in DASHBOARDS] == [dashboard.uid for dashboard in DASHBOARDS]


@every_dashboard
def test_a_dashboard_fits_a_screen_or_two_and_any_grafana(dashboard: Dashboard) -> None:
    assert 6 <= len(dashboard.panels) <= 12
    assert dashboard.variables == {"datasource", "service"}
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
def test_the_limits_of_a_panel_are_those_of_the_alerts_on_what_it_shows(
    dashboard: Dashboard, panel: Panel
) -> None:
    """Joined by the expression, so that no alert's name stands here twice."""
    if panel.limits:
        shown = {str(compared(parse(expression))) for expression in panel.expressions}
        assert panel.limits == {limit for expression, limit in limits_of_alerts() if expression in shown}


def test_most_limits_can_be_seen() -> None:
    """A dashboard that drew none would pass the test above."""
    assert sum(len(panel.limits) for _, panel in PANELS) >= 25


@pytest.mark.parametrize(
    "alert",
    [
        alert
        for alert in ALERTS
        if re.search("/d/mita-(hosts|monitoring)", alert.annotations["dashboard_url"])
    ],
    ids=lambda alert: alert.name,
)
def test_the_page_behind_a_link_shows_what_the_alert_measures(alert: Alert) -> None:
    found = LINK.search(alert.annotations["dashboard_url"])
    assert found
    (linked,) = [dashboard for dashboard in DASHBOARDS if dashboard.uid == found["uid"]]
    decides = comparison(alert.tree)
    wanted = measured(decides.lhs if decides else alert.tree)
    shown = [measured(parse(expression)) for panel in linked.panels for expression in panel.expressions]
    assert any(wanted <= each for each in shown), f"{linked.uid} needs a panel that shows {sorted(wanted)}"


def measured(tree: Node) -> set[str]:
    return {node.metric for node in walk(tree) if isinstance(node, Selector)}


def limits_of_alerts() -> Iterator[tuple[str, float]]:
    for alert in ALERTS:
        decides, limit = comparison(alert.tree), threshold(alert.tree)
        if decides is not None and limit is not None:
            yield str(compared(decides.lhs)), limit


def compared(tree: Node) -> Node:
    """What is compared with a limit: without the choice of services, and left of a condition."""
    while isinstance(tree, Binary) and tree.op in ("and", "unless"):
        tree = tree.lhs
    return transform(tree, _for_every_service)


def _for_every_service(node: Node) -> Node:
    if not isinstance(node, Selector):
        return node
    chosen = {"service", "application"}
    return replace(
        node, matchers=tuple(m for m in node.matchers if not (m.name in chosen and "$" in m.value))
    )
