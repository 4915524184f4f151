"""Whether this host can start a release: what makes it live, and the program that its command names."""

import os
import subprocess
from pathlib import Path

from . import manifest
from .manifest import Manifest

MAKE_CODE = ("bun", "deno", "dotnet", "java", "luajit", "node", "nodejs", "pypy3")
"""Programs that make machine code while they run: where that is forbidden they are killed, early or late."""
DO_NOT = ("--jitless", "-Xint")
"""Options with which they make none."""
KILLED = ("status=5/TRAP", "status=11/SEGV")
ALLOW = "application_sandbox: {MemoryDenyWriteExecute: null} in the inventory, and playbooks/application.yml"


def obstacle(described: Manifest, launcher: Path | None = None, unit: str = "") -> str:
    """Return a sentence about what this host lacks to start the release, or nothing."""
    if "start" in described and launcher and not launcher.is_file():
        return f"expected {launcher} on this host, found none; run playbooks/application.yml"
    program = Path(manifest.host_program(described))
    if program.is_absolute() and not (program.is_file() and os.access(program, os.X_OK)):
        return (
            f"expected {program}, which starts {described.get('version')}, on this host, found none; "
            f"name its package in application_packages and run playbooks/application.yml"
        )
    if program.name in MAKE_CODE and not set(DO_NOT) & set(described["start"]) and unit and forbids(unit):
        return f"expected {program} to be allowed to make machine code, found it forbidden; say {ALLOW}"
    return ""


def forbids(unit: str) -> bool:
    """Whether the unit forbids to make machine code."""
    command = ["systemctl", "show", "--property=MemoryDenyWriteExecute", "--value", unit]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() == "yes"


def hint(said: str, unit: str) -> str:
    """Return what may be behind the last words of a service that was killed by a signal of its own making."""
    if any(words in said for words in KILLED) and forbids(unit):
        return f"\nA language that makes machine code while it runs is killed so; if yours does, say {ALLOW}"
    return ""
