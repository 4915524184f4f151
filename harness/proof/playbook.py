"""An Ansible run as a subprocess that can be watched, waited for, and never left behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from devtools.errors import UserError
from devtools.paths import REPO

GOODBYE_S = 15.0
TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(.+?)\] \**$", re.MULTILINE)
FAILURES = re.compile(r"^(?:fatal|failed|ERROR|\[ERROR\]).*$", re.MULTILINE)
KEPT_CHARACTERS = 3000


class PlaybookError(UserError):
    """A playbook failed; the message ends with its own words."""


class Playbook:
    """One run. Its log grows while it works."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path) -> None:
        self.name = name
        self._process = process
        self.log = log

    def task(self) -> str:
        """Return the name of the task it is at."""
        tasks = TASK.findall(self._text())
        return tasks[-1] if tasks else "starting"

    def done(self) -> bool:
        """Tell whether it ended; raises PlaybookError if it failed."""
        code = self._process.poll()
        if code:
            raise PlaybookError(
                f"expected {self.name} to succeed, found exit code {code} at task {self.task()!r}:\n"
                f"{self.words()}\nthe whole log: {self.log}"
            )
        return code == 0

    def words(self) -> str:
        """Return the lines that say what failed, or the end of the log."""
        text = self._text()
        found = "\n".join(FAILURES.findall(text)) or text
        return found[-KEPT_CHARACTERS:]

    def kill(self) -> None:
        """End it without a chance to tidy up, as a lost controller would."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """End it if it still runs, as Ctrl-C would, then by force."""
        if self._process.poll() is not None:
            return
        os.killpg(self._process.pid, signal.SIGINT)
        try:
            self._process.wait(timeout=GOODBYE_S)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _text(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def playing(name: str, arguments: Sequence[str], log: Path) -> Iterator[Playbook]:
    """Run `ansible-playbook` with *arguments* for the length of the block. No way out leaves it running."""
    log.parent.mkdir(parents=True, exist_ok=True)
    program = Path(sys.executable).with_name("ansible-playbook")
    environment = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(program), *arguments],
            cwd=REPO,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
    playbook = Playbook(name, process, log)
    try:
        yield playbook
    finally:
        playbook.stop()
