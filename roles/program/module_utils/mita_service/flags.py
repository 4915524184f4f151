"""Whether a program knows the flags that it would be started with, asked beside the one that runs.

`--help` as the last flag makes a program read all flags before it and start nothing: one that it does not
know is said first. Some programs read what a flag's value is only later; then a start shows it.
"""

import shutil
import subprocess
from collections.abc import Sequence

HELP = "--help"
SECONDS = 5.0
ENDED_WELL = 0


def complaint(command: Sequence[str], seconds: float = SECONDS) -> str:
    """Return the program's own sentence about a flag that it does not know; empty where it has none.

    A program that is not here, or that does not answer `--help` alone, is not judged.
    """
    if shutil.which(command[0]) is None or _asked([command[0], HELP], seconds)[0] != ENDED_WELL:
        return ""
    code, said = _asked([*command, HELP], seconds)
    return said if code not in (ENDED_WELL, None) else ""


def _asked(argv: Sequence[str], seconds: float) -> tuple[int | None, str]:
    """Return how the program ended, None if it had to be ended, and the first line that it said."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):
        return None, ""
    lines = [line.strip() for line in f"{done.stderr}\n{done.stdout}".splitlines() if line.strip()]
    return done.returncode, lines[0] if lines else f"it ended with {done.returncode}"
