"""The one runner of Ansible playbooks: a run can be watched, waited for and read task by task.

No way out of the block leaves one running.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from devtools.errors import UserError
from devtools.paths import REPO

CALLBACKS = (REPO / "devtools" / "callback_plugins", REPO / "playbooks" / "callback_plugins")
ENABLED, RECORDER = "ANSIBLE_CALLBACKS_ENABLED", "mita_record"
GOODBYE_S = 15.0
TIMEOUT_S = 600.0
TASK = re.compile(r"^(?:TASK|RUNNING HANDLER) \[(.+?)\] \**$", re.MULTILINE)
FAILURES = re.compile(r"^(?:fatal|failed|ERROR|\[ERROR\]).*$", re.MULTILINE)
KEPT_CHARACTERS = 3000


class PlaybookError(UserError):
    """A playbook failed; the message ends with its own words."""


@dataclass(frozen=True)
class Event:
    """One result of one task on one host; `part` is the part of the play that it belongs to."""

    host: str
    part: str
    task: str
    status: str
    message: str = ""
    diff: Any = field(default_factory=list)

    @property
    def diffs(self) -> list[Mapping[str, str]]:
        """The diff entries that show something."""
        entries = self.diff if isinstance(self.diff, list) else [self.diff]
        return [entry for entry in entries if entry.get("before") != entry.get("after")]


@dataclass(frozen=True)
class Run:
    """One run that has ended."""

    returncode: int
    output: str
    events: tuple[Event, ...]

    def of(self, part: str) -> tuple[Event, ...]:
        """The events of one part of the play."""
        return tuple(event for event in self.events if event.part == part)

    def changed(self, part: str | None = None) -> list[str]:
        """The tasks that changed something: what an idempotence failure has to name."""
        events = self.events if part is None else self.of(part)
        return [f"{event.host}: {event.task}" for event in events if event.status == "changed"]

    def new_lines(self) -> list[set[str]]:
        """The lines that each shown diff adds."""
        diffs = [diff for event in self.events for diff in event.diffs]
        return [set(diff["after"].splitlines()) - set(diff["before"].splitlines()) for diff in diffs]

    def failure(self, part: str | None = None) -> str:
        """The message of the failed task, or nothing."""
        events = self.events if part is None else self.of(part)
        return "\n".join(event.message for event in events if event.status == "failed")

    def ok(self) -> "Run":
        """This run, or an assertion with its output."""
        assert self.returncode == 0 and not self.failure(), self.failure() or self.output[-6000:]
        return self


class Playbook:
    """One run under way. Its log and its events grow while it works."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], log: Path, record: Path) -> None:
        self.name = name
        self._process = process
        self.log = log
        self._record = record

    def task(self) -> str:
        """Return the name of the task it is at."""
        tasks = TASK.findall(self._text())
        return tasks[-1] if tasks else "starting"

    def events(self) -> tuple[Event, ...]:
        """Return the results so far; a line that is still being written is left out."""
        lines = self._record.read_text(encoding="utf-8").splitlines(keepends=True)
        return tuple(Event(**json.loads(line)) for line in lines if line.endswith("\n"))

    def done(self) -> bool:
        """Tell whether it ended; raises PlaybookError if it failed."""
        code = self._process.poll()
        if code:
            raise PlaybookError(
                f"expected {self.name} to succeed, found exit code {code} at task {self.task()!r}:\n"
                f"{self.words()}\nthe whole log: {self.log}"
            )
        return code == 0

    def wait(self, timeout_s: float = TIMEOUT_S) -> Run:
        """Return the run once it has ended, failed or not; raises subprocess.TimeoutExpired."""
        code = self._process.wait(timeout=timeout_s)
        return Run(code, self._text(), self.events())

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
        """End it if it still runs, as Ctrl-C would, then what is left of it by force."""
        if self._process.poll() is not None:
            return
        workers = _descendants(self._process.pid)  # which are no members of its group
        try:
            os.killpg(self._process.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=GOODBYE_S)
        finally:  # also where somebody does not want to wait so long
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGSTOP)  # it begins no other meanwhile
                workers += _descendants(self._process.pid)
                self.kill()
            for left in workers:
                with suppress(psutil.Error):
                    left.kill()

    def _text(self) -> str:
        return self.log.read_text(errors="replace")


@contextmanager
def playing(
    name: str,
    arguments: Sequence[str],
    log: Path,
    *,
    environment: Mapping[str, str] | None = None,
    cwd: Path = REPO,
) -> Iterator[Playbook]:
    """Run `ansible-playbook` with *arguments* for the length of the block. No way out leaves it running.

    It runs with the repository's configuration unless *environment* says otherwise.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    record = log.with_name(f"{log.name}.events")
    record.write_text("")
    program = Path(sys.executable).with_name("ansible-playbook")
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [str(program), *arguments],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env={**os.environ, **_recording(record), **(environment or {})},
            start_new_session=True,
        )
    playbook = Playbook(name, process, log, record)
    try:
        yield playbook
    finally:
        playbook.stop()


def run_playbook(
    playbook: Path | str,
    *options: str,
    inventory: Path | str | None = None,
    variables: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    cwd: Path = REPO,
    timeout_s: float = TIMEOUT_S,
) -> Run:
    """Run *playbook* to its end, failed or not, from the repository's root unless *cwd* says otherwise."""
    arguments = [str(playbook), *options]
    arguments += ["--inventory", str(inventory)] if inventory else []
    arguments += ["--extra-vars", json.dumps(variables)] if variables else []
    with tempfile.TemporaryDirectory(prefix="mita-play-") as directory:
        log = Path(directory) / "log"
        with playing(str(playbook), arguments, log, environment=environment, cwd=cwd) as run:
            return run.wait(timeout_s)


@cache
def host_variables(host: str = "monitor") -> Mapping[str, Any]:
    """Return the variables that the default inventory gives *host*."""
    program = Path(sys.executable).with_name("ansible-inventory")
    done = subprocess.run(
        [str(program), "--host", host], cwd=REPO, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise UserError(f"expected the inventory to be readable, found: {done.stderr.strip()[-500:]}")
    return dict(json.loads(done.stdout))


def _descendants(pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        return psutil.Process(pid).children(recursive=True)
    return []


def _recording(record: Path) -> dict[str, str]:
    return {
        "ANSIBLE_CONFIG": str(REPO / "ansible.cfg"),
        "ANSIBLE_CALLBACK_PLUGINS": ":".join(map(str, CALLBACKS)),
        ENABLED: ",".join(filter(None, (os.environ.get(ENABLED), RECORDER))),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_FORCE_COLOR": "0",
        "MITA_RECORD": str(record),
    }
