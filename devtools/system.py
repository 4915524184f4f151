"""Programs of this machine: run them, as root where needed, with failures that say what to do.

Only the standard library is used here: the bootstrap runs this before anything is installed.
"""

import fcntl
import getpass
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from devtools.errors import UserError
from devtools.paths import CACHE


def run(argv: Sequence[str], *, timeout_s: float = 600, env: Mapping[str, str] | None = None) -> str:
    """The program ran and succeeded; its standard output. A failure is raised with its last words."""
    try:
        done = subprocess.run(
            list(argv),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=timeout_s,
            env={**os.environ, **env} if env else None,
        )
    except FileNotFoundError as error:
        raise UserError(f"expected the program {argv[0]!r} on this machine, found none") from error
    except subprocess.TimeoutExpired as error:
        raise UserError(f"expected `{shlex.join(argv)}` to end within {timeout_s:g} s") from error
    if done.returncode != 0:
        words = last_words(done.stderr.strip() or done.stdout)
        raise UserError(f"expected `{shlex.join(argv)}` to succeed, it exited {done.returncode}: {words}")
    return done.stdout


def last_words(output: str, lines: int = 5) -> str:
    """The end of a program's output, where it says why it gave up."""
    return "\n".join(output.strip().splitlines()[-lines:]) or "(it said nothing)"


def is_root() -> bool:
    """Whether this process is root."""
    return os.geteuid() == 0


def can_be_root() -> bool:
    """Whether commands can be run as root without anybody typing a password."""
    if is_root():
        return True
    try:
        return subprocess.run(["sudo", "-n", "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def as_root(argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` as root from this user, without ever asking for a password."""
    return list(argv) if is_root() else ["sudo", "-n", *argv]


def require_root(purpose: str, otherwise: str) -> None:
    """This user may act as root; if not, UserError names the purpose and what to do `otherwise`."""
    if not can_be_root():
        raise UserError(
            f"expected root or passwordless sudo to {purpose}, "
            f"found the user {getpass.getuser()!r} with neither; run this as root, or {otherwise}"
        )


def has_systemd() -> bool:
    """Whether systemd is this machine's init and can start services."""
    return Path("/run/systemd/system").is_dir()


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Only one process of this user is inside at a time; a second one says that it waits, and waits."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"{name}: another run is at work, waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def say(sentence: str) -> None:
    """One line of progress for the person at the terminal, at once."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()
