"""All that lint judges in this repository, below one root: besides rules also dashboards and runbooks."""

from dataclasses import dataclass
from pathlib import Path

from ruletools.house.lint.dashboards import Dashboard, load_dashboards
from ruletools.house.loading import load_files, load_suites
from ruletools.lint.content import Content
from ruletools.lint.findings import Level

RULES = Path("monitoring", "rules")
TESTS = Path("tests", "rules")


@dataclass(frozen=True)
class House(Content):
    """This repository's content; whatever a check finds in it is an error."""

    scraping: Path = Path()
    runbooks: Path = Path()
    catalogue: Path = Path()
    dashboards: tuple[Dashboard, ...] = ()


def house(root: Path) -> House:
    """The content below a root that is laid out as this repository."""
    monitoring, tests = root / "monitoring", root / TESTS
    return House(
        files=load_files(root / RULES),
        suites=load_suites(tests),
        routing=monitoring / "alertmanager.yml",
        exceptions=tests / "lint_exceptions.yml",
        root=root,
        opinion=Level.ERROR,
        scraping=monitoring / "prometheus.yml",
        runbooks=root / "docs" / "runbooks",
        catalogue=tests / "exposed_metrics.yml",
        dashboards=load_dashboards(monitoring / "dashboards"),
    )
