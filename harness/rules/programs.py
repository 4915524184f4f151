"""promtool and amtool of this machine."""

import subprocess
from pathlib import Path

from harness.tools import tool


def promtool(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What promtool answers; its words for a person are on both streams."""
    return _run("promtool", arguments, cwd)


def amtool(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What amtool answers."""
    return _run("amtool", arguments, cwd)


def _run(name: str, arguments: tuple[str | Path, ...], cwd: Path | None) -> subprocess.CompletedProcess[str]:
    argv = [str(tool(name)), *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=cwd)
