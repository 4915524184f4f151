"""Build one release's archive with its checksum beside."""

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from application import faults
from devtools.errors import UserError
from devtools.paths import CACHE, RELEASES_DIR, REPO
from devtools.system import run
from harness.lab.hosts import os_release

NAME = "mita-backend"
PYTHONS = {"trixie": "3.13", "bookworm": "3.11"}
BUILDER = REPO / "roles" / "program" / "files" / "build_bundle.py"
APPLICATION = REPO / "application"
CONSTRAINTS = REPO / "constraints.txt"


def build(
    version: str, fault_specs: Sequence[str] = (), lab_os: str | None = None, directory: Path = RELEASES_DIR
) -> Path:
    """The archive of this version with these faults is in the directory; same inputs, same bytes."""
    lab_os = lab_os or os_release()
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z.+_-]*", version) or version == "latest":
        raise UserError(f"expected a version such as 2.0.0, found {version!r}")
    path = archive_path(version, lab_os, directory)
    checksum = run([sys.executable, *command(path, manifest(version, fault_specs), PYTHONS[lab_os])]).strip()
    path.with_name(f"{path.name}.sha256").write_text(f"{checksum}  {path.name}\n")
    return path


def archive_path(version: str, lab_os: str, directory: Path = RELEASES_DIR) -> Path:
    """Where deploy.yml looks for it. Archives for another Debian lie apart: their libraries differ."""
    apart = Path() if lab_os == "trixie" else Path(lab_os)
    return directory / apart / f"{NAME}-{version}.tar.gz"


def manifest(version: str, fault_specs: Sequence[str]) -> dict[str, object]:
    """What the release says about itself."""
    try:
        found = faults.to_manifest([faults.parse(spec) for spec in fault_specs])
    except faults.FaultError as error:
        raise UserError(f"--fault: {error}") from error
    return {
        "name": NAME,
        "version": version,
        "rollback_safe": True,
        "start": ["/usr/bin/python3", "-P", "-m", "application"],
        "environment": {"PYTHONPATH": "$MITA_RELEASE/lib:$MITA_RELEASE/app"},
        "socket": True,
        "fault": found,
    }


def command(path: Path, described: dict[str, object], python: str) -> list[str]:
    """The arguments of the bundle builder."""
    requirements = str(APPLICATION / "requirements.txt")
    arguments = [
        str(BUILDER),
        "--requirements",
        requirements,
        "--python",
        python,
        "--source",
        f"{APPLICATION}:app/application",
    ]
    if CONSTRAINTS.exists():
        arguments += ["--constraint", str(CONSTRAINTS)]
    return [
        *arguments,
        "--manifest",
        json.dumps(described),
        "--out",
        str(path),
        "--wheels",
        str(CACHE / "wheels"),
    ]
