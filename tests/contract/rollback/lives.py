"""Daemons by the dozen: each a process of its own, forked from one that has imported the daemon already."""

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.contract.rollback.forgetful import Recorder

UNSEEN = 255
"""What multiprocessing says where it could not learn how a process was ended."""
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(["rollback.app"])


class Forked:
    """What a test needs to know of a process."""

    def __init__(
        self, settings: Path, log: Path, environment: dict[str, str], records: Path | None = None
    ) -> None:
        self._process = FORKING.Process(target=_live, args=(settings, log, environment, records))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def poll(self) -> int | None:
        code = self._process.exitcode
        return -signal.SIGKILL if code == UNSEEN else code

    def wait(self, timeout: float) -> int:
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("the daemon", timeout)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


def _live(settings: Path, log: Path, environment: dict[str, str], records: Path | None) -> None:
    """The daemon's whole life, as `python3 -m rollback.app` lives it; its writes are noted in *records*."""
    from rollback import app

    with log.open("ab") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    os.environ.update(environment)
    if records:
        Recorder(records)
    sys.exit(app.main(["--settings", str(settings)]))
