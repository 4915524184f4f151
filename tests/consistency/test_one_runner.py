"""Ansible is started by one module; the daemon's own executor is shipped and has no other room to ask."""

from devtools.paths import REPO

RUNNER = "devtools/playbook.py"
AS_A_PERSON = "tests/unit/roles/test_site.py"
"""It types the command as a person does and reads both of its outputs."""
ROOMS = ("application", "benchmarks", "compliance", "devtools", "harness", "monitoring", "ruletools", "tests")


def test_one_module_starts_ansible_playbook() -> None:
    quoted = tuple(f"{mark}ansible-playbook{mark}" for mark in "\"'")
    sources = [path for room in ROOMS for path in (REPO / room).rglob("*.py")]

    starting = {str(p.relative_to(REPO)) for p in sources if any(q in p.read_text("utf-8") for q in quoted)}

    assert starting == {RUNNER, AS_A_PERSON}
