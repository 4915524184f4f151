"""What the process of each task would load anew is loaded once."""

import json
import subprocess
import sys
from pathlib import Path

from devtools.paths import REPO
from devtools.playbook import run_playbook

FILTER = """
import os, pathlib
with open(os.environ["MITA_TEST_LOADS"], "a") as loads:
    loads.write(f"{os.getpid()}\\n")


class FilterModule:
    def filters(self):
        return {"mita_test_same": lambda value: value}
"""
TASK = {"ansible.builtin.assert": {"that": "'a' | mita_test_same == 'a'"}}


def test_filters_are_loaded_by_one_process_for_all_tasks(tmp_path: Path) -> None:
    loads = tmp_path / "loads"
    (tmp_path / "filters").mkdir()
    (tmp_path / "filters" / "mita_test.py").write_text(FILTER)
    inventory, play = tmp_path / "hosts.json", tmp_path / "play.yml"
    inventory.write_text(json.dumps({"all": {"hosts": {"a": {"site_name": "nowhere"}}}}))
    play.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [TASK] * 3}]))
    told = {"ANSIBLE_FILTER_PLUGINS": str(tmp_path / "filters"), "MITA_TEST_LOADS": str(loads)}

    done = run_playbook(str(play), inventory=inventory, environment=told)

    assert done.returncode == 0, done.output
    assert len(set(loads.read_text().split())) == 1


ALL_OF_THEM = """
import runpy, sys
for path in sys.argv[1:]:
    runpy.run_path(path)
print(*sorted({"pydantic", "requests"} & {*sys.modules}))
"""


def test_no_filter_loads_what_takes_half_a_second_of_every_play() -> None:
    paths = [*REPO.glob("playbooks/filter_plugins/*.py"), *REPO.glob("roles/*/filter_plugins/*.py")]

    told = subprocess.run(
        [sys.executable, "-c", ALL_OF_THEM, *map(str, paths)], capture_output=True, text=True, check=True
    )

    assert len(paths) > 20
    assert told.stdout.split() == []
