"""Whether this host can start a release: what makes it live, and the program that its command names."""

import os
from pathlib import Path

from . import manifest
from .manifest import Manifest


def obstacle(described: Manifest, launcher: Path | None = None) -> str:
    """Return a sentence about what this host lacks to start the release, or nothing."""
    if "start" in described and launcher and not launcher.is_file():
        return f"expected {launcher} on this host, found none; run playbooks/application.yml"
    program = manifest.host_program(described)
    if program and not (Path(program).is_file() and os.access(program, os.X_OK)):
        return (
            f"expected {program}, which starts {described.get('version')}, on this host, found none; "
            f"name its package in application_packages and run playbooks/application.yml"
        )
    return ""
