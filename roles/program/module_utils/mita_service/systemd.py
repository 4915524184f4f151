"""systemd as this module needs it."""

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .model import UNIT_DIRECTORY

JOURNAL_LINES = 12
ENABLED = ("enabled", "enabled-runtime", "static", "generated", "indirect")


class CommandError(Exception):
    """A program refused; the message is its own words."""


@dataclass(frozen=True, kw_only=True)
class UnitState:
    """A unit as systemd sees it now; `restarts` counts those that systemd did by itself."""

    active: str = "inactive"
    enabled: bool = False
    sub: str = ""
    restarts: int = 0
    stale: bool = False

    @property
    def running(self) -> bool:
        """Say whether processes of the unit serve."""
        return self.active in ("active", "reloading")

    @property
    def dead(self) -> bool:
        """Say whether the unit ended although it should run, even if systemd is about to try again."""
        return self.active == "failed" or self.sub.startswith("auto-restart")


def run(argv: Sequence[str]) -> str:
    """Return what *argv* printed, or raise CommandError with it."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise CommandError(f"{argv[0]} is not on this host; install it first") from error
    if done.returncode:
        words = f"{done.stderr.strip()}\n{done.stdout.strip()}".strip()
        raise CommandError(f"{' '.join(argv)} ended with {done.returncode}: {words}")
    return done.stdout


def state(unit: str) -> UnitState:
    """Return the state of *unit*; an unknown unit is inactive and not enabled."""
    names = "ActiveState,SubState,UnitFileState,NRestarts,NeedDaemonReload"
    lines = run(["systemctl", "show", "--property", names, unit]).splitlines()
    values = dict(line.split("=", 1) for line in lines if "=" in line)
    return UnitState(
        active=values.get("ActiveState", "inactive"),
        sub=values.get("SubState", ""),
        enabled=values.get("UnitFileState") in ENABLED,
        restarts=int(values.get("NRestarts") or 0),
        stale=values.get("NeedDaemonReload") == "yes",
    )


def counts(timer: str) -> bool:
    """Say whether *timer* runs, and will after the next boot."""
    now = state(timer)
    return now.running and now.enabled


def begin(timer: str) -> None:
    """Let *timer* count from now on, as its file says, and after each boot if it starts at all."""
    run(["systemctl", "restart", timer])
    run(["systemctl", "enable", timer])


def reset_failed(unit: str) -> None:
    """Forget that *unit* failed, and how often it was started: an old failure must not hinder a new start."""
    if state(unit).active == "failed":
        run(["systemctl", "reset-failed", unit])


def masked(unit: str) -> bool:
    """Say whether *unit* can not be started by anybody."""
    path = Path(UNIT_DIRECTORY) / unit
    return path.is_symlink() and str(path.readlink()) == "/dev/null"


def journal(unit: str, since: float) -> str:
    """Return what *unit* wrote after the time *since*, seconds since the epoch: its first and last lines."""
    argv = ["journalctl", "--unit", unit, "--since", f"@{since:.6f}", "--no-pager", "--output", "cat"]
    try:
        lines = run(argv).strip().splitlines()
    except CommandError as error:
        return str(error)
    if len(lines) > 2 * JOURNAL_LINES:
        lines = [*lines[:JOURNAL_LINES], "(...)", *lines[-JOURNAL_LINES:]]
    return "\n".join(lines)


def now() -> float:
    """Return the time in the unit that `journal` wants."""
    return time.time()
