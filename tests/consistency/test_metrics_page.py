"""docs/metrics.md names what is exposed, with its labels, and nothing else."""

import re

from devtools.paths import REPO
from monitoring.yaml_text import read_yaml
from relay.state import HELP

PAGE = (REPO / "docs" / "metrics.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (.*?) \| (.+) \|$", re.M)
NAMED = re.compile(r"`([a-z][a-z0-9_]+)(?:\{([a-z, ]+)\})?`")
OF_A_HISTOGRAM = re.compile(r"_(bucket|count|sum)$")


def rows(prefix: str) -> dict[str, set[str]]:
    return {
        name: set(re.findall(r"\w+", labels))
        for name, labels, _ in ROW.findall(PAGE)
        if name.startswith(prefix)
    }


def test_daemon_exposes_what_the_page_says() -> None:
    exposed = read_yaml((REPO / "tests" / "rules" / "exposed_metrics.yml").read_text(encoding="utf-8"))
    found = {
        OF_A_HISTOGRAM.sub("", name): {*labels} - {"le"}
        for name, labels in exposed["mita-rollback"]["metrics"].items()
        if name.startswith("mita_rollback")
    }

    assert found
    assert rows("mita_rollback") == found


def test_queue_exposes_what_the_page_says() -> None:
    assert set(rows("mita_relay")) == set(HELP)


def test_application_promises_what_the_requirements_name() -> None:
    contract = read_yaml((REPO / "monitoring" / "contract.yml").read_text(encoding="utf-8"))
    promised = {OF_A_HISTOGRAM.sub("", one["name"]): {*one["labels"]} for one in contract}
    said = PAGE.split("The requirements name ")[1].split(": each is there")[0]

    named = {name: set(re.findall(r"\w+", labels)) for name, labels in NAMED.findall(said)}
    assert len(named) == 12
    assert {name: promised.get(name) for name in named} == named
