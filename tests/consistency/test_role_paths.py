"""Every role that Python code or a playbook reaches by its path is one that exists."""

import re
from collections import defaultdict

from devtools.paths import REPO

ROLES = {path.name for path in (REPO / "roles").iterdir()}
PATH = re.compile(r"""\broles["']? ?/ ?["']?([a-z_]+)["' ]*/""")
ROOMS = (
    "application",
    "benchmarks",
    "devtools",
    "harness",
    "monitoring",
    "playbooks",
    "roles",
    "rollback",
    "ruletools",
    "tests",
)


def test_no_code_names_a_role_that_does_not_exist() -> None:
    sources = [path for room in ROOMS for path in (REPO / room).rglob("*.py")]

    named = {
        (str(path.relative_to(REPO)), name) for path in sources for name in PATH.findall(path.read_text())
    }

    assert named
    assert {place for place in named if place[1] not in ROLES} == set()


def test_every_filter_has_a_name_of_its_own() -> None:
    """Ansible takes the first of a name: one beside the playbooks would stand in for that of a role."""
    plugins = [*REPO.glob("roles/*/filter_plugins/*.py"), *REPO.glob("playbooks/filter_plugins/*.py")]

    places = defaultdict(list)
    for path in plugins:
        for name in re.findall(r'"(mita_\w+)": ', path.read_text()):
            places[name].append(path.name)

    assert len(places) > 30
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
