"""The daemon as a process: command line, signals, systemd, and the only real clock.

python3 -m rollback.app [--settings FILE]    run
python3 -m rollback.app --check FILE         say whether the settings can be used
python3 -m rollback.app --docs               print docs/settings.md
"""

import argparse
import asyncio
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog

from rollback import __version__, crash_points
from rollback.adapters import logs, sdnotify
from rollback.adapters.metrics import ReloadState
from rollback.adapters.sqlite import SqliteStore
from rollback.assembly import BUNDLE, assemble
from rollback.checking import problems, unreachable
from rollback.domain.errors import RollbackError, SettingsInvalid, StoreUnavailable
from rollback.reloading import Loaded, changed_but_fixed, load
from rollback.server import make_server
from rollback.settings_docs import render
from rollback.sockets import leave, listen
from rollback.sole import claim

LOG = structlog.get_logger("rollback.app")
DEFAULT_SETTINGS = Path("/etc/mita-rollback/settings.yml")
AFTER_GRACE_SECONDS = 10.0
REST_SECONDS = 10.0
"""What keeps the daemon from starting is seldom mended within seconds, and each try costs one of them."""
HANGING_SECONDS = 1.0
"""A disk that has not answered for so long is what others wait for."""


class SystemClock:
    """The real time."""

    def now(self) -> datetime:
        """The current moment, in UTC."""
        return datetime.now(UTC)

    def ticks(self) -> float:
        """Seconds that nobody can set."""
        return time.monotonic()


class Daemon:
    """Everything that lives as long as the process."""

    def __init__(self, file: Path) -> None:
        self._file, self._clock = file, SystemClock()
        self._loaded = load(file)
        self._reloaded = self._success()
        settings = self._loaded.settings
        logs.configure(settings.log_format)
        crash_points.arm(os.environ)
        for problem in problems(self._loaded, BUNDLE):
            LOG.warning("will_not_work", problem=problem)
        self._socket = listen(settings.listen_address, settings.listen_port)
        self._sole = claim(settings.database)  # closed by the kernel, last of all
        self._store = SqliteStore(settings.database)
        with suppress(StoreUnavailable):  # it is damaged or full: the daemon says so and turns everybody away
            self._store.adopt(settings.environment)
        parts = assemble(self._store, self._clock, lambda: self._loaded, lambda: self._reloaded)
        self._worker, self._narrate, self._ended = parts.worker, parts.narrate, threading.Event()
        self._server = make_server(parts.application, lambda: self._loaded.tls, parts.counts, self._answering)

    async def serve(self) -> None:
        """Run until SIGTERM or SIGINT; what was accepted is in the database when this returns."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        self._worker.start()
        watchdog = asyncio.create_task(self._feed_watchdog())
        await self._server.serve(sockets=[self._socket])
        watchdog.cancel()
        grace = self._loaded.settings.executor.stop_grace.total_seconds()
        whole = await asyncio.to_thread(self._worker.join, grace + AFTER_GRACE_SECONDS)
        self._store.close()
        LOG.info("stopped", everything_finished=whole)

    def reload(self) -> None:
        """Replace the settings by those on disk, or keep the old ones and say why."""
        sdnotify.reloading()
        try:
            new = load(self._file)
            if found := problems(new, BUNDLE):
                raise SettingsInvalid("; ".join(found))
            self._replace(new)
        except Exception as error:  # whatever is wrong with what is on disk, the daemon goes on as it was
            self._reloaded = ReloadState(
                successful=False, succeeded_at=self._reloaded.succeeded_at, problem=str(error) or repr(error)
            )
            expected = isinstance(error, SettingsInvalid)
            LOG.error("settings_kept", problem=str(error), exc_info=None if expected else error)
            sdnotify.notify(READY=1)
        else:
            self._reloaded = self._success()
            LOG.info("settings_reloaded")
            sdnotify.notify(READY=1)

    def _replace(self, new: Loaded) -> None:
        old = self._loaded.settings
        if fixed := changed_but_fixed(old, new.settings):
            LOG.warning("restart_needed", settings=", ".join(fixed))
        self._loaded = new

    def _success(self) -> ReloadState:
        return ReloadState(successful=True, succeeded_at=self._clock.now().timestamp())

    def _answering(self) -> None:
        host, port, *_ = self._socket.getsockname()
        LOG.info("listening", address=host, port=port, tls=self._loaded.tls is not None, version=__version__)
        leave(self._socket)
        sdnotify.notify(READY=1, STATUS=f"listening on port {port}")
        telling = (self._narrate, self._ended)
        threading.Thread(target=sdnotify.keep_telling, args=telling, name="status", daemon=True).start()

    def _stop(self) -> None:
        LOG.info("stopping")
        self._ended.set()
        sdnotify.notify(STOPPING=1, STATUS="stopping: what runs is given its time")
        self._worker.stop()
        self._server.should_exit = True

    async def _feed_watchdog(self) -> None:
        """Tell systemd that a new start would help nothing; silence makes it start the daemon anew.

        A disk that fails or hangs, or a Prometheus that is slow, is not mended by that: who is turned away
        comes again, and `ready` says what is wrong.
        """
        interval = sdnotify.watchdog_interval()
        while interval:
            stuck = self._worker.stuck()
            if not self._store.alive:
                stuck.append("the writer of the database has ended")
            elif self._store.hanging > HANGING_SECONDS:
                stuck.clear()
            if stuck:
                LOG.error("watchdog_not_fed", trouble="; ".join(stuck))
            else:
                sdnotify.notify(WATCHDOG=1)
            await asyncio.sleep(interval)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line says; 2 when settings cannot be used."""
    parser = argparse.ArgumentParser(prog="python3 -m rollback.app", description="The rollback daemon.")
    parser.add_argument("--settings", type=Path, default=DEFAULT_SETTINGS, metavar="FILE")
    parser.add_argument("--check", type=Path, metavar="FILE", help="validate the settings and exit")
    parser.add_argument("--docs", action="store_true", help="print docs/settings.md and exit")
    options = parser.parse_args(arguments)
    try:
        if options.docs:
            print(render(), end="")  # noqa: T201
        elif options.check:
            return _check(options.check)
        else:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would have every secret in it
            _run(options.settings)
    except RollbackError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _run(file: Path) -> None:
    """Live. A start that fails is said to systemd, and rests before it is tried again by it."""
    try:
        daemon = Daemon(file)
    except RollbackError as error:
        if sdnotify.notify(STATUS=" ".join(str(error).split())):
            time.sleep(REST_SECONDS)
        raise
    asyncio.run(daemon.serve())


def _check(file: Path) -> int:
    """Say whether the settings can be used, or every problem in a sentence of its own."""
    loaded = load(file)
    found = [*problems(loaded, BUNDLE), *unreachable(loaded.settings.listen_address)]
    if not found:
        print(f"{file}: the settings can be used")  # noqa: T201
        return 0
    head = f"{file}: {len(found)} thing(s) will not work; mend them and try again"
    print("\n  ".join([head, *found]), file=sys.stderr)  # noqa: T201
    return 2


if __name__ == "__main__":
    sys.exit(main())
