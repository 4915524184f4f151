"""Every role that Python code or a playbook reaches by its path is one that exists."""

import re

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
