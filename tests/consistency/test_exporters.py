"""An exporter's data file is joined by all that scrapes it, runs on it and knows its metrics."""

from pathlib import Path

import pytest

from devtools.paths import REPO
from monitoring.errors import CatalogError
from monitoring.exporters import load_exporters
from monitoring.yaml_text import read_yaml
from ruletools.house.lint.content import house

EXPORTERS = load_exporters(REPO / "roles" / "exporter" / "vars")
JOBS = {job: spec for exporter in EXPORTERS.values() for job, spec in exporter.jobs.items()}
SCRAPES = "monitoring/prometheus.yml"
CATALOGUE = "tests/rules/exposed_metrics.yml"
INVENTORIES = ("inventories/lab/hosts.yml", "inventories/production/hosts.yml")
ELSEWHERE = {"blackbox-http", "blackbox-public"}
"""Probes: what they answer is in the catalogue under jobs of the same metrics."""


def read(path: str) -> dict:  # type: ignore[type-arg]
    found: dict = read_yaml((REPO / path).read_text())  # type: ignore[type-arg]
    return found


@pytest.mark.parametrize("job", JOBS)
def test_what_an_exporter_answers_is_scraped(job: str) -> None:
    scraped = {scrape["job_name"] for scrape in read(SCRAPES)["scrape_configs"]}

    assert job in scraped, f"expected a job_name {job} with targets/{job}.yml in {SCRAPES}"


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("inventory", INVENTORIES)
def test_an_exporter_runs_on_groups_that_an_inventory_has(job: str, inventory: str) -> None:
    groups = {*read(inventory)["all"]["children"], "all"}

    assert {*JOBS[job]["groups"]} <= groups, f"expected the groups {JOBS[job]['groups']} in {inventory}"


@pytest.mark.parametrize("job", sorted(JOBS.keys() - ELSEWHERE))
def test_what_an_exporter_exposes_is_in_the_catalogue(job: str) -> None:
    """Or tests/rules/lint_exceptions.yml says why the lab does not have it, and where a real one is asked."""
    excused = house(REPO).excused("not_exposed", "jobs")

    assert job in {*read(CATALOGUE), *excused}, (
        f"expected {job} in {CATALOGUE}; with the lab up, `harness rules exposed` writes it"
    )


def test_two_exporters_of_one_host_have_two_ports() -> None:
    own = [(exporter.port, exporter.name) for exporter in EXPORTERS.values()]

    assert len({port for port, _ in own}) == len(own), f"expected each port once: {own}"


@pytest.mark.parametrize(
    "text", ["", "[]", "{__exporter_jobs: {other: {}}}", "{__exporter_jobs: {a: {port: 1}}", "a: ["]
)
def test_a_data_file_that_does_not_say_what_it_must_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(text)

    with pytest.raises(CatalogError, match=r"expected `__exporter_jobs: \{a: .*a\.yml, found"):
        load_exporters(tmp_path)
