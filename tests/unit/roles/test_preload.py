"""What the process of each task would load anew is loaded once."""

import json
from pathlib import Path

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
