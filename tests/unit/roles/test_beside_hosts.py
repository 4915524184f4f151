"""What a site keeps beside its hosts adds none: Ansible reads every file of an inventory's directory."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devtools.paths import REPO

pytestmark = pytest.mark.slow

HOSTS: dict[str, Any] = {"all": {"hosts": {"watch": {}}}}
WORD = "word\n"
"""A line of one word, which would be a host."""


def test_files_beside_the_hosts_are_no_hosts(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(json.dumps(HOSTS))
    for name in ("grafana.gpg.key", "certificates/watch.crt", "rules/shop.rules.yml", "templates/shop.tmpl"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(WORD)

    asked = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-inventory")), "-i", str(tmp_path), "--list"],
        env={**os.environ, "ANSIBLE_CONFIG": str(REPO / "ansible.cfg")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(asked.stdout)["ungrouped"]["hosts"] == ["watch"]
    assert "Unable to parse" not in asked.stderr
