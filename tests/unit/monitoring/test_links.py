"""A site's links take the place of the rules', and nothing else changes."""

from pathlib import Path

import pytest

from devtools.paths import REPO
from monitoring.catalog import CatalogError, Links, load, render_rules

RULES = REPO / "monitoring" / "rules"
BEFORE = load(RULES)


def linked(links: Links, tmp_path: Path) -> dict[str, dict[str, str]]:
    for name, text in render_rules(RULES, links=links).items():
        (tmp_path / name).write_text(text)
    return {alert.name: dict(alert.annotations) for alert in load(tmp_path)}


def test_without_links_every_file_is_the_same_byte_for_byte() -> None:
    assert render_rules(RULES, links=Links()) == {
        path.name: path.read_text() for path in RULES.glob("*.rules.yml")
    }


@pytest.mark.parametrize("address", ["http://monitor:8000/runbooks", "http://monitor:8000/runbooks/"])
def test_every_runbook_is_linked_at_the_site(address: str, tmp_path: Path) -> None:
    after = linked(Links(runbooks=address), tmp_path)

    assert {name: found["runbook_url"] for name, found in after.items()} == {
        alert.name: f"http://monitor:8000/runbooks/{alert.name}" for alert in BEFORE
    }


def test_a_page_may_stand_inside_the_address(tmp_path: Path) -> None:
    after = linked(Links(runbooks="https://git.example.org/docs/{page}.md?plain=1"), tmp_path)

    assert after["HostDown"]["runbook_url"] == "https://git.example.org/docs/HostDown.md?plain=1"


def test_every_dashboard_keeps_its_name_and_its_variables(tmp_path: Path) -> None:
    after = linked(Links(dashboards="https://grafana.example.org/sub/"), tmp_path)

    for alert in BEFORE:
        here = after[alert.name]["dashboard_url"]
        assert here.startswith("https://grafana.example.org/sub/d/mita-")
        assert here.partition("/d/")[2] == alert.annotations["dashboard_url"].partition("/d/")[2]


def test_nothing_but_the_links_changes(tmp_path: Path) -> None:
    after = linked(Links("http://a/runbooks", "http://b"), tmp_path)

    def others(annotations: dict[str, str]) -> dict[str, str]:
        return {name: text for name, text in annotations.items() if not name.endswith("_url")}

    assert {name: others(found) for name, found in after.items()} == {
        alert.name: others(dict(alert.annotations)) for alert in BEFORE
    }
    assert [(a.expr, a.for_ms, a.labels) for a in load(tmp_path)] == [
        (a.expr, a.for_ms, a.labels) for a in BEFORE
    ]


@pytest.mark.parametrize(
    "links",
    [
        Links(runbooks="docs/runbooks"),
        Links(runbooks="ftp://x/runbooks"),
        Links(runbooks="http://x/{{ $labels.service }}"),
        Links(runbooks="http://x/{name}"),
        Links(runbooks="http://x/{page}/{page}"),
        Links(runbooks="http://x y"),
        Links(runbooks=7),  # type: ignore[arg-type]
        Links(dashboards="http://x/{page}"),
        Links(dashboards="grafana"),
    ],
)
def test_what_is_no_address_is_refused(links: Links) -> None:
    with pytest.raises(CatalogError, match=r"url: expected an address such as http.*, found"):
        render_rules(RULES, links=links)
