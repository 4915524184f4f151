"""What promtool and amtool answer; a failed check is an answer, not an error."""

import subprocess
from pathlib import Path

from harness.tools import tool

Answer = subprocess.CompletedProcess[str]


def promtool(*arguments: str | Path) -> Answer:
    """promtool's answer; its words for a person are on both streams."""
    return _run("promtool", arguments)


def amtool(*arguments: str | Path) -> Answer:
    """amtool's answer."""
    return _run("amtool", arguments)


def _run(name: str, arguments: tuple[str | Path, ...]) -> Answer:
    argv = [str(tool(name)), *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)
