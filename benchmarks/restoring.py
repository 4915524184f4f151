"""How much longer twenty hosts take to be restored than two: the real playbook and plan, hosts that stand in.

.venv/bin/python -m benchmarks.restoring

Each stand-in is this machine under another name. Its `app_release` answers as a host with a bad release
does, and takes for a switch as long as a lab host takes: the order, the batches and Ansible are measured.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import yaml

from devtools.paths import REPO
from devtools.playbook import run_playbook
from rollback.adapters.playbook import FORKS

FEW, MANY, RUNS = 2, 20, 3
SWITCH_SECONDS = 2.5
LIMIT = 4.0
STAND_IN = f'''
"""A host with release 2 live and release 1 beside it."""

import time

from ansible.module_utils.basic import AnsibleModule

SPEC = {{name: {{"type": "raw"}} for name in (
    "state", "root", "name", "version", "archive", "checksum", "by", "url", "timeout", "kept")}}
module = AnsibleModule(argument_spec=SPEC)
if module.params["state"] == "live":
    time.sleep({SWITCH_SECONDS})
    module.exit_json(changed=True, version="1", previous="2")
module.exit_json(changed=False, current="2", running="2", complete={{"1": "d", "2": "d"}}, status={{}},
                 live_at={{}}, known_good="1", archives={{}}, damage="", own_archive="")
'''


def restored_in(place: Path, hosts: int) -> float:
    """Seconds of one run over so many hosts."""
    connection = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    names = {f"app{number:02}": connection for number in range(hosts)}
    become = {"ansible_become": False, "ansible_user": "mita-deploy"}
    group = {"application": {"hosts": names, "vars": {"site_name": "benchmark", **become}}}
    inventory = place / f"{hosts}.yml"
    inventory.write_text(yaml.safe_dump({"all": {"children": group}}))
    extra = ("-e", "app_version=1 app_leaving=2 app_by_daemon=true")
    environment = {
        "ANSIBLE_CONFIG": str(REPO / "rollback" / "adapters" / "ansible.cfg"),
        "ANSIBLE_ROLES_PATH": str(place / "roles"),
        "ANSIBLE_FORKS": str(FORKS),
    }
    began = time.monotonic()
    play = REPO / "playbooks" / "rollback.yml"
    done = run_playbook(play, *extra, inventory=inventory, environment=environment, cwd=place)
    if done.returncode:
        raise SystemExit(f"expected the run over {hosts} hosts to succeed, found:\n{done.output[-3000:]}")
    return time.monotonic() - began


def main() -> int:
    """Print the ratio; 1 when it is above the limit."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        shutil.copytree(REPO / "roles", place / "roles")
        (place / "roles" / "application" / "library" / "app_release.py").write_text(STAND_IN)
        few = median(restored_in(place, FEW) for _ in range(RUNS))
        many = median(restored_in(place, MANY) for _ in range(RUNS))
    sys.stdout.write(
        f"{FEW} hosts {few:.1f} s, {MANY} hosts {many:.1f} s: {many / few:.2f} times (limit {LIMIT})\n"
    )
    return int(many / few > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
