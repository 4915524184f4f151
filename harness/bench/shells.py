"""The commands of a fault: run by /bin/sh beside the plan, never for ever, and undone whatever happens."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from devtools.system import last_words

LONGEST_S = 60.0
ENDINGS = (signal.SIGTERM, signal.SIGHUP)
"""How others end this process: by its number, or by closing its terminal."""


def shell(command: str, home: Path, environment: Mapping[str, str], longest_s: float = LONGEST_S) -> str:
    """Run a command; return what went wrong, in words, and nothing where nothing did.

    What the command leaves running in the background does not hold it up.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=home,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(longest_s)
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            return f"`{command.strip()}` did not end within {longest_s:g} s"
        output.seek(0)
        words = last_words(output.read().decode(errors="replace"))
    return f"`{command.strip()}` exited {status}: {words}" if status else ""


@contextmanager
def undisturbed() -> Iterator[None]:
    """A second Ctrl-C does not interrupt what the first one made necessary."""
    before = {sign: signal.signal(sign, signal.SIG_IGN) for sign in (signal.SIGINT, *ENDINGS)}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """Whoever asks this process to end is heard as Ctrl-C is: faults are undone first."""

    def interrupt(_sign: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # What is ignored from the start stays so: that is how nohup keeps a run alive.
    heard = [sign for sign in ENDINGS if signal.getsignal(sign) is not signal.SIG_IGN]
    before = {sign: signal.signal(sign, interrupt) for sign in heard}
    try:
        yield
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
