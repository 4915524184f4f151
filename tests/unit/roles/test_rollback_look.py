"""What the role of the daemon learns about a host before it changes anything."""

import getpass
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from devtools.paths import REPO

LOOK = (REPO / "roles/rollback/files/look.py").read_text(encoding="utf-8")


def look(opt: Path, user: str, key: Path) -> dict[str, Any]:
    argv = [sys.executable, "-c", LOOK, str(opt), user, str(key)]
    found: dict[str, Any] = json.loads(
        subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    )
    return found


def test_a_bare_host_has_nothing_but_python(tmp_path: Path) -> None:
    found = look(tmp_path / "none", "nobody-of-this-name", tmp_path / "id")

    version = "{}.{}".format(*sys.version_info)
    assert found == {"python": version, "bundles": [], "current": "", "key": ""}


def test_only_whole_bundles_and_the_key_of_a_user_that_is_there_count(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a/manifest.json").touch()
    (tmp_path / "cut-off").mkdir()
    (tmp_path / "current").symlink_to("a")
    key = tmp_path / "id"
    key.touch()
    key.with_name("id.pub").write_text("ssh-ed25519 AAAA mita\n")

    found = look(tmp_path, getpass.getuser(), key)

    assert (found["bundles"], found["current"], found["key"]) == (
        ["a"],
        "a",
        "ssh-ed25519 AAAA mita",
    )
    assert look(tmp_path, "nobody-of-this-name", key)["key"] == ""

    key.unlink()
    assert look(tmp_path, getpass.getuser(), key)["key"] == ""
