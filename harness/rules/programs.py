"""promtool and amtool of this machine."""

import shutil
import subprocess
from pathlib import Path

from harness.errors import HarnessError
from harness.paths import CACHE


def program(name: str) -> str:
    """The path of a checking program: the cache that `make` fills first, then PATH."""
    cached = CACHE / "bin" / name
    found = str(cached) if cached.exists() else shutil.which(name)
    if not found:
        raise HarnessError(f"expected {name} in {cached.parent} or on PATH, found none; run `make setup`")
    return found


def promtool(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What promtool answers; its words for a person are on both streams."""
    return _run("promtool", arguments, cwd)


def amtool(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """What amtool answers."""
    return _run("amtool", arguments, cwd)


def _run(name: str, arguments: tuple[str | Path, ...], cwd: Path | None) -> subprocess.CompletedProcess[str]:
    argv = [program(name), *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd=cwd)
