"""A program in its own process group, watched until it ends, and never left behind."""

import contextlib
import errno
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import structlog

from rollback import crash_points
from rollback.crash_points import Moment
from rollback.domain.ports import Pause

LOG = structlog.get_logger("rollback.process")
T = TypeVar("T")

POLL_SECONDS = 0.1
SCARCE = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)
"""What is used up now and free again soon: a rollback does not fail for want of it."""
PATIENCE_SECONDS = 30.0
LONGEST_OUTPUT, TAIL_KEPT = 16_000_000, 1_000_000
"""Bytes of output after which only the last ones are kept, and how many of them."""
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
    patiently(lambda: kill_leftovers(program.run_mark), now)
    process = patiently(lambda: _started(program, output), now)

    crash_points.passing(Moment.PROGRAM_STARTED)

    def watched() -> None:
        with contextlib.suppress(OSError):  # what cannot be read now is read the next time
            tick()
        shorten(output)

    try:
        ending = _watch(process, program, watched, pause, now)
    finally:
        _kill_group(process, program.kill_after)
        patiently(lambda: kill_leftovers(program.run_mark), now)
    patiently(tick, now)
    shorten(output)
    crash_points.passing(Moment.PROGRAM_ENDED)
    return ending


def patiently(work: Callable[[], T], now: Callable[[], float]) -> T:
    """Do it, again and again for a while where descriptors, processes or memory are used up; else OSError."""
    until = now() + PATIENCE_SECONDS
    while True:
        try:
            return work()
        except OSError as error:
            if error.errno not in SCARCE or now() > until:
                raise
            LOG.warning("tried_again", why=str(error))
            time.sleep(POLL_SECONDS)


def shorten(output: Path) -> None:
    """Begin an output anew that has become too long; its last part until now lies beside it.

    The program goes on writing behind the end, wherever that is.
    """
    with contextlib.suppress(OSError):
        size = output.stat().st_size
        if size > LONGEST_OUTPUT:
            with output.open("r+b") as file:
                file.seek(size - TAIL_KEPT)
                end = file.read(2 * TAIL_KEPT)
                file.truncate(0)
            left_out = f"[all but the last {len(end)} bytes were left out]\n".encode()
            earlier(output).write_bytes(left_out + end)


def earlier(output: Path) -> Path:
    """Where the last part of an output is kept that was begun anew."""
    return output.with_name(f"{output.name}.earlier")


def _started(program: Program, output: Path) -> subprocess.Popen[bytes]:
    with output.open("ab") as log:
        return subprocess.Popen(
            list(program.argv),
            cwd=program.directory,
            env={**program.environment, MARK: program.run_mark},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


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
    except OSError as error:
        if error.errno in SCARCE:  # not to see a leftover is not to know that there is none
            raise
        return []
