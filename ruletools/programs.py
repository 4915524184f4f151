"""What promtool and amtool answer; a failed check is an answer, not an error."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from devtools.tools import tool

Answer = subprocess.CompletedProcess[str]


def promtool(*arguments: str | Path) -> Answer:
    """promtool's answer; its words for a person are on both streams."""
    return _run("promtool", arguments)


def promtool_tests(files: Sequence[Path], *, timeout_s: float) -> Answer:
    """promtool's answer on test files, both streams in the order in which it spoke, or TimeoutExpired.

    Its own session: Ctrl-C ends the harness, which waits for it, and not promtool in the middle of a verdict.
    """
    argv = [str(tool("promtool")), "test", "rules", *map(str, files)]
    # Short-lived and small: collecting garbage a quarter as often saves a fifth of the time.
    return subprocess.run(
        argv,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=timeout_s,
        start_new_session=True,
        env={"GOGC": "400", **os.environ},
    )


def amtool(*arguments: str | Path) -> Answer:
    """amtool's answer."""
    return _run("amtool", arguments)


def _run(name: str, arguments: tuple[str | Path, ...]) -> Answer:
    argv = [str(tool(name)), *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, check=False)
