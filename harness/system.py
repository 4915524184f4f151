"""Programs of this machine: run them, as root where needed, with failures that say what to do."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import HarnessError


def run(argv: Sequence[str], *, timeout_s: float = 600, env: Mapping[str, str] | None = None) -> str:
    """The program ran and succeeded; its standard output. A failure is raised with its last words."""
    done = subprocess.run(
        list(argv),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=timeout_s,
        env={**os.environ, **env} if env else None,
    )
    if done.returncode != 0:
        words = last_words(done.stderr or done.stdout)
        raise HarnessError(f"expected `{' '.join(argv)}` to succeed, it exited {done.returncode}: {words}")
    return done.stdout


def last_words(output: str, lines: int = 5) -> str:
    """The end of a program's output, where it says why it gave up."""
    return "\n".join(line for line in output.strip().splitlines()[-lines:]) or "(it said nothing)"


def as_root(argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` as root from this user, without ever asking for a password."""
    return list(argv) if os.geteuid() == 0 else ["sudo", "-n", *argv]


def has_systemd() -> bool:
    """Whether systemd is this machine's init and can start services."""
    return Path("/run/systemd/system").is_dir()


def say(sentence: str) -> None:
    """One line of progress for the person at the terminal, at once."""
    print(sentence, flush=True)  # noqa: T201
