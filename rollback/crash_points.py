"""Named points at which a test has the daemon killed: SIGKILL, as if the power were cut there.

Only a process that is started with MITA_CRASH_POINT in its environment has any, and its log begins with that.
The value is `POINT` or `POINT:N`, which means the N-th time that the point is passed. Points are not listed
by hand: each kind of ledger line is one before and one after its commit, so that no step is without.
"""

import os
import signal
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum

import structlog

from rollback.domain.errors import SettingsInvalid
from rollback.domain.reasons import LedgerKind

LOG = structlog.get_logger("rollback.crash_points")
VARIABLE = "MITA_CRASH_POINT"


class Moment(StrEnum):
    """Where in the work a point is."""

    BEFORE_COMMIT = "before_commit"  # written, and not durable yet
    AFTER_COMMIT = "after_commit"  # durable, and nobody knows it yet
    PROGRAM_STARTED = "program_started"  # the executor's program is at work
    PROGRAM_ENDED = "program_ended"  # it has ended, and how is not written down
    MESSAGE_SENT = "message_sent"  # people were told, and that is not written down


COMMITS = (Moment.BEFORE_COMMIT, Moment.AFTER_COMMIT)


def point(moment: Moment, kind: LedgerKind | None = None) -> str:
    """The name of a point; one at a commit also names what is committed."""
    return f"{moment}/{kind}" if kind else moment


POINTS = frozenset(
    [point(moment, kind) for moment in COMMITS for kind in LedgerKind]
    + [point(moment) for moment in Moment if moment not in COMMITS]
)


class _Crash:
    """Counts how often each point is passed, and kills at the wanted one."""

    def __init__(self, wanted: str, number: int) -> None:
        self._wanted, self._number = wanted, number
        self._passed: Counter[str] = Counter()
        self._gate = threading.Lock()

    def passing(self, points: Sequence[str]) -> None:
        with self._gate:
            self._passed.update(points)
            LOG.info("crash_points_passed", points=" ".join(f"{p}:{self._passed[p]}" for p in points))
            if self._wanted in points and self._passed[self._wanted] >= self._number:
                os.kill(os.getpid(), signal.SIGKILL)


_crash: _Crash | None = None


def arm(environment: Mapping[str, str]) -> None:
    """Wait for the point that the environment names; for none where it names none. Raises SettingsInvalid."""
    global _crash
    value = environment.get(VARIABLE, "")
    if not value:
        _crash = None
        return
    name, _, number = value.partition(":")
    if name not in POINTS or not (number or "1").isdecimal():
        known = ", ".join(sorted(POINTS))
        raise SettingsInvalid(f"{VARIABLE}={value}: expected POINT or POINT:N, with a point of: {known}")
    LOG.critical("crash_point_armed", point=value, meaning="this process is a test: it kills itself there")
    _crash = _Crash(name, int(number or 1))


def armed() -> bool:
    """Whether this process waits for a point."""
    return _crash is not None


def passing(*points: str) -> None:
    """The work has come to these points, all at the same moment."""
    if _crash and points:
        _crash.passing(points)
