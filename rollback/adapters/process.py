"""A program in its own process group, watched until it ends, and never left behind."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rollback import faults
from rollback.domain.ports import Pause
from rollback.faults import Moment

POLL_SECONDS = 0.1
MARK = "MITA_ROLLBACK_RUN"
"""An environment variable that every process of a run inherits: how a leftover of a dead daemon is known."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run and where. `environment` is everything it gets; nothing is inherited.

    Seconds: it is stopped after `timeout`; it may go on for `grace` when the daemon stops; what does not end
    when it is asked to is killed `kill_after` later.
    """

    argv: Sequence[str]
    directory: Path
    environment: Mapping[str, str]
    run_mark: str
    timeout: float
    grace: float
    kill_after: float


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How it ended: its return code, or None when it was killed for one of two reasons."""

    code: int | None
    timed_out: bool = False
    stopped: bool = False


def run(
    program: Program, output: Path, tick: Callable[[], None], pause: Pause, now: Callable[[], float]
) -> Ending:
    """Run the program to its end, calling *tick* all the while; its whole group is gone afterwards.

    When the daemon stops, the program gets `grace` seconds to finish before it is killed.
    """
    kill_leftovers(program.run_mark)
    with output.open("ab") as log:
        process = subprocess.Popen(
            list(program.argv),
            cwd=program.directory,
            env={**program.environment, MARK: program.run_mark},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    faults.passing(Moment.PROGRAM_STARTED)
    try:
        ending = _watch(process, program, tick, pause, now)
    finally:
        _kill_group(process, program.kill_after)
        kill_leftovers(program.run_mark)
    tick()
    faults.passing(Moment.PROGRAM_ENDED)
    return ending


def _watch(
    process: subprocess.Popen[bytes],
    program: Program,
    tick: Callable[[], None],
    pause: Pause,
    now: Callable[[], float],
) -> Ending:
    started = now()
    while process.poll() is None:
        tick()
        if now() - started > program.timeout:
            return Ending(code=None, timed_out=True)
        if pause(POLL_SECONDS):
            return _finish(process, program.grace, tick, now)
    return Ending(code=process.returncode)


def _finish(
    process: subprocess.Popen[bytes], grace: float, tick: Callable[[], None], now: Callable[[], float]
) -> Ending:
    """The daemon is stopping: the program has so many seconds left."""
    stopped = now()
    while now() - stopped <= grace:
        tick()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return Ending(code=process.wait(timeout=POLL_SECONDS))
    return Ending(code=None, stopped=True)


def _kill_group(process: subprocess.Popen[bytes], kill_after: float) -> None:
    """End whatever is left of the group: politely, then by force."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=kill_after)
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def kill_leftovers(run_mark: str) -> list[int]:
    """Kill every process of ours that carries the mark of the run; return their ids.

    They exist when the daemon was killed while its program ran, or when a part of the program left the group.
    """
    wanted = f"{MARK}={run_mark}".encode()
    found = [pid for pid in _own_processes() if wanted in _environment(pid)]
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return found


def _own_processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []
